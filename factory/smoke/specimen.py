"""The image that checks are about, and how a check tells what it saw."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

import docker

from factory.build.engine import EngineImage
from factory.build.records import Record
from factory.matrix.images import Image
from factory.matrix.schema import Matrix
from factory.matrix.words import Variant
from factory.process import Completed
from factory.smoke.container import Mounts, Runner
from factory.smoke.recipe import Recipe


class CheckFailedError(Exception):
    """What was wrong, with what was seen."""


class CheckSkippedError(Exception):
    """Why a check cannot be done here."""


@dataclass(frozen=True)
class Specimen:
    """The image under test. `digests` are those of the images that it is tested with, and its own.

    `folder` holds its family's handlers, `tests_key` is the fingerprint of its checks. `not_executed` says why it
    cannot be invoked here, where it cannot; `network` and `pip_conf` are what builds get.
    """

    matrix: Matrix
    image: Image
    record: Record
    found: EngineImage
    client: docker.DockerClient
    scratch: Path
    folder: Path
    tests_key: str
    recipe: Recipe | None = None
    digests: Mapping[Image, str] = field(default_factory=dict)
    not_executed: str | None = None
    network: str | None = None
    pip_conf: Path | None = None

    def runner(self, task: Path | None = None, layer: Path | None = None) -> Runner:
        """Containers of the image with folders mounted read-only."""
        return Runner(self.client, self.record.digest, self.image.architecture.platform, Mounts(task, layer))

    @property
    def peer(self) -> str:
        """The digest of the run image that belongs to a build image.

        Raises:
            CheckFailedError: it is not there.
        """
        run = replace(self.image, variant=Variant.RUN)
        if run not in self.digests:
            raise CheckFailedError(f"{run.name} is not there; run `factory build {run.name}`")
        return self.digests[run]


class Check(Protocol):
    """Returns when all is well."""

    __name__: str

    def __call__(self, specimen: Specimen) -> None:
        """Does the check.

        Raises:
            CheckFailedError: the image is not as it should be.
            CheckSkippedError: that cannot be told here.
        """


def expect(what: str, holds: bool, outcome: Completed) -> None:
    """Fails with what a container said unless something holds."""
    if not holds:
        raise CheckFailedError(
            f"not so: {what}; exit status {outcome.status}\n"
            f"stdout: {outcome.stdout[-1500:]}\nstderr: {outcome.stderr[-1500:]}"
        )
