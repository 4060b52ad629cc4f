"""Promoting: the tags that move come to stand for images that wait under their dated tags, all of them or none."""

from __future__ import annotations

from collections.abc import Sequence

from factory.app.session import Session
from factory.build.records import Record
from factory.errors import FactoryError
from factory.matrix.images import Image


class NotStagedError(FactoryError):
    """Some image that was to be promoted is not in the registry, or did not pass."""


def promote(session: Session) -> dict[Image, Record]:
    """Promotes the selected images, told from the registry alone: other machines may have built them.

    Raises:
        NotStagedError: with the names of all that are missing; nothing was promoted.
        RegistryError, RegistryUnreachableError: as the registry answers; calling it again goes on.
    """
    tags = session.registry.tags(session.repository)
    found = {image: _candidate(session, image, tags) for image in session.selected}
    if missing := [image.name for image, record in found.items() if record is None]:
        raise NotStagedError(
            "nothing was promoted: with the present inputs, and a smoke test that passed, "
            f"{session.repository} has no {', '.join(missing)}; run `factory release --hold`"
        )
    return {
        image: session.publisher.promote(image, record, lambda _: None) for image, record in found.items() if record
    }


def _candidate(session: Session, image: Image, tags: Sequence[str]) -> Record | None:
    """The record of the youngest staged image with the present inputs that passed the present smoke test."""
    for there in session.reader.staged(image, tags):
        wanted = (session.inputs_of(image).key, session.tests_key(image))
        if (there.inputs_key, there.tests_key) != wanted:
            continue
        record = session.reader.record(there)
        if record and record.digest == there.manifest.digest and record.tests and record.tests.sound:
            return record
    return None
