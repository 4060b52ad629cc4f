"""Vouching for a published image: its documents are attached and everything is signed. Doing it again adds nothing."""

from __future__ import annotations

from dataclasses import dataclass

from factory.build.records import Record
from factory.registry.client import Manifest
from factory.registry.referrers import Referrers
from factory.trust.provenance import IN_TOTO, Builder, provenance
from factory.trust.sbom import FORMATS, bills
from factory.trust.signing import Signer


@dataclass(frozen=True)
class Voucher:
    """Vouches for the images of one repository: with documents, with signatures, or both."""

    referrers: Referrers
    builder: Builder
    attest: bool
    signer: Signer | None

    def vouch(self, manifest: Manifest, record: Record) -> None:
        """Attaches what is missing and signs what is not signed.

        Raises:
            MachineError: syft or cosign is not installed.
            TrustError: one of them failed.
            RegistryError, RegistryUnreachableError: as the registry answers.
        """
        if self.attest:
            self._attach(manifest, record)
        if self.signer:
            attached = [referrer.digest for referrer in self.referrers.of(manifest.digest)]
            self.signer.sign([manifest.digest, *attached])

    def _attach(self, manifest: Manifest, record: Record) -> None:
        there = {referrer.artifact_type for referrer in self.referrers.of(manifest.digest)}
        repository = self.referrers.repository
        documents = [] if IN_TOTO in there else [provenance(repository, record, self.builder)]
        if not FORMATS.keys() <= there:
            documents += bills(repository, manifest.digest, record.inputs.platform)
        for document in documents:
            self.referrers.attach(manifest, document)
