"""Pushing what was tested, byte for byte, and letting tags name it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date
from itertools import count
from pathlib import Path
from typing import Any

from factory.build.engine import Engine, EngineError
from factory.build.records import Record, document
from factory.errors import FactoryError
from factory.files import exclusive
from factory.matrix.images import Image
from factory.matrix.words import Architecture
from factory.publish.tags import Dated
from factory.registry.client import Registry
from factory.registry.errors import RegistryError, RegistryUnreachableError
from factory.registry.manifests import DOCKER_INDEX, DOCKER_MANIFEST, MANIFESTS, OCI_INDEX, Manifest
from factory.registry.references import Repository, is_loopback
from factory.registry.referrers import Referrers
from factory.trust.attest import Attester
from factory.trust.scanner import Gate
from factory.trust.signing import Signer


class NotTestedError(FactoryError):
    """An image on whose digest no smoke test passed."""


@dataclass(frozen=True)
class Publisher:
    """Pushes to one repository on a given day.

    `architectures` are by name without architecture those that its index is made of; `pauses` the seconds before each
    further try of a push.
    """

    engine: Engine
    registry: Registry
    repository: Repository
    referrers: Referrers
    architectures: Mapping[str, Sequence[Architecture]]
    today: date
    build_dir: Path
    attester: Attester | None = None
    signers: Sequence[Signer] = ()
    gate: Gate | None = None
    pauses: Sequence[float] = (1.0, 3.0, 9.0)

    def push(self, image: Image, record: Record, step: Callable[[str], None], renew: bool = False) -> Record:
        """Pushes a tested image and completes its set of tags; returns the record with the tags it has now.

        `renew` gives an image that was published before a dated tag of today: it was made again, and is the same.

        Raises:
            NotTestedError: its smoke test has not passed on this very digest, or it was not executed and the registry
                is more than this machine's own.
            RegistryError, EngineError, RegistryUnreachableError: after all tries.
        """
        return self.promote(image, self.hold(image, record, step, renew), step)

    def hold(self, image: Image, record: Record, step: Callable[[str], None], renew: bool = False) -> Record:
        """Pushes a tested image under a dated tag and attaches its record; the tags that move stay where they are.

        Raises:
            NotTestedError: as `push`.
            VulnerableError: a scanner finds what must not be published; it has no record then, and is never promoted.
            RegistryError, EngineError, RegistryUnreachableError: after all tries.
        """
        _check_tested(image, record, self.repository)
        tag, manifest = self._date(image, record, step, renew)
        if self.gate:
            step(f"scanning {tag}")
            self.gate.check(f"{self.repository}@{manifest.digest}")
        self.referrers.attach(manifest, document(record))
        if self.attester:
            step(f"attesting {tag}")
            self.attester.attest(manifest, record)
        for signer in self.signers:
            step(f"signing {tag}")
            signer.sign(tag, manifest)
        return self._with_tags(record, {tag})

    def promote(self, image: Image, record: Record, step: Callable[[str], None]) -> Record:
        """Lets the tags that move stand for an image that is in the registry already.

        Raises:
            RegistryError, RegistryUnreachableError: after all tries.
        """
        manifest = self.registry.manifest(self.repository, record.digest)
        if manifest is None:
            raise RegistryError(f"{self.repository}@{record.digest}: {image.name} is not there any more; push it again")
        _check(image, record, manifest)
        there = self.registry.manifest(self.repository, image.name)
        if there is None or there.digest != manifest.digest:
            self.registry.put(self.repository, image.name, manifest)
        self._sign_moved(image.name, manifest)
        step(f"index {image.stem}")
        self._update_index(image)
        return self._with_tags(record, set(image.tags))

    def _with_tags(self, record: Record, tags: set[str]) -> Record:
        known = record.pushed.get(str(self.repository), ())
        return replace(record, pushed={**record.pushed, str(self.repository): sorted({*known, *tags})})

    def _date(self, image: Image, record: Record, step: Callable[[str], None], renew: bool) -> tuple[str, Manifest]:
        """The dated tag of this very image, which is made unless there is one: a dated tag is never moved."""
        for tag in self._candidates(image, record, renew):
            present = self.registry.manifest(self.repository, tag)
            if present is None:
                step(f"pushing {tag}")
                return tag, self._put(image, record, tag)
            if present.digest == record.digest:
                return tag, present
        raise AssertionError("unreachable: the numbering has no end")

    def _candidates(self, image: Image, record: Record, renew: bool) -> Iterator[str]:
        """The dated tag that the image has already, unless it is to have a new one; then those of today."""
        if not renew:
            known = record.pushed.get(str(self.repository), ())
            yield from (tag for tag in known if (dated := Dated.parse(tag)) and dated.name == image.name)
        yield image.dated_tag(self.today)
        for number in count(2):
            yield f"{self.today:%Y%m%d}.{number}-{image.name}"

    def _put(self, image: Image, record: Record, tag: str) -> Manifest:
        """Lets a new tag name the image, which travels from the engine unless the registry has it."""
        manifest = self.registry.manifest(self.repository, record.digest)
        if manifest:
            _check(image, record, manifest)
            self.registry.put(self.repository, tag, manifest)
            return manifest
        manifest = self._push_layers(record, tag)
        try:
            _check(image, record, manifest)
        except RegistryError:
            with suppress(RegistryError, RegistryUnreachableError):
                # What the engine made of the image on the way nobody tested. But where the image itself has arrived,
                # another run took the tag in the same moment, with an image that is that run's affair.
                if self.registry.manifest(self.repository, record.digest) is None:
                    self.registry.delete(self.repository, manifest.digest)
            raise
        return manifest

    def _push_layers(self, record: Record, tag: str) -> Manifest:
        for pause in (*self.pauses, None):
            try:
                self.engine.push(record.digest, str(self.repository), tag)
                break
            except EngineError as error:
                if pause is None or _is_final(str(error)):
                    raise
                time.sleep(pause)
        manifest = self.registry.manifest(self.repository, tag)
        if manifest is None:
            raise RegistryError(f"{self.repository}:{tag}: pushed, but the registry does not have it")
        return manifest

    def _update_index(self, image: Image) -> None:
        """Lets the name without architecture list every architecture that the registry has."""
        with exclusive(self.build_dir / "locks" / f"index-{image.stem}.lock"):
            members = [
                (architecture, manifest)
                for architecture in self.architectures[image.stem]
                if (manifest := self.registry.manifest(self.repository, f"{image.stem}-{architecture}"))
            ]
            new = index(members)
            old = self.registry.manifest(self.repository, image.stem)
            if old and (lost := _architectures(old) - _architectures(new)):
                raise RegistryError(
                    f"{self.repository}:{image.stem} would lose {', '.join(sorted(lost))}: its tag "
                    f"{image.stem}-… is gone; push it again, or delete the index first if that is meant"
                )
            if old is None or old.digest != new.digest:
                self.registry.put(self.repository, image.stem, new)
            self._sign_moved(image.stem, new)

    def _sign_moved(self, tag: str, manifest: Manifest) -> None:
        for signer in self.signers:
            if signer.names_tags:
                signer.sign(tag, manifest)


def _check_tested(image: Image, record: Record, repository: Repository) -> None:
    """Refuses what was not tested; what could not be executed may leave this machine no more than its registry does."""
    if record.tests is None or not record.tests.sound:
        raise NotTestedError(
            f"{image.name}: not pushed, because no smoke test passed on {record.digest}; run `factory test`"
        )
    if record.tests.not_executed and not is_loopback(repository.host):
        raise NotTestedError(
            f"{image.name}: not pushed to {repository}, because it was not executed here: "
            f"{record.tests.not_executed}; such an image may be pushed to a registry on the loopback address only"
        )


def index(members: list[tuple[Architecture, Manifest]]) -> Manifest:
    """The index of single-architecture manifests; equal members give equal bytes."""
    of_docker = all(manifest.media_type == DOCKER_MANIFEST for _, manifest in members)
    document = {
        "schemaVersion": 2,
        "mediaType": DOCKER_INDEX if of_docker else OCI_INDEX,
        "manifests": [
            {
                "mediaType": manifest.media_type,
                "digest": manifest.digest,
                "size": len(manifest.content),
                "platform": {"architecture": architecture.oci, "os": "linux"},
            }
            for architecture, manifest in members
        ],
    }
    return Manifest(str(document["mediaType"]), json.dumps(document, separators=(",", ":")).encode())


def _check(image: Image, record: Record, manifest: Manifest) -> None:
    """What the registry holds must be what was tested, and something that Lambda takes."""
    if manifest.digest != record.digest:
        raise RegistryError(f"{image.name}: {record.digest} was tested, but the registry holds {manifest.digest}")
    if manifest.media_type not in MANIFESTS:
        raise RegistryError(
            f"{image.name}: the registry holds a {manifest.media_type}; Lambda takes image manifests only"
        )


def _architectures(manifest: Manifest) -> set[str]:
    if not manifest.is_index:
        return set()
    entries: list[dict[str, Any]] = manifest.json()["manifests"]
    return {entry.get("platform", {}).get("architecture", "") for entry in entries}


def _is_final(message: str) -> bool:
    """Whether trying again is pointless: the registry knows us and said no."""
    return any(word in message.lower() for word in ("denied", "unauthorized", "forbidden"))
