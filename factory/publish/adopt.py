"""Taking a published image into the engine instead of building it again, with all that its record knows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from itertools import islice

from factory.build.engine import Engine
from factory.build.records import Record, Records
from factory.matrix.images import Image
from factory.plan.keys import Inputs, local_name
from factory.publish.present import InRegistry, there
from factory.publish.published import Published
from factory.publish.tags import Tags
from factory.registry.errors import RegistryError, RegistryUnreachableError

_HELD = 3  # dated tags that are looked at: what waits for `promote` is young


@dataclass(frozen=True)
class Adopter:
    """Adopts images of one repository.

    `anew` are the images that are to be built anew, with the moment since which one counts as such; `selected` those
    that this run itself works on.
    """

    present: InRegistry
    engine: Engine
    records: Records
    anew: Mapping[Image, datetime]
    selected: Set[Image]

    def adopt(self, image: Image, inputs: Inputs) -> Record | None:
        """The record of a published image with these very inputs, which is in the engine then; None if there is none.

        Without the record that a push attaches, nobody could say how it was tested: such an image is built again.

        Raises:
            EngineError: the engine could not pull it.
            RegistryError, RegistryUnreachableError: as the registry answers.
        """
        for published in self._offered(image):
            if record := self._usable(image, inputs, published):
                name = local_name(image.name, inputs.key)
                self.engine.pull(str(self.present.reader.repository), record.digest, inputs.platform, name)
                return self.records.save(record)
        return None

    def _offered(self, image: Image) -> Iterator[Published]:
        """What the registry has of an image: under its name, then what is held under dated tags for `promote`.

        What is to be built anew is not taken from there, except a parent that another job has built anew already.
        """
        if image not in self.anew:
            if published := self.present.published([image])[image]:
                yield published
        elif image in self.selected:
            return
        yield from islice(self.present.reader.dated(image, self._tags), _HELD)

    def _usable(self, image: Image, inputs: Inputs, published: Published) -> Record | None:
        if not there(published).is_made_of(inputs):
            return None
        record = self.present.reader.record(published)
        if record is None or (record.digest, record.inputs_key) != (published.manifest.digest, inputs.key):
            return None
        return record if record.is_since(self.anew.get(image)) else None

    @cached_property
    def _tags(self) -> Tags:
        try:
            return self.present.reader.tags()
        except (RegistryError, RegistryUnreachableError):
            return Tags()
