"""What is present in a registry: the images that names stand for, told from the registry alone."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from factory.build.records import Record
from factory.matrix.images import Image
from factory.plan.keys import InputsOf
from factory.plan.present import There
from factory.publish.published import Published, Reader


@dataclass(frozen=True)
class InRegistry:
    """The images of one repository, each read once; with `dated` also since when a name stands for its image."""

    reader: Reader
    dated: bool = False
    _known: dict[Image, Published | None] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def look(self, images: Sequence[Image], inputs_of: InputsOf) -> dict[Image, There]:
        """What is there of each of the images.

        Raises:
            RegistryError: refused.
            RegistryUnreachableError: no answer.
        """
        return {image: self._there(found, inputs_of(image).key) for image, found in self.published(images).items()}

    def published(self, images: Sequence[Image]) -> Mapping[Image, Published | None]:
        """What the names of images stand for; None where nothing is published under one.

        Raises:
            RegistryError: refused.
            RegistryUnreachableError: no answer.
        """
        with self._lock:
            unread = [image for image in images if image not in self._known]
            if unread:
                self._known.update(self.reader.read(unread, dated=self.dated))
            return {image: self._known[image] for image in images}

    def records(self, images: Sequence[Image]) -> dict[Image, Record]:
        """What the pushes of these images knew of them, of those that have such a record.

        Raises:
            RegistryError: refused.
            RegistryUnreachableError: no answer.
        """
        found = self.published(images)
        records = {image: self.reader.record(published) for image, published in found.items() if published}
        return {image: record for image, record in records.items() if record}

    def _there(self, published: Published | None, inputs_key: str) -> There:
        """With the record's templates where they help to say what changed: else it is spared the registry."""
        if published is None:
            return There(lacking="not published")
        moved = published.inputs_key not in (None, inputs_key)
        record = self.reader.record(published) if moved else None
        return there(published, record.templates if record else {})


def there(published: Published, templates: Mapping[str, str] | None = None) -> There:
    """A published image, as plans, adoption and promotion ask about it."""
    if published.manifest.is_index:
        return There(lacking="an index is published under its name, which Lambda refuses")
    if published.inputs_key is None:
        return There(lacking="what is published has no label of ours")
    return There(
        digest=published.manifest.digest,
        inputs_key=published.inputs_key,
        inputs=published.inputs,
        templates=templates or {},
        published=published.day,
        tests_key=published.tests_key,
        untested="" if published.tests_key else "no record of a smoke test is attached to it",
    )
