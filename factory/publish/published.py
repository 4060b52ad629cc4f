"""What a registry holds of our images, told from the registry alone: tags, labels, and what is attached."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from factory.build.records import RECORD_TYPE, TESTS_ANNOTATION, Record, parse
from factory.matrix.images import Image
from factory.plan.keys import INPUTS_LABEL, LABEL, Inputs
from factory.publish.tags import Dated, Tags
from factory.registry.client import Registry
from factory.registry.errors import RegistryError
from factory.registry.manifests import Manifest
from factory.registry.references import Repository
from factory.registry.referrers import Referrer, Referrers

_PARALLEL = 16


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
        tags = self.tags() if dated else Tags()
        with ThreadPoolExecutor(_PARALLEL) as pool:
            found = pool.map(lambda image: self._one(image, tags.dated(image)), images)
            return dict(zip(images, found, strict=True))

    def tags(self) -> Tags:
        """The tags of the repository.

        Raises:
            RegistryError: refused.
            RegistryUnreachableError: no answer.
        """
        return Tags(self.registry.tags(self.repository))

    def dated(self, image: Image, tags: Tags) -> Iterator[Published]:
        """What is published under an image's dated tags, held or not, youngest first.

        Raises:
            RegistryError: refused.
            RegistryUnreachableError: no answer.
        """
        for dated in tags.dated(image):
            if found := self._tagged(dated.tag):
                yield found

    def record(self, there: Published) -> Record | None:
        """What the push of an image knew of it; None where nothing is attached that can be read.

        Raises:
            RegistryError: refused, or not what its digest says.
            RegistryUnreachableError: no answer.
        """
        content = self.referrers.fetch(there.records[-1]) if there.records else None
        return parse(content) if content else None

    def _one(self, image: Image, dated: Iterable[Dated]) -> Published | None:
        there = self._tagged(image.name)
        return replace(there, day=self._day(there.manifest.digest, dated)) if there else None

    def _day(self, digest: str, dated: Iterable[Dated]) -> date | None:
        """The day of the first of these tags that stands for a digest; mostly that is the very first."""
        for one in dated:
            manifest = self.registry.manifest(self.repository, one.tag)
            if manifest and manifest.digest == digest:
                return one.day
        return None

    def _tagged(self, tag: str) -> Published | None:
        manifest = self.registry.manifest(self.repository, tag)
        if manifest is None:
            return None
        labels = self._labels(manifest)
        attached = self.referrers.of(manifest.digest) if LABEL in labels else []
        return Published(
            manifest=manifest,
            inputs_key=labels.get(LABEL),
            inputs=_inputs(labels),
            records=tuple(referrer for referrer in attached if referrer.artifact_type == RECORD_TYPE),
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


def _inputs(labels: Mapping[str, str]) -> Inputs | None:
    try:
        document: dict[str, Any] = json.loads(labels.get(INPUTS_LABEL, ""))
        return Inputs.parse(document)
    except (ValueError, TypeError):
        return None
