"""The finished images of one run: found, kept for its report, and saved."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from factory.build.present import ThisMachine
from factory.build.records import Record
from factory.errors import FactoryError
from factory.matrix.images import Image
from factory.plan.keys import InputsOf
from factory.plan.tasks import Graph, Step, Task


class NotBuiltError(FactoryError):
    """A step was asked for that needs an image which is not there."""


@dataclass(frozen=True)
class Finished:
    """The images of this run with their present inputs. Safe for use by several threads.

    `anew` are the images that are to be built anew, with the moment since which one counts as such; `tests_keys` the
    fingerprints of the present smoke tests.
    """

    machine: ThisMachine
    inputs_of: InputsOf
    tests_keys: Mapping[Image, str]
    anew: Mapping[Image, datetime] = field(default_factory=dict)
    records: dict[Image, Record] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def find(self, image: Image) -> Record | None:
        """The finished image, if there is one, as another run may just have left it."""
        record = self.machine.find(image, self.inputs_of(image))
        return record if record and self._serves(image, record) else None

    def current(self, image: Image) -> Record | None:
        """The same, kept for the report: only who holds the image's lock may keep it."""
        record = self.find(image)
        return self.keep(image, record) if record else None

    def needed(self, image: Image) -> Record:
        """The finished image of a step that cannot do without.

        Raises:
            NotBuiltError: it is not there.
        """
        record = self.current(image)
        if record is None:
            raise NotBuiltError(f"{image.name}: not built with the present inputs; run `factory build {image.name}`")
        return record

    def keep(self, image: Image, record: Record) -> Record:
        """Keeps a record for the report."""
        with self._lock:
            self.records[image] = record
        return record

    def save(self, image: Image, record: Record) -> Record:
        """Keeps a record for the report, and for later runs."""
        return self.keep(image, self.machine.records.save(record))

    def is_tested(self, image: Image, record: Record) -> bool:
        """Whether the present smoke test has passed on it."""
        return bool(record.tests and record.tests.sound and record.tests.key == self.tests_keys[image])

    def complete(self, tasks: Graph) -> dict[Task, Record]:
        """The builds and tests that need not be done, found with one round of questions. Pushes ask the registry."""
        known = self.machine.finished({task.image: None for task in tasks}, self.inputs_of)
        found: dict[Task, Record] = {}
        for task in tasks:
            record = known.get(task.image)
            if record is None or not self._serves(task.image, record):
                continue
            if task.step is Step.BUILD or (task.step is Step.TEST and self.is_tested(task.image, record)):
                found[task] = record
        return found

    def _serves(self, image: Image, record: Record) -> bool:
        return record.is_since(self.anew.get(image))
