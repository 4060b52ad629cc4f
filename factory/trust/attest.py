"""Attesting: the documents of a published image are attached to it. Doing it again adds nothing."""

from __future__ import annotations

from dataclasses import dataclass

from factory.build.records import Record
from factory.registry.manifests import Manifest
from factory.registry.referrers import Referrers
from factory.trust.provenance import IN_TOTO, Origin, provenance
from factory.trust.sbom import FORMATS, bills


@dataclass(frozen=True)
class Attester:
    """Attaches provenance and bills of materials to the images of one repository."""

    referrers: Referrers
    origin: Origin

    def attest(self, manifest: Manifest, record: Record) -> None:
        """Attaches what is missing.

        Raises:
            MachineError: syft is not installed.
            TrustError: it failed.
            RegistryError, RegistryUnreachableError: as the registry answers.
        """
        there = {referrer.artifact_type for referrer in self.referrers.of(manifest.digest)}
        repository = self.referrers.repository
        documents = [] if IN_TOTO in there else [provenance(repository, record, self.origin)]
        if not FORMATS.keys() <= there:
            documents += bills(repository, manifest.digest, record.inputs.platform)
        for document in documents:
            self.referrers.attach(manifest, document)
