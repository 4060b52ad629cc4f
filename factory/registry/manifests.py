"""Manifests and indexes as registries hold them, by the OCI image specification."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import Any

from factory.registry.errors import RegistryError

OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
DOCKER_INDEX = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
INDEXES = frozenset((OCI_INDEX, DOCKER_INDEX))
MANIFESTS = frozenset((OCI_MANIFEST, DOCKER_MANIFEST))


@dataclass(frozen=True)
class Manifest:
    """A manifest or index as a registry holds it. `digest` is computed from `content`, not believed."""

    media_type: str
    content: bytes
    digest: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "digest", digest_of(self.content))

    @property
    def is_index(self) -> bool:
        """Whether it lists manifests instead of layers; Lambda refuses those."""
        return self.media_type in INDEXES

    def json(self) -> dict[str, Any]:
        """The parsed document.

        Raises:
            RegistryError: it is none.
        """
        try:
            document = json.loads(self.content)
        except ValueError:
            document = None
        if not isinstance(document, dict):
            raise RegistryError(
                f"what came ({self.media_type or 'of no type'}) is no manifest; is that really a registry?"
            )
        return document


def digest_of(content: bytes) -> str:
    """What content is called by what it is: `sha256:` and 64 hexadecimal digits."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"
