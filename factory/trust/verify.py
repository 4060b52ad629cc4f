"""Checking a published image for whoever wants to use it: one verdict an item, none of them taken on trust."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from factory.build.records import RECORD_TYPE, parse
from factory.errors import FactoryError
from factory.registry.attached import signature_tag
from factory.registry.errors import RegistryError
from factory.registry.manifests import MANIFESTS, Manifest
from factory.registry.referrers import Referrer, Referrers
from factory.trust.provenance import IN_TOTO, PREDICATE
from factory.trust.sbom import CYCLONEDX, SPDX
from factory.trust.signing import Trusted

_CHUNK = 1 << 20


@dataclass(frozen=True)
class Verdict:
    """One item: whether it is as it should be, and what was seen."""

    item: str
    ok: bool
    seen: str


class _NotAsItShouldBeError(FactoryError):
    """Why an item failed."""


@dataclass(frozen=True)
class Verifier:
    """Checks the images of one repository. `deep` reads every layer, where else its size is asked for."""

    referrers: Referrers
    trusted: Trusted
    deep: bool = False

    def verify(self, reference: str) -> list[Verdict]:
        """The verdicts for a tag or digest; where there is no good manifest, that one alone.

        Raises:
            RegistryUnreachableError: no answer.
            MachineError: cosign is not installed.
        """
        found: list[Manifest] = []
        plain = self._verdict("manifest", lambda: self._manifest(reference, found))
        if not plain.ok:
            return [plain]
        [manifest] = found
        return [
            plain,
            self._verdict("configuration", lambda: self._configuration(manifest)),
            self._verdict("layers", lambda: self._layers(manifest)),
            self._verdict("signature", lambda: self._signed(manifest.digest)),
            *self._documents(manifest),
        ]

    def _documents(self, manifest: Manifest) -> list[Verdict]:
        documents: dict[str, tuple[str, Callable[[bytes, Manifest], str]]] = {
            "provenance": (IN_TOTO, _provenance),
            "SBOM (SPDX)": (SPDX, _spdx),
            "SBOM (CycloneDX)": (CYCLONEDX, _cyclonedx),
            "smoke record": (RECORD_TYPE, _record),
        }
        attached: list[Referrer] = []
        listed = self._verdict("attached documents", lambda: self._attached(manifest, attached))
        return [
            *([] if listed.ok else [listed]),
            *(
                self._verdict(item, lambda kind=kind, read=read: self._document(manifest, attached, kind, read))  # type: ignore[misc]
                for item, (kind, read) in documents.items()
            ),
        ]

    def _verdict(self, item: str, look: Callable[[], str]) -> Verdict:
        try:
            return Verdict(item, True, look())
        except (_NotAsItShouldBeError, RegistryError) as error:
            return Verdict(item, False, str(error))
        except (KeyError, IndexError, TypeError, ValueError, AttributeError):
            return Verdict(item, False, "it does not have the form that it should have")

    def _manifest(self, reference: str, found: list[Manifest]) -> str:
        """Leaves a good manifest in `found`."""
        manifest = self.referrers.registry.manifest(self.referrers.repository, reference)
        if manifest is None:
            raise _NotAsItShouldBeError(f"{self.referrers.repository} has no {reference}")
        if manifest.media_type not in MANIFESTS:
            raise _NotAsItShouldBeError(f"a {manifest.media_type}, which Lambda refuses")
        found.append(manifest)
        return f"{manifest.digest}, a plain image manifest"

    def _configuration(self, manifest: Manifest) -> str:
        """It is read whole, and compared with its digest."""
        config = self.referrers.registry.config(self.referrers.repository, manifest)
        return f"for {config['os']}/{config['architecture']}"

    def _layers(self, manifest: Manifest) -> str:
        layers = manifest.json()["layers"]
        for layer in layers:
            self._layer(layer["digest"], layer["size"])
        size = sum(layer["size"] for layer in layers)
        how = "read, all as their digests say" if self.deep else "as large as they should be; --deep reads them"
        return f"{len(layers)}, {size / 1e6:,.1f} MB, {how}"

    def _layer(self, digest: str, size: int) -> None:
        registry, repository = self.referrers.registry, self.referrers.repository
        present = registry.blob_size(repository, digest)
        if present != size:
            told = "is missing" if present is None else f"has {present} bytes instead of {size}"
            raise _NotAsItShouldBeError(f"{digest} {told}")
        if not self.deep:
            return
        seen = hashlib.sha256()
        with registry.stream(repository, digest) as stream:
            while chunk := stream.read(_CHUNK):
                seen.update(chunk)
        if f"sha256:{seen.hexdigest()}" != digest:
            raise _NotAsItShouldBeError(f"{digest} is sha256:{seen.hexdigest()} in the registry; do not trust it")

    def _attached(self, manifest: Manifest, attached: list[Referrer]) -> str:
        """Leaves what the registry lists in `attached`."""
        attached += self.referrers.of(manifest.digest)
        return f"{len(attached)} documents"

    def _signed(self, digest: str) -> str:
        # cosign does not compare what it gets under a tag with the tag's digest.
        self.referrers.registry.manifest(self.referrers.repository, signature_tag(digest))
        if problem := self.trusted.problem(self.referrers.repository, digest):
            old = "no signatures found" in problem and self.referrers.is_signed(digest, ())
            raise _NotAsItShouldBeError(f"{problem} by this cosign; its signature is cosign 3's" if old else problem)
        return f"of {digest} by {self.trusted.key or self.trusted.identity}"

    def _document(
        self, manifest: Manifest, attached: list[Referrer], kind: str, read: Callable[[bytes, Manifest], str]
    ) -> str:
        """Of several of a kind the youngest counts; first its signature, then whose it is and what it says."""
        referrer = next((referrer for referrer in reversed(attached) if referrer.artifact_type == kind), None)
        content = self.referrers.fetch(referrer) if referrer else None
        if referrer is None or content is None:
            raise _NotAsItShouldBeError("none is attached")
        self._signed(referrer.digest)
        return f"{read(content, manifest)}, signed"


def _provenance(content: bytes, manifest: Manifest) -> str:
    statement = _object(content)
    subjects = [f"sha256:{subject['digest']['sha256']}" for subject in statement["subject"]]
    if statement["predicateType"] != PREDICATE or subjects != [manifest.digest]:
        raise _NotAsItShouldBeError(f"it is about {', '.join(subjects) or 'nothing'}")
    predicate = statement["predicate"]
    count = len(predicate["buildDefinition"]["resolvedDependencies"])
    return f"built by {predicate['runDetails']['builder']['id']} from {count} sources"


def _spdx(content: bytes, _: Manifest) -> str:
    return f"{len(_object(content)['packages'])} packages"


def _cyclonedx(content: bytes, _: Manifest) -> str:
    return f"{len(_object(content)['components'])} components"


def _record(content: bytes, manifest: Manifest) -> str:
    record = parse(content)
    if record is None or record.digest != manifest.digest:
        raise _NotAsItShouldBeError("it is about another image" if record else "it cannot be read")
    if record.tests is None or not record.tests.passed:
        raise _NotAsItShouldBeError("it tells of no smoke test that passed")
    return f"{len(record.tests.checks)} checks passed, {record.tests.finished}"


def _object(content: bytes) -> dict[str, Any]:
    document = json.loads(content)
    if not isinstance(document, dict):
        raise _NotAsItShouldBeError("it is no JSON object")
    return document
