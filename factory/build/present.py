"""What is present on this machine: finished images in the engine, and what the records know of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from factory.build.engine import Engine
from factory.build.records import Record, Records
from factory.matrix.images import Image
from factory.plan.keys import Inputs, InputsOf, local_name
from factory.plan.present import There


@dataclass(frozen=True)
class ThisMachine:
    """The engine and the records of a build directory; `repository` is where images are to be pushed."""

    engine: Engine
    records: Records
    repository: str

    def look(self, images: Sequence[Image], inputs_of: InputsOf) -> dict[Image, There]:
        """What is there of each of the images, told with one round of questions to the engine."""
        finished = self.finished(images, inputs_of)
        return {image: self._there(image, inputs_of(image), finished.get(image)) for image in images}

    def finished(self, images: Iterable[Image], inputs_of: InputsOf) -> dict[Image, Record]:
        """The records of those images that are in the engine with their present inputs."""
        recorded = {record.inputs_key for record in self.records}
        names = {image: local_name(image.name, key) for image in images if (key := inputs_of(image).key) in recorded}
        digests = self.engine.finished(names.values())
        known = ((image, self.records.get(digests[name])) for image, name in names.items() if name in digests)
        return {image: record for image, record in known if record and record.inputs_key == inputs_of(image).key}

    def find(self, image: Image, inputs: Inputs) -> Record | None:
        """The record of one finished image, read again, as another run may just have left it."""
        found = self.engine.inspect(local_name(image.name, inputs.key))
        record = self.records.refresh(found.digest) if found else None
        return record if record and record.inputs_key == inputs.key else None

    def _there(self, image: Image, inputs: Inputs, finished: Record | None) -> There:
        if finished:
            return self._finished(image, finished)
        before = self.records.latest(image.name)
        if before is None:
            return There(lacking="never built")
        if before.inputs_key == inputs.key:
            return There(lacking="built before, but gone from the engine")
        return There(inputs_key=before.inputs_key, inputs=before.inputs, templates=before.templates)

    def _finished(self, image: Image, record: Record) -> There:
        tests = record.tests
        did = "not executed here" if tests and tests.not_executed else "tested"
        pushed = image.name in record.pushed.get(self.repository, ())
        return There(
            digest=record.digest,
            inputs_key=record.inputs_key,
            inputs=record.inputs,
            templates=record.templates,
            tests_key=tests.key if tests else None,
            untested=_untested(record),
            unpublished="" if pushed else f"{did}, but not in {self.repository}",
        )


def last_seconds(records: Mapping[Image, Record | None]) -> dict[Image, float]:
    """How long each image took to build and test by its last record, of those that have one."""
    return {image: record.seconds for image, record in records.items() if record}


def _untested(record: Record) -> str:
    if record.tests is None:
        return "built, but not tested"
    return "" if record.tests.sound else "its smoke test failed"
