"""Clearing a repository: dated tags past their time, and what is attached to images that no tag names any more.

Deleting goes by digest and takes every tag of that digest along, so an image goes only when all of its tags may.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, timedelta

from factory.publish.tags import Dated
from factory.registry.attached import subject_of
from factory.registry.client import Registry
from factory.registry.manifests import Manifest
from factory.registry.references import Repository

_PARALLEL = 16


@dataclass(frozen=True)
class Garbage:
    """A manifest that nothing needs: its tags, and why."""

    digest: str
    tags: tuple[str, ...]
    reason: str


@dataclass(frozen=True)
class Collector:
    """Finds and deletes garbage in one repository, on a given day. A dated tag may be `keep` old."""

    registry: Registry
    repository: Repository
    today: date
    keep: timedelta

    def find(self) -> list[Garbage]:
        """What may go, images before what is attached to them. Nothing is changed.

        Raises:
            RegistryError, RegistryUnreachableError: as the registry answers.
        """
        manifests = self._manifests()
        tags_of: dict[str, list[str]] = {}
        for tag, manifest in manifests.items():
            tags_of.setdefault(manifest.digest, []).append(tag)
        needed = _members(manifests.values())
        expired = [
            Garbage(digest, tuple(tags), f"published more than {self.keep.days} days ago, and no other tag names it")
            for digest, tags in tags_of.items()
            if digest not in needed and all(self._expired(tag) for tag in tags)
        ]
        alive = needed | tags_of.keys() - {garbage.digest for garbage in expired}
        return [*expired, *self._orphans(manifests, alive)]

    def delete(self, garbage: Iterable[Garbage]) -> Iterator[Garbage]:
        """Deletes, yielding each when it is gone.

        Raises:
            RegistryError: refused; many registries allow no deletion.
            RegistryUnreachableError: no answer.
        """
        for item in garbage:
            self.registry.delete(self.repository, item.digest)
            yield item

    def _manifests(self) -> Mapping[str, Manifest]:
        tags = self.registry.tags(self.repository)
        with ThreadPoolExecutor(_PARALLEL) as pool:
            found = zip(tags, pool.map(lambda tag: self.registry.manifest(self.repository, tag), tags), strict=True)
            return {tag: manifest for tag, manifest in found if manifest}

    def _expired(self, tag: str) -> bool:
        dated = Dated.parse(tag)
        return dated is not None and self.today - dated.day > self.keep

    def _orphans(self, manifests: Mapping[str, Manifest], alive: set[str]) -> Iterator[Garbage]:
        """What is attached to images that are gone, or go now: the documents, then the index that lists them."""
        attached = [(subject, tag, manifest) for tag, manifest in manifests.items() if (subject := subject_of(tag))]
        documents = {subject: _entries(manifest) for subject, _, manifest in attached if manifest.is_index}
        alive |= {digest for subject, digests in documents.items() if subject in alive for digest in digests}
        for subject, tag, manifest in attached:
            if subject not in alive:
                reason = f"attached to {subject[:19]}, which no tag names"
                listed = documents[subject] if manifest.is_index else ()
                yield from (Garbage(digest, (), reason) for digest in listed)
                yield Garbage(manifest.digest, (tag,), reason)


def _members(manifests: Iterable[Manifest]) -> set[str]:
    """The digests that indexes list, apart from those of what is attached to an image."""
    return {
        entry["digest"]
        for manifest in manifests
        if manifest.is_index
        for entry in manifest.json().get("manifests", [])
        if "artifactType" not in entry
    }


def _entries(index: Manifest) -> list[str]:
    return [entry["digest"] for entry in index.json().get("manifests", [])]
