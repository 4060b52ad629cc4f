"""Inputs keys: one number over all that decides an image's content, so that equal inputs need no second build."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from factory.matrix.images import Image
from factory.matrix.lock import Lock
from factory.matrix.schema import signatures_of
from factory.matrix.words import Variant
from factory.render.dockerfile import Renderer

LABEL = "io.github.lambda-factory.inputs-key"
"""The label that carries the key on the image."""

INPUTS_LABEL = "io.github.lambda-factory.inputs"
"""The label that carries the inputs themselves, so that whoever finds another key can say what changed."""

LOCAL = "factory.invalid"
"""The registry part of the names that finished images have in the engine: by RFC 2606 no host will ever be called so,
so nothing can be pushed or pulled under them by accident."""

UNLOCKED = "unlocked"
"""Stands for the digest of a reference that the lock does not hold."""


@dataclass(frozen=True)
class Inputs:
    """All that decides an image's content, each as a fingerprint, so that a change can be told by name."""

    dockerfile: str
    """sha256 of the rendered text."""
    context: str | None
    """Fingerprint of the build context, the emulator's or a bootstrap's; None where there is none."""
    upstreams: dict[str, str]
    """Locked digest by reference."""
    epoch: int
    """What the image calls its creation, seconds since 1970."""
    parent: str | None
    """The parent's inputs key."""
    platform: str
    archives: dict[str, str] = field(default_factory=dict)
    """Checksum by address."""

    @property
    def key(self) -> str:
        """sha256 over all of it, 64 hexadecimal digits."""
        return _sha256(self.text)

    @property
    def text(self) -> str:
        """All of it as JSON, on one line, equal for equal inputs."""
        return json.dumps(asdict(self), sort_keys=True)

    @staticmethod
    def parse(document: dict[str, Any]) -> Inputs:
        """From a record's JSON."""
        return Inputs(**document)


class InputsOf:
    """The inputs of every image of a matrix under a lock.

    `emulator` is the fingerprint of the emulator's sources, `bootstraps` has that of each bootstrap of ours.
    """

    def __init__(self, renderer: Renderer, lock: Lock, emulator: str, bootstraps: Mapping[str, str]) -> None:
        self._renderer, self._fetches, self._lock = renderer, renderer.fetches, lock
        self._emulator, self._bootstraps = emulator, bootstraps
        self._known: dict[Image, Inputs] = {}

    def __call__(self, image: Image) -> Inputs:
        """The inputs of one image."""
        if image not in self._known:
            self._known[image] = self._inputs(image)
        return self._known[image]

    def templates(self, image: Image) -> dict[str, str]:
        """The templates behind an image's Dockerfile, with fingerprints: no input by themselves."""
        return self._renderer.templates(image)

    def unlocked(self, image: Image) -> tuple[str, ...]:
        """The references of an image, without its parent's, that the lock has no digest for."""
        return tuple(
            reference
            for reference in self._fetches.upstreams(image)
            if self._lock.digest(reference, image.architecture) is None
        )

    def sources(self, image: Image) -> list[str]:
        """The references and addresses of archives that an image itself is made from."""
        inputs = self(image)
        return [*inputs.upstreams, *inputs.archives]

    def all_unlocked(self, images: Iterable[Image]) -> list[str]:
        """The references of these images that the lock has no digest for, sorted."""
        return sorted({reference for image in images for reference in self.unlocked(image)})

    def checksums(self, image: Image) -> dict[str, str]:
        """What the archives of an image must be, by address: `sha256:…`, `sha512:…`, or `unlocked`."""
        artifacts = [download.artifact(image.architecture) for download in self._fetches.downloads(image)]
        return {artifact.url: self._lock.checksum(artifact) or UNLOCKED for artifact in artifacts}

    def unverifiable(self, image: Image) -> tuple[str, ...]:
        """The archives of an image that nobody knows a checksum of, so that it cannot be built."""
        return tuple(url for url, checksum in self.checksums(image).items() if checksum == UNLOCKED)

    def unsigned(self, image: Image) -> tuple[str, ...]:
        """The references of an image that the matrix wants a signature of, and that no lock has checked."""
        return tuple(reference for reference in self.unlocked(image) if signatures_of(self._fetches.matrix, reference))

    def _inputs(self, image: Image) -> Inputs:
        references = self._fetches.upstreams(image)
        parent = self(image.parent) if image.parent else None
        return Inputs(
            dockerfile=_sha256(self._renderer.dockerfile(image)),
            context=self._context(image),
            upstreams={
                reference: self._lock.digest(reference, image.architecture) or UNLOCKED for reference in references
            },
            epoch=max(self._lock.epoch(references), parent.epoch if parent else 0),
            parent=parent.key if parent else None,
            platform=image.architecture.platform,
            archives=self.checksums(image),
        )

    def _context(self, image: Image) -> str | None:
        if image.runtime is None:
            return self._emulator if image.variant is Variant.RUN else None
        bootstrap = self._fetches.bootstrap(image)
        return self._bootstraps[bootstrap] if bootstrap else None


def local_name(name: str, inputs_key: str) -> str:
    """What a finished image is called in the engine: by content, so that two runs cannot mistake each other's."""
    return f"{LOCAL}/{name}:{inputs_key[:24]}"


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
