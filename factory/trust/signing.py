"""Signatures by digest, made and checked by cosign: with a key, or keyless with the identity of a CI job.

cosign reads the password of a key from COSIGN_PASSWORD and credentials from docker's own store: neither is an argument.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from factory.registry.client import Registry
from factory.registry.references import Repository
from factory.trust.tools import TrustError, call, find, tail

KEYLESS = "keyless"
"""Stands in the place of a key's name."""


@dataclass(frozen=True)
class Signer:
    """Signs what is in one repository. `key` is a file, a key of a key management service, or `keyless`.

    `logged` enters signatures into the public transparency log, as keyless ones always are.
    """

    registry: Registry
    repository: Repository
    key: str
    logged: bool = True

    def sign(self, digests: Sequence[str]) -> None:
        """Signs manifests; those that have a signature already keep it.

        Raises:
            MachineError: cosign is not installed.
            TrustError: cosign could not sign.
        """
        unsigned = [
            digest for digest in digests if self.registry.manifest(self.repository, signature_tag(digest)) is None
        ]
        if not unsigned:
            return
        cosign = find("cosign", "it signs images")
        key = [] if self.key == KEYLESS else [f"--key={self.key}", f"--tlog-upload={str(self.logged).lower()}"]
        done = call([cosign, "sign", "--yes", *key, *(f"{self.repository}@{digest}" for digest in unsigned)])
        if done.returncode:
            raise TrustError(f"{self.repository}: cosign could not sign:\n{tail(done.stderr)}")


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
        return None if done.returncode == 0 else _reason(done.stderr)

    def _whose(self) -> list[str]:
        if self.key:
            unlogged = [] if self.logged else ["--insecure-ignore-tlog=true", "--private-infrastructure=true"]
            return [f"--key={self.key}", *unlogged]
        return [f"--certificate-identity-regexp={self.identity}", f"--certificate-oidc-issuer={self.issuer}"]


def signature_tag(digest: str) -> str:
    """The tag under which cosign keeps the signatures of a manifest."""
    return f"{digest.replace(':', '-')}.sig"


def _reason(said: str) -> str:
    """cosign's error without its surroundings."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    told = next((line for line in lines if line.startswith("Error:")), lines[-1] if lines else "cosign said nothing")
    return told.removeprefix("Error: ")[:200]
