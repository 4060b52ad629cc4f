"""Checking a published image for whoever wants to use it: one finding an item, none of them taken on trust."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from factory.errors import FactoryError
from factory.records import RECORD_TYPE, parse
from factory.referrers import Referrer, Referrers
from factory.registry import MANIFESTS, Manifest, RegistryError
from factory.trust.provenance import IN_TOTO, PREDICATE
from factory.trust.sbom import CYCLONEDX, SPDX
from factory.trust.signing import Trusted


@dataclass(frozen=True)
class Finding:
    """One item: whether it is as it should be, and what was seen."""

    item: str
    ok: bool
    seen: str


class _NotAsItShouldBeError(FactoryError):
    """Why an item failed."""


@dataclass(frozen=True)
class Verifier:
    """Checks the images of one repository."""

    referrers: Referrers
    trusted: Trusted

    def verify(self, reference: str) -> list[Finding]:
        """The findings for a tag or digest.

        Raises:
            RegistryError: there is no such image.
            RegistryUnreachableError: no answer.
            MachineError: cosign is not installed.
        """
        repository = self.referrers.repository
        manifest = self.referrers.registry.manifest(repository, reference)
        if manifest is None:
            raise RegistryError(f"{repository} has no {reference}")
        documents: dict[str, tuple[str, Callable[[bytes, Manifest], str]]] = {
            "provenance": (IN_TOTO, _provenance),
            "SBOM (SPDX)": (SPDX, _spdx),
            "SBOM (CycloneDX)": (CYCLONEDX, _cyclonedx),
            "smoke record": (RECORD_TYPE, _record),
        }
        attached = self._finding("attached documents", lambda: self._attached(manifest))
        found = self.referrers.of(manifest.digest) if attached.ok else []
        return [
            self._finding("manifest", lambda: _plain(manifest)),
            self._finding("signature", lambda: self._signed(manifest.digest)),
            *([] if attached.ok else [attached]),
            *(
                self._finding(item, lambda kind=kind, read=read: self._document(manifest, found, kind, read))  # type: ignore[misc]
                for item, (kind, read) in documents.items()
            ),
        ]

    def _finding(self, item: str, look: Callable[[], str]) -> Finding:
        try:
            return Finding(item, True, look())
        except (_NotAsItShouldBeError, RegistryError) as error:
            return Finding(item, False, str(error))

    def _attached(self, manifest: Manifest) -> str:
        return f"{len(self.referrers.of(manifest.digest))} documents"

    def _signed(self, digest: str) -> str:
        if problem := self.trusted.problem(self.referrers.repository, digest):
            raise _NotAsItShouldBeError(problem)
        return f"of {digest} by {self.trusted.key or self.trusted.identity}"

    def _document(
        self, manifest: Manifest, found: list[Referrer], kind: str, read: Callable[[bytes, Manifest], str]
    ) -> str:
        """Of several documents of a kind the youngest counts; its content, and whose it is."""
        referrer = next((referrer for referrer in reversed(found) if referrer.artifact_type == kind), None)
        content = self.referrers.fetch(referrer) if referrer else None
        if referrer is None or content is None:
            raise _NotAsItShouldBeError("none is attached")
        seen = read(content, manifest)
        self._signed(referrer.digest)
        return f"{seen}, signed"


def _plain(manifest: Manifest) -> str:
    if manifest.media_type not in MANIFESTS:
        raise _NotAsItShouldBeError(f"a {manifest.media_type}, which Lambda refuses")
    return f"{manifest.digest}, a plain image manifest"


def _provenance(content: bytes, manifest: Manifest) -> str:
    statement = _object(content)
    subjects = [f"sha256:{subject.get('digest', {}).get('sha256')}" for subject in statement.get("subject", [])]
    if statement.get("predicateType") != PREDICATE or subjects != [manifest.digest]:
        raise _NotAsItShouldBeError(f"it is about {', '.join(subjects) or 'nothing'}")
    predicate = statement["predicate"]
    count = len(predicate["buildDefinition"]["resolvedDependencies"])
    return f"built by {predicate['runDetails']['builder']['id']} from {count} sources"


def _spdx(content: bytes, _: Manifest) -> str:
    return f"{len(_object(content).get('packages', []))} packages"


def _cyclonedx(content: bytes, _: Manifest) -> str:
    return f"{len(_object(content).get('components', []))} components"


def _record(content: bytes, manifest: Manifest) -> str:
    record = parse(content)
    if record is None or record.digest != manifest.digest:
        raise _NotAsItShouldBeError("it is about another image" if record else "it cannot be read")
    if record.tests is None or not record.tests.passed:
        raise _NotAsItShouldBeError("it tells of no smoke test that passed")
    return f"{len(record.tests.checks)} checks passed, {record.tests.finished}"


def _object(content: bytes) -> dict[str, Any]:
    try:
        document = json.loads(content)
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise _NotAsItShouldBeError("it is no JSON object")
    return document
