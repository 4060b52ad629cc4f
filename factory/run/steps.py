"""The three steps of an image, each done unless it is done already: building, testing, pushing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from factory.build.buildx import Tell
from factory.build.engine import Engine
from factory.build.records import Record, TestResult
from factory.build.sizes import with_packages
from factory.matrix.images import Image
from factory.matrix.schema import Matrix
from factory.plan.targets import Peers
from factory.process import Processes
from factory.publish.adopt import Adopter
from factory.publish.push import Publisher
from factory.run.finished import Finished, NotBuiltError
from factory.smoke.packages import installed_packages
from factory.smoke.recipe import recipe
from factory.smoke.specimen import Specimen
from factory.smoke.suite import SmokeFailedError, run_checks


class Doing(Protocol):
    """One of the steps."""

    def do(self, image: Image, tell: Tell) -> bool:
        """Does it unless it is done already; says whether it did anything."""


class Builds(Protocol):
    """What builds images, as `factory.build.buildx` does."""

    def check(self) -> None:
        """Refuses what no build could start with."""

    def build(self, image: Image, tell: Tell, fresh: bool = False) -> Record:
        """Builds one, `fresh` without any cache."""


@dataclass(frozen=True)
class Building:
    """Builds what neither this machine has nor the registry, where that is asked (`adopter`)."""

    finished: Finished
    builds: Builds
    adopter: Adopter | None = None

    def do(self, image: Image, tell: Tell) -> bool:
        """Builds, unless there is a finished image."""
        finished = self.finished
        if finished.current(image):
            return False
        if self.adopter:
            tell("taking it from the registry")
            if record := self.adopter.adopt(image, finished.inputs_of(image)):
                finished.keep(image, record)
                return False
        tell("starting the builder")
        finished.save(image, self.builds.build(image, tell, image in finished.anew))
        return True


@dataclass(frozen=True)
class Bench:
    """What smoke tests are done with: the folder `smoke` of the families' folders, and what containers get.

    `check` runs the checks of an image, `installed` lists its packages.
    """

    matrix: Matrix
    smoke: Path
    scratch: Path
    not_executed: Mapping[Image, str]
    network: str | None = None
    pip_conf: Path | None = None
    check: Callable[[Specimen, Tell], TestResult] = run_checks
    installed: Callable[[Specimen], Mapping[str, tuple[str, int]]] = installed_packages

    def folder(self, image: Image) -> Path:
        """The folder of an image's family; that of them all for a base."""
        return self.smoke / self.matrix.families[image.family].smoke if image.family else self.smoke


@dataclass(frozen=True)
class Testing:
    """Tests what no present smoke test has passed on."""

    finished: Finished
    bench: Bench
    engine: Engine
    processes: Processes
    peers: Peers

    def do(self, image: Image, tell: Tell) -> bool:
        """Tests, unless the present smoke test has passed on it."""
        record = self.finished.needed(image)
        if self.finished.is_tested(image, record):
            return False
        tell("starting the smoke test")
        specimen = self._specimen(image, record)
        result = self.bench.check(specimen, tell)
        self.processes.check()
        if not result.sound and not self.engine.answers():
            raise SmokeFailedError(image, result)  # no verdict on the image, and so nothing to keep
        if not record.packages:
            record = with_packages(record, self.bench.installed(specimen), self.bench.matrix, image)
        self.finished.save(image, replace(record, tests=result))
        if not result.sound:
            raise SmokeFailedError(image, result)
        return True

    def _specimen(self, image: Image, record: Record) -> Specimen:
        found = self.engine.inspect(record.digest)
        if found is None:
            raise NotBuiltError(f"{image.name}: {record.digest} is gone from the engine; run `factory build`")
        bench, folder = self.bench, self.bench.folder(image)
        others = {peer: self.finished.find(peer) for peer in self.peers.get(image, ())}
        return Specimen(
            matrix=bench.matrix,
            image=image,
            record=record,
            found=found,
            client=self.engine.client,
            scratch=bench.scratch,
            folder=folder,
            tests_key=self.finished.tests_keys[image],
            recipe=recipe(folder) if image.family else None,
            digests={other: known.digest for other, known in [*others.items(), (image, record)] if known},
            not_executed=bench.not_executed.get(image),
            network=bench.network,
            pip_conf=bench.pip_conf,
        )


@dataclass(frozen=True)
class Pushing:
    """Pushes what was tested; with `hold` the tags that move stay where they are."""

    finished: Finished
    publisher: Publisher
    hold: bool = False

    def do(self, image: Image, tell: Tell) -> bool:
        """Pushes, unless the registry has the image under its tags."""
        record = self.finished.needed(image)
        tell("asking the registry")
        push = self.publisher.hold if self.hold else self.publisher.push
        pushed = push(image, record, tell, image in self.finished.anew)
        self.finished.save(image, pushed)
        return pushed.pushed != record.pushed

    def promote(self, image: Image, tell: Tell) -> None:
        """Lets the tags that move stand for an image that was held."""
        self.finished.save(image, self.publisher.promote(image, self.finished.records[image], tell))
