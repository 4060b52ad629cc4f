"""Archives: what a Dockerfile downloads, verifies and unpacks, be it an extra or a runtime's source."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from factory.matrix.archives import Archive, ArchiveFor, Format
from factory.matrix.runtimes import ArchiveSource, Family, Runtime, source_of
from factory.matrix.tables import Extra
from factory.matrix.words import Architecture

SOURCE = "source"
"""What a runtime's archive is called where an extra's has the extra's name."""


@dataclass(frozen=True)
class Artifact:
    """A file behind an address. `checksum` is `sha256:…`, `sha512:…`, or None where only the lock knows it."""

    url: str
    checksum: str | None

    @property
    def algorithm(self) -> str:
        """What its checksum is made with, declared or to be noted by the lock."""
        return self.checksum.partition(":")[0] if self.checksum else "sha256"

    @property
    def digits(self) -> str:
        """The checksum's hexadecimal digits; empty while there is none."""
        return self.checksum.partition(":")[2] if self.checksum else ""


@dataclass(frozen=True)
class Download:
    """An archive as a Dockerfile knows it: a stage that holds it, build arguments that say where it is, a folder."""

    name: str
    title: str
    archives: Mapping[ArchiveFor, Archive]
    version: str | None
    format: Format
    into: str
    strip: int = 0
    links: tuple[str, ...] = ()
    commands: Mapping[str, str] = field(default_factory=dict)
    runtime: str | None = None

    @property
    def stage(self) -> str:
        """The stage that holds the file as `/archive`."""
        return f"{self.name}-archive"

    @property
    def argument(self) -> str:
        """What its build arguments start with."""
        return argument(self.name)

    @cached_property
    def artifacts(self) -> dict[str, Artifact]:
        """The files, by OCI's name of the architecture; by the empty name where one file is for all."""
        return {
            "" if key is ArchiveFor.ANY else Architecture(key).oci: self._artifact(archive)
            for key, archive in self.archives.items()
        }

    def artifact(self, architecture: Architecture) -> Artifact:
        """The file for an architecture, which must be there."""
        return self.artifacts.get("") or self.artifacts[architecture.oci]

    @property
    def algorithms(self) -> set[str]:
        """What its files' checksums are made with."""
        return {artifact.algorithm for artifact in self.artifacts.values()}

    def _artifact(self, archive: Archive) -> Artifact:
        return Artifact(archive.at(self.version, self.runtime), archive.checksum)


def argument(name: str) -> str:
    """An extra's name as build arguments spell it: `AWS_CLI`."""
    return re.sub(r"[^A-Z0-9]", "_", name.upper())


def of_extra(name: str, extra: Extra) -> Download | None:
    """The download of an extra; None when it has no archive."""
    if not extra.archive:
        return None
    assert extra.into is not None
    title = f"{name} {extra.version}" if extra.version else name
    return Download(
        name,
        title,
        extra.archive,
        extra.version,
        extra.packed,
        extra.into,
        extra.strip,
        extra.links,
        extra.commands,
    )


def of_source(name: str, runtime: Runtime, family: Family) -> Download | None:
    """The download of a runtime whose source is an archive; None when it is not."""
    source = source_of(runtime, family)
    if not isinstance(source, ArchiveSource):
        return None
    return Download(SOURCE, name, source.archive, runtime.version, source.packed, "/source", runtime=name)
