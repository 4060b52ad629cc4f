"""The names that are made from a digest: tags of what belongs to a manifest, and what tells cosign's signatures.

cosign 1 and 2 keep signatures under a tag. cosign 3 attaches them as referrers, in the bundles in which it attaches all
other statements about an image too.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

_ATTACHED = re.compile(r"sha256-(?P<digest>[0-9a-f]{64})(?:\.[a-z]+)?")
_BUNDLES = "application/vnd.dev.sigstore.bundle"
PREDICATE_ANNOTATION = "dev.sigstore.bundle.predicateType"
SIGNATURE_PREDICATE = "https://sigstore.dev/cosign/sign/v1"
"""What a bundle that is a signature says of itself (sigstore/cosign v3.1.3, `pkg/types/predicate.go`)."""


def referrers_tag(digest: str) -> str:
    """The tag under which registries without the referrers API hold the index of what refers to a digest."""
    return digest.replace(":", "-")


def signature_tag(digest: str) -> str:
    """The tag under which cosign 1 and 2 keep the signatures of a manifest."""
    return f"{referrers_tag(digest)}.sig"


def subject_of(tag: str) -> str | None:
    """The digest that such a tag belongs to, cosign's `.sig` and `.att` among them; None for tags of images."""
    match = _ATTACHED.fullmatch(tag)
    return f"sha256:{match['digest']}" if match else None


def is_bundle(artifact_type: str) -> bool:
    """Whether a referrer of this type is a bundle of Sigstore's: it has its signature inside, and gets no other."""
    return artifact_type.startswith(_BUNDLES)


def tells_signature(annotations: Mapping[str, str]) -> bool:
    """Whether these annotations of a bundle say that it is a signature, and no statement about its subject."""
    return annotations.get(PREDICATE_ANNOTATION) == SIGNATURE_PREDICATE
