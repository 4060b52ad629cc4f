"""Promoting: the tags that move come to stand for images that are held under their dated tags, all of them or none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from factory.build.records import Record
from factory.errors import FactoryError
from factory.matrix.images import Image
from factory.plan.keys import InputsOf
from factory.publish.present import there
from factory.publish.published import Reader
from factory.publish.push import Publisher
from factory.publish.tags import Tags


class NotHeldError(FactoryError):
    """Some image that was to be promoted is not in the registry, or did not pass."""


def promote(
    images: Sequence[Image], inputs_of: InputsOf, tests_keys: Mapping[Image, str], reader: Reader, publisher: Publisher
) -> dict[Image, Record]:
    """Promotes the images, told from the registry alone: other machines may have built them.

    Raises:
        NotHeldError: with the names of all that are missing; nothing was promoted.
        RegistryError, RegistryUnreachableError: as the registry answers; calling it again goes on.
    """
    tags = reader.tags()
    found = {image: _held(image, inputs_of, tests_keys[image], reader, tags) for image in images}
    if missing := [image.name for image, record in found.items() if record is None]:
        raise NotHeldError(
            "nothing was promoted: with the present inputs, and a smoke test that passed, "
            f"{reader.repository} has no {', '.join(missing)}; run `factory release --hold`"
        )
    return {image: publisher.promote(image, record, lambda _: None) for image, record in found.items() if record}


def _held(image: Image, inputs_of: InputsOf, tests_key: str, reader: Reader, tags: Tags) -> Record | None:
    """The record of the youngest held image with the present inputs that passed the present smoke test."""
    for published in reader.dated(image, tags):
        seen = there(published)
        if not (seen.is_made_of(inputs_of(image)) and seen.has_passed(tests_key)):
            continue
        record = reader.record(published)
        if record and record.digest == published.manifest.digest and record.tests and record.tests.sound:
            return record
    return None
