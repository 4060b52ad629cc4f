"""What a registry holds of our images, told from the registry alone: tags, labels, and what is attached."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from factory.build.records import RECORD_TYPE, TESTS_ANNOTATION, Record, parse
from factory.matrix.images import Image
from factory.plan.keys import INPUTS_LABEL, LABEL, Inputs
from factory.registry.client import Manifest, Registry, RegistryError
from factory.registry.references import Repository
from factory.registry.referrers import Referrer, Referrers

_PARALLEL = 16
_DATED = re.compile(r"(?P<day>[0-9]{8})(?:\.[0-9]+)?-(?P<name>.+)")


@dataclass(frozen=True)
class Published:
    """The image that a name stands for now.

    `inputs_key` and `inputs` are None where the image has no labels of ours; `day` is that of the youngest dated tag
    that stands for this very image, where that was asked for: a younger one may wait to be promoted.
    """

    manifest: Manifest
    inputs_key: str | None
    inputs: Inputs | None
    day: date | None = None
    records: tuple[Referrer, ...] = ()

    record: Record | None = None
    """What its push knew of it, where that was asked for."""

    @property
    def tests_key(self) -> str | None:
        """The fingerprint of the smoke test that it passed last."""
        return self.records[-1].annotations.get(TESTS_ANNOTATION) if self.records else None


@dataclass(frozen=True)
class Reader:
    """Reads what is published in one repository."""

    registry: Registry
    repository: Repository
    referrers: Referrers

    def read(self, images: Sequence[Image], dated: bool = False) -> dict[Image, Published | None]:
        """What each image's name stands for, `dated` with its day; None where nothing is published under it.

        Raises:
            RegistryError: refused.
            RegistryUnreachableError: no answer.
        """
        tags = _dated_tags(self.registry.tags(self.repository)) if dated else {}
        with ThreadPoolExecutor(_PARALLEL) as pool:
            found = pool.map(lambda image: self._one(image, tags.get(image.name, ())), images)
            return dict(zip(images, found, strict=True))

    def staged(self, image: Image, tags: Iterable[str]) -> Iterator[Published]:
        """What is published under an image's dated tags, youngest first; `tags` are those of the repository.

        Raises:
            RegistryError: refused.
            RegistryUnreachableError: no answer.
        """
        for tag in _dated_tags(tags).get(image.name, ()):
            if found := self._tagged(tag):
                yield found

    def record(self, there: Published) -> Record | None:
        """What the push of an image knew of it; None where nothing is attached that can be read.

        Raises:
            RegistryError: refused, or not what its digest says.
            RegistryUnreachableError: no answer.
        """
        content = self.referrers.fetch(there.records[-1]) if there.records else None
        return parse(content) if content else None

    def _one(self, image: Image, dated: Iterable[str]) -> Published | None:
        there = self._tagged(image.name)
        return replace(there, day=self._day(there.manifest.digest, dated)) if there else None

    def _day(self, digest: str, dated: Iterable[str]) -> date | None:
        """The day of the first of these tags that stands for a digest; mostly that is the very first."""
        for tag in dated:
            manifest = self.registry.manifest(self.repository, tag)
            if manifest and manifest.digest == digest and (split := split_dated(tag)):
                return split[1]
        return None

    def _tagged(self, tag: str) -> Published | None:
        manifest = self.registry.manifest(self.repository, tag)
        if manifest is None:
            return None
        labels = self._labels(manifest)
        records = self.referrers.of(manifest.digest) if LABEL in labels else []
        return Published(
            manifest=manifest,
            inputs_key=labels.get(LABEL),
            inputs=_inputs(labels),
            records=tuple(referrer for referrer in records if referrer.artifact_type == RECORD_TYPE),
        )

    def _labels(self, manifest: Manifest) -> Mapping[str, str]:
        """The labels of an image; none of an index, or of whatever else somebody put there."""
        if manifest.is_index:
            return {}
        try:
            labels = (self.registry.config(self.repository, manifest).get("config") or {}).get("Labels")
        except RegistryError:
            return {}
        return labels if isinstance(labels, dict) else {}


def youngest_days(tags: Iterable[str]) -> dict[str, date]:
    """By image name, the day of its youngest dated tag."""
    found: dict[str, date] = {}
    for tag in tags:
        if dated := split_dated(tag):
            name, day = dated
            found[name] = max(day, found.get(name, day))
    return found


def _dated_tags(tags: Iterable[str]) -> dict[str, list[str]]:
    """By image name, its dated tags, youngest first."""
    found: dict[str, list[str]] = {}
    for tag in sorted((tag for tag in tags if split_dated(tag)), key=_age, reverse=True):
        found.setdefault(tag.partition("-")[2], []).append(tag)
    return found


def version_tag(word: str) -> str:
    """The tag or digest that `python3.13-x86_64`, `python3.13-x86_64@20261123` or `…@sha256:…` stands for."""
    name, at, version = word.partition("@")
    if not at or version.startswith("sha256:"):
        return version or name
    return f"{version}-{name}"


def split_dated(tag: str) -> tuple[str, date] | None:
    """A dated tag as image name and day; None for all others."""
    match = _DATED.fullmatch(tag)
    if not match:
        return None
    try:
        return match["name"], datetime.strptime(match["day"], "%Y%m%d").date()
    except ValueError:
        return None


def _age(tag: str) -> tuple[int, ...]:
    """Day and number of a dated tag, `20261123.2-…`: the second of a day is younger than the first."""
    return tuple(int(number) for number in tag.partition("-")[0].split("."))


def _inputs(labels: Mapping[str, str]) -> Inputs | None:
    try:
        document: dict[str, Any] = json.loads(labels.get(INPUTS_LABEL, ""))
        return Inputs.parse(document)
    except (ValueError, TypeError):
        return None
