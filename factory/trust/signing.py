"""Signatures by digest, made and checked by cosign: with a key, or keyless with the identity of a CI job.

cosign reads the password of a key from COSIGN_PASSWORD and credentials from docker's own store: neither is an argument.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from factory.registry.attached import is_bundle
from factory.registry.manifests import Manifest
from factory.registry.references import Repository
from factory.registry.referrers import Referrers
from factory.trust.tools import TrustError, call, find, tail

_SIGNING_CONFIG = "--use-signing-config"

KEYLESS = "keyless"
"""Stands in the place of a key's name."""


class Signer(Protocol):
    """What lets others be sure of published images: cosign here, Docker Content Trust in `factory.trust.content`."""

    @property
    def names_tags(self) -> bool:
        """Whether it signs what a tag stands for, each time that one moves; else a manifest, by digest, once."""

    def sign(self, tag: str, manifest: Manifest) -> None:
        """Signs what stands behind a tag; what is signed already is left alone."""


@dataclass(frozen=True)
class Cosign:
    """Signs manifests of one repository, and what is attached to them, by digest.

    `key` is a file, a key of a key management service, or `keyless`; `logged` enters signatures into the public
    transparency log, as keyless ones always are. cosign 1 and 2 keep signatures under a tag, cosign 3 as referrers.
    """

    referrers: Referrers
    key: str
    logged: bool = True
    names_tags: bool = False

    def sign(self, tag: str, manifest: Manifest) -> None:  # noqa: ARG002 - a digest says more
        """Signs a manifest and the documents attached to it, but nothing that is a signature or has one inside.

        Raises:
            MachineError: cosign is not installed.
            TrustError: cosign could not sign.
            RegistryError, RegistryUnreachableError: as the registry answers.
        """
        attached = self.referrers.of(manifest.digest)
        documents = [each.digest for each in attached if not is_bundle(each.artifact_type)]
        unsigned = [digest for digest in (manifest.digest, *documents) if not self.referrers.is_signed(digest)]
        if not unsigned:
            return
        cosign, repository = find("cosign", "it signs images"), self.referrers.repository
        done = call([cosign, "sign", "--yes", *self._how(cosign), *(f"{repository}@{digest}" for digest in unsigned)])
        if done.status:
            raise TrustError(f"{repository}: cosign could not sign:\n{tail(done.stderr)}")

    def _how(self, cosign: Path) -> list[str]:
        if self.key == KEYLESS:
            return []
        words = [f"--key={self.key}", f"--tlog-upload={str(self.logged).lower()}"]
        # cosign 3 takes its servers from a configuration that it fetches, unless told; the log is one of them.
        knows = not self.logged and _SIGNING_CONFIG in call([cosign, "sign", "--help"]).stdout
        return [*words, f"{_SIGNING_CONFIG}=false"] if knows else words


@dataclass(frozen=True)
class Trusted:
    """Whose signatures count: those of a public key, or of an identity that an issuer vouches for."""

    key: str | None = None
    identity: str | None = None
    issuer: str | None = None
    logged: bool = True

    def problem(self, repository: Repository, digest: str) -> str | None:
        """Why a manifest's signature does not count; None for a good one.

        Raises:
            MachineError: cosign is not installed.
        """
        cosign = find("cosign", "it checks signatures")
        done = call([cosign, "verify", *self._whose(), f"{repository}@{digest}"])
        return None if done.status == 0 else _reason(done.stderr)

    def _whose(self) -> list[str]:
        if self.key:
            unlogged = [] if self.logged else ["--insecure-ignore-tlog=true", "--private-infrastructure=true"]
            return [f"--key={self.key}", *unlogged]
        return [f"--certificate-identity-regexp={self.identity}", f"--certificate-oidc-issuer={self.issuer}"]


def _reason(said: str) -> str:
    """cosign's error without its surroundings."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    told = next((line for line in lines if line.startswith("Error:")), lines[-1] if lines else "cosign said nothing")
    return told.removeprefix("Error: ")[:200]
