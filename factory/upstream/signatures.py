"""What upstream signed: an image that the matrix wants signatures of enters the lock with a good one, or not at all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from factory.matrix.problems import Problem
from factory.matrix.schema import Matrix, Signatures, signatures_of
from factory.matrix.words import Architecture
from factory.registry.references import Repository
from factory.trust.signing import Trusted


@dataclass(frozen=True)
class Upstream:
    """The signatures that a matrix wants. Its key files are named from `folder`, where the matrix is."""

    matrix: Matrix
    folder: Path

    def lacking(self) -> Iterator[Problem]:
        """The key files that are not there."""
        for prefix, wanted in self.matrix.signatures.items():
            if wanted.key_file and not self._key(wanted).is_file():
                message = f"there is no file {self._key(wanted)}"
                yield Problem(("signatures", prefix, "key"), message, "name a public key, from the matrix's folder")

    def unsigned(
        self, reference: str, repository: Repository, tagged: str, digests: Mapping[Architecture, str]
    ) -> Iterator[str]:
        """Which architectures of an image have no good signature, in words; none where nobody wants one.

        `tagged` is what the tag names. Where that is an index, its signature is one of all that it lists; else each
        manifest has to have its own.

        Raises:
            MachineError: cosign is not installed.
            TrustError: it did not end.
        """
        wanted = signatures_of(self.matrix, reference)
        if wanted is None or not digests:
            return
        trusted = self._trusted(wanted)
        of_index = trusted.problem(repository, tagged)
        if of_index is None:
            return
        for architecture, digest in sorted(digests.items()):
            own = of_index if digest == tagged else trusted.problem(repository, digest)
            if own is not None:
                said = "; ".join(dict.fromkeys((of_index, own)))
                whose = wanted.key or wanted.identity
                yield f"{reference}: {architecture} has no good signature by {whose}, asked at {repository}: {said}"

    def _trusted(self, wanted: Signatures) -> Trusted:
        key = str(self._key(wanted)) if wanted.key_file else wanted.key
        return Trusted(key, wanted.identity, wanted.issuer, wanted.transparency_log)

    def _key(self, wanted: Signatures) -> Path:
        return self.folder / (wanted.key or "")
