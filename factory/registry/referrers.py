"""Referrers: documents attached to a published image without changing a byte of it.

As the OCI image specification 1.1 has it: a small manifest whose `subject` is the image's. Registries that keep no
account of referrers get the index that the specification describes for them, under the tag `sha256-<digest>`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from factory.files import exclusive
from factory.registry.client import OCI_INDEX, OCI_MANIFEST, Manifest, Registry, RegistryError, digest_of
from factory.registry.references import Repository

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
        """What is attached to an image, oldest first as far as the registry tells.

        Raises:
            RegistryError: refused.
            RegistryUnreachableError: no answer.
        """
        index = self.registry.referrers(self.repository, digest) or self.registry.manifest(self.repository, tag(digest))
        entries = index.json().get("manifests", []) if index else []
        return [
            Referrer(entry["digest"], entry.get("artifactType", ""), entry.get("annotations") or {}, digest)
            for entry in entries
        ]

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

    def _enter(self, subject: str, manifest: Manifest, document: Document) -> None:
        """Adds an entry to the index that stands in for the registry's own."""
        entry = _descriptor(manifest) | {
            "artifactType": document.media_type,
            "annotations": dict(document.annotations),
        }
        with exclusive(self.locks / f"referrers-{tag(subject)}.lock"):
            old = self.registry.manifest(self.repository, tag(subject))
            entries = old.json().get("manifests", []) if old else []
            self.registry.put(self.repository, tag(subject), _index([*entries, entry]))


def tag(digest: str) -> str:
    """The tag under which registries without the referrers API hold the index of what refers to a digest."""
    return digest.replace(":", "-")


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
