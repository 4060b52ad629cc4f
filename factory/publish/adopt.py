"""Taking a published image into the engine instead of building it again, with all that its record knows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from factory.build.engine import Engine
from factory.build.records import Record, Records
from factory.matrix.images import Image
from factory.plan.keys import Inputs, local_name
from factory.publish.published import Published, Reader


@dataclass(frozen=True)
class Adopter:
    """Adopts images of one repository."""

    reader: Reader
    engine: Engine
    records: Records

    def adopt(self, image: Image, inputs: Inputs, there: Published, serves: Callable[[Record], bool]) -> Record | None:
        """The record of a published image with these very inputs, which is in the engine then; None if it does not do.

        Without the record that a push attaches, nobody could say how it was tested: such an image is built again.

        Raises:
            EngineError: the engine could not pull it.
            RegistryError, RegistryUnreachableError: as the registry answers.
        """
        if there.inputs_key != inputs.key:
            return None
        record = self.reader.record(there)
        if record is None or (record.digest, record.inputs_key) != (there.manifest.digest, inputs.key):
            return None
        if not serves(record):
            return None
        self.engine.pull(
            str(self.reader.repository), there.manifest.digest, inputs.platform, local_name(image.name, inputs.key)
        )
        return self.records.save(record)
