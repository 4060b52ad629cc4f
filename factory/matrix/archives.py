"""Archives as a matrix declares them: an address, a checksum, what the file is packed with."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Self

from pydantic import AfterValidator, model_validator
from pydantic_core import PydanticCustomError

from factory.matrix.words import Architecture, ArchiveUrl, Sha256, Sha512, Table


class ArchiveFor(StrEnum):
    """Which images an archive is for: those of one architecture, or all."""

    ANY = "any"
    X86_64 = "x86_64"
    ARM64 = "arm64"


class Format(StrEnum):
    """What an archive is packed with; told by the end of its address unless named."""

    TAR_GZ = "tar.gz"
    TAR_XZ = "tar.xz"
    ZIP = "zip"
    NUPKG = "nupkg"


_SUFFIXES = {
    ".tar.gz": Format.TAR_GZ,
    ".tgz": Format.TAR_GZ,
    ".tar.xz": Format.TAR_XZ,
    ".txz": Format.TAR_XZ,
    ".zip": Format.ZIP,
    ".nupkg": Format.NUPKG,
}


class Archive(Table):
    """A file to download, used only once its checksum is right."""

    url: ArchiveUrl
    """Where it is; may name {version}."""
    sha256: Sha256 | None = None
    """What it must be, 64 hexadecimal digits. Absent: `factory lock` notes what it is."""
    sha512: Sha512 | None = None
    """What it must be, 128 hexadecimal digits, where the publisher names no sha256."""

    @model_validator(mode="after")
    def _one_checksum(self) -> Self:
        if self.sha256 and self.sha512:
            raise PydanticCustomError(
                "checksum",
                "stands beside a sha256",
                {"at": ("sha512",), "remedy": "leave one of the two out, one checksum is enough"},
            )
        return self

    def at(self, version: str | None, runtime: str | None = None) -> str:
        """Its address for a version, and a runtime where it is one's."""
        return self.url.format_map({"version": version, "runtime": runtime})

    @property
    def checksum(self) -> str | None:
        """`sha256:…` or `sha512:…`; None where only the lock knows."""
        if self.sha512:
            return f"sha512:{self.sha512}"
        return f"sha256:{self.sha256}" if self.sha256 else None


def _any_alone(archives: dict[ArchiveFor, Archive]) -> dict[ArchiveFor, Archive]:
    """Refuses an archive that would never be used."""
    if ArchiveFor.ANY in archives and len(archives) > 1:
        raise PydanticCustomError(
            "any",
            "names an architecture beside `any`, which is for all of them",
            {"remedy": "leave out one or the other"},
        )
    return archives


Archives = Annotated[dict[ArchiveFor, Archive], AfterValidator(_any_alone)]


def archive_for(archives: Mapping[ArchiveFor, Archive], architecture: Architecture) -> Archive | None:
    """The archive that an architecture's images take; None when there is none."""
    return archives.get(ArchiveFor.ANY) or archives.get(ArchiveFor(architecture))


def packed_with(archives: Mapping[ArchiveFor, Archive], named: Format | None) -> Format:
    """What archives are packed with: the same for all architectures, as one step unpacks them."""
    if named:
        return named
    told = {format_ for archive in archives.values() if (format_ := _format_of(archive.url))}
    if len(told) != 1 or not all(_format_of(archive.url) for archive in archives.values()):
        raise PydanticCustomError(
            "format",
            "the addresses do not end in one of {known}, the same for all",
            {"known": ", ".join(_SUFFIXES), "at": ("archive",), "remedy": 'add `format = "zip"`, or what it is'},
        )
    return told.pop()


def _format_of(url: str) -> Format | None:
    path = url.partition("?")[0]
    return next((format_ for suffix, format_ in _SUFFIXES.items() if path.endswith(suffix)), None)
