"""Referrers: documents attached to a published image without changing a byte of it.

As the OCI image specification 1.1 has it: a small manifest whose `subject` is the image's. Registries that keep no
account of referrers get the index that the specification describes for them, under the tag `sha256-<digest>`.
"""

from __future__ import annotations

import json
from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from factory.files import exclusive
from factory.registry.attached import is_bundle, referrers_tag, signature_tag, tells_signature
from factory.registry.client import Registry
from factory.registry.errors import RegistryError
from factory.registry.manifests import OCI_INDEX, OCI_MANIFEST, Manifest, digest_of
from factory.registry.references import Repository

CREATED = "org.opencontainers.image.created"
"""The annotation that tells the age of a document, an ISO 8601 time in UTC, where several of a type are attached."""

_EMPTY = b"{}"
"""The configuration of a manifest that has none, by the image specification."""


@dataclass(frozen=True)
class Document:
    """What is attached: a JSON document of some type, and notes that can be read without fetching it."""

    media_type: str
    content: bytes
    annotations: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Referrer:
    """An attached document as the registry lists it."""

    digest: str
    artifact_type: str
    annotations: Mapping[str, str]
    subject: str
    """The digest of the image that it was found at."""


@dataclass(frozen=True)
class Referrers:
    """The documents attached to the images of a repository. In `locks`, runs on this machine wait for each other."""

    registry: Registry
    repository: Repository
    locks: Path

    def attach(self, subject: Manifest, document: Document) -> str:
        """Attaches a document; returns the digest of its manifest. Attaching the same again changes nothing.

        Raises:
            RegistryError: refused.
            RegistryUnreachableError: no answer.
        """
        manifest = _manifest(subject, document)
        if any(referrer.digest == manifest.digest for referrer in self.of(subject.digest)):
            return manifest.digest
        self.registry.put_blob(self.repository, _EMPTY)
        self.registry.put_blob(self.repository, document.content)
        if not self.registry.put(self.repository, manifest.digest, manifest):
            self._enter(subject.digest, manifest, document)
        return manifest.digest

    def of(self, digest: str) -> list[Referrer]:
        """What is attached to an image, oldest first as far as it is told: what has no time of its own comes before.

        The registry's own order says nothing: cosign 3 sorts by digest the index that it shares with us.

        Raises:
            RegistryError: refused.
            RegistryUnreachableError: no answer.
        """
        entries = self.registry.referrers(self.repository, digest)
        if entries is None:
            index = self.registry.manifest(self.repository, referrers_tag(digest))
            entries = index.json().get("manifests", []) if index else []
        found = (
            Referrer(entry["digest"], entry.get("artifactType", ""), entry.get("annotations") or {}, digest)
            for entry in entries
        )
        return sorted(found, key=lambda referrer: referrer.annotations.get(CREATED, ""))

    def fetch(self, referrer: Referrer) -> bytes | None:
        """The content of an attached document; None when it is gone.

        Raises:
            RegistryError: refused, not what its digest says, or attached to another image or as something else than
                the registry's list has it.
            RegistryUnreachableError: no answer.
        """
        manifest = self.registry.manifest(self.repository, referrer.digest)
        if manifest is None:
            return None
        document = manifest.json()
        subject, kind = document.get("subject", {}).get("digest"), document.get("artifactType")
        if (subject, kind) != (referrer.subject, referrer.artifact_type):
            raise RegistryError(
                f"{self.repository}@{referrer.digest}: it is a {kind} of {subject or 'no image'}, and listed as a "
                f"{referrer.artifact_type} of {referrer.subject}; do not trust it"
            )
        return self.registry.blob(self.repository, document["layers"][0]["digest"])

    def is_signed(self, digest: str, tags: Container[str] | None = None) -> bool:
        """Whether a manifest has a signature of cosign's, whoever made it.

        `tags` are those of the repository, where they are known; else the registry is asked.

        Raises:
            RegistryError: refused.
            RegistryUnreachableError: no answer.
        """
        tag = signature_tag(digest)
        tagged = self.registry.manifest(self.repository, tag) is not None if tags is None else tag in tags
        return tagged or any(self._is_signature(referrer) for referrer in self.of(digest))

    def _is_signature(self, referrer: Referrer) -> bool:
        if not is_bundle(referrer.artifact_type):
            return False
        if referrer.annotations:
            return tells_signature(referrer.annotations)
        # cosign leaves them out of the index that it keeps where there is no referrers API.
        manifest = self.registry.manifest(self.repository, referrer.digest)
        return manifest is not None and tells_signature(manifest.json().get("annotations") or {})

    def _enter(self, subject: str, manifest: Manifest, document: Document) -> None:
        """Adds an entry to the index that takes the place of the registry's own."""
        entry = _descriptor(manifest) | {
            "artifactType": document.media_type,
            "annotations": dict(document.annotations),
        }
        with exclusive(self.locks / f"referrers-{referrers_tag(subject)}.lock"):
            old = self.registry.manifest(self.repository, referrers_tag(subject))
            entries = old.json().get("manifests", []) if old else []
            self.registry.put(self.repository, referrers_tag(subject), _index([*entries, entry]))


def _manifest(subject: Manifest, document: Document) -> Manifest:
    content = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "artifactType": document.media_type,
        "config": {"mediaType": "application/vnd.oci.empty.v1+json", "digest": digest_of(_EMPTY), "size": len(_EMPTY)},
        "layers": [
            {
                "mediaType": document.media_type,
                "digest": digest_of(document.content),
                "size": len(document.content),
            }
        ],
        "subject": _descriptor(subject),
        "annotations": dict(document.annotations),
    }
    return Manifest(OCI_MANIFEST, _json(content))


def _descriptor(manifest: Manifest) -> dict[str, Any]:
    return {"mediaType": manifest.media_type, "digest": manifest.digest, "size": len(manifest.content)}


def _index(entries: list[dict[str, Any]]) -> Manifest:
    return Manifest(OCI_INDEX, _json({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries}))


def _json(document: dict[str, Any]) -> bytes:
    return json.dumps(document, separators=(",", ":"), sort_keys=True).encode()
