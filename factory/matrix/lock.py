"""The lock: every upstream reference as one digest per architecture, every archive by sha256.

`matrix.lock` is written by `factory lock` alone. It is TOML, sorted, one fact a line, so that a change of upstream is a
short diff.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Any

import tomli
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from factory.errors import UsageError
from factory.files import write_text
from factory.matrix.downloads import Artifact, of_extra, of_source
from factory.matrix.runtimes import Family, ImageSource, Runtime, source_of
from factory.matrix.schema import Matrix
from factory.matrix.words import Architecture

Digits = Annotated[str, StringConstraints(pattern=r"^([0-9a-f]{64}|[0-9a-f]{128})$")]
"""A sha256, or where the matrix declares one, a sha512."""

Digest = Annotated[str, StringConstraints(pattern=r"^sha256:[0-9a-f]{64}$")]


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Locked(_Entry):
    """What an upstream reference was resolved to, or why it was not."""

    digests: dict[Architecture, Digest] = {}
    resolved: date | None = None
    """The day on which these digests were first seen; the creation time of images made from them."""
    unresolved: str | None = None
    """Why there is no digest."""


class Replaced(_Entry):
    """The checksum of what a mirror has in place of an archive that the matrix declares another checksum for."""

    instead: Digits


class Unresolved(_Entry):
    """Why an archive has no checksum."""

    unresolved: str


class Lock(_Entry):
    """All upstream references, keyed as the Dockerfiles write them, and the archives, keyed by address."""

    version: Annotated[int, Field(ge=1, le=1)] = 1
    images: dict[str, Locked] = {}
    archives: dict[str, Digits | Replaced | Unresolved] = {}

    def digest(self, reference: str, architecture: Architecture) -> str | None:
        """The manifest digest of a reference for an architecture; None while it is unlocked."""
        locked = self.images.get(reference)
        return locked.digests.get(architecture) if locked else None

    def checksum(self, artifact: Artifact) -> str | None:
        """`sha256:…` or `sha512:…`, what an archive must be; None while nobody knows.

        What the matrix declares counts, not what the lock copied from an earlier matrix; but what is there instead is
        another file.
        """
        locked = self.archives.get(artifact.url)
        if isinstance(locked, Unresolved):
            return None
        if isinstance(locked, Replaced):
            return f"{artifact.algorithm}:{locked.instead}"
        if artifact.checksum:
            return artifact.checksum
        return f"{artifact.algorithm}:{locked}" if locked else None

    def epoch(self, references: tuple[str, ...]) -> int:
        """Seconds since 1970 of the youngest of these references: what an image made from them calls its creation.

        Taking it from the lock, not from the clock, is what makes two builds of one input the same image.
        """
        days = [locked.resolved for ref in references if (locked := self.images.get(ref)) and locked.resolved]
        return max((int(datetime(d.year, d.month, d.day, tzinfo=UTC).timestamp()) for d in days), default=0)


def read(file: Path) -> Lock:
    """The lock in a file; an empty one when there is no file.

    Raises:
        UsageError: it cannot be read, or is not what `factory lock` writes.
    """
    try:
        return parse(file.read_bytes(), str(file))
    except FileNotFoundError:
        return Lock()
    except OSError as error:
        raise UsageError(f"{file}: cannot be read: {error.strerror}") from None


def parse(content: bytes, name: str) -> Lock:
    """The lock that a file of this name holds.

    Raises:
        UsageError: it is not what `factory lock` writes.
    """
    try:
        return Lock.model_validate(tomli.loads(content.decode()))
    except (tomli.TOMLDecodeError, UnicodeDecodeError, ValidationError) as error:
        reason = str(error).splitlines()[0]
        raise UsageError(
            f"{name}: is no lock ({reason}); it is written by a command, never by hand: run `factory lock`"
        ) from None


def write(file: Path, lock: Lock) -> None:
    """Writes a lock, whole or not at all."""
    write_text(file, text(lock))


def text(lock: Lock) -> str:
    """A lock as TOML: sorted, one fact a line."""
    lines = ["# Written by `factory lock`; do not edit.", f"version = {lock.version}"]
    for reference, locked in sorted(lock.images.items()):
        lines += ["", f'[images."{reference}"]']
        if locked.unresolved:
            lines.append(f"unresolved = {_string(locked.unresolved)}")
        if locked.resolved:
            lines.append(f"resolved = {locked.resolved}")
        lines += [f'digests.{arch} = "{digest}"' for arch, digest in sorted(locked.digests.items())]
    if lock.archives:
        lines += ["", "[archives]"]
        lines += [f"{_string(url)} = {_archive(locked)}" for url, locked in sorted(lock.archives.items())]
    return "\n".join(lines) + "\n"


def counted(lock: Lock) -> str:
    """How much is locked, and how much could not be: `40 images, 9 archives, 2 of them unresolved`."""
    images = [bool(locked.unresolved) for locked in lock.images.values()]
    archives = [isinstance(locked, Unresolved) for locked in lock.archives.values()]
    return f"{_counted('images', images)}, {_counted('archives', archives)}"


def _counted(what: str, unresolved: list[bool]) -> str:
    return f"{len(unresolved)} {what}" + (f", {sum(unresolved)} of them unresolved" if any(unresolved) else "")


def wanted_images(matrix: Matrix) -> Mapping[str, frozenset[Architecture]]:
    """Every upstream image that the matrix names, with the architectures that it is needed for."""
    wanted: dict[str, set[Architecture]] = {}
    for base in matrix.bases.values():
        wanted.setdefault(base.upstream, set()).update(base.architectures)
    for runtime in matrix.runtimes.values():
        reference = source_reference(runtime, matrix.families[runtime.family])
        if reference:
            architectures = runtime.architectures or matrix.bases[runtime.base].architectures
            wanted.setdefault(reference, set()).update(architectures)
    return {reference: frozenset(architectures) for reference, architectures in sorted(wanted.items())}


def wanted_archives(matrix: Matrix) -> dict[str, Artifact]:
    """Every archive that the matrix names, by address."""
    downloads = [
        *(of_extra(name, extra) for name, extra in matrix.extras.items()),
        *(of_source(name, runtime, matrix.families[runtime.family]) for name, runtime in matrix.runtimes.items()),
    ]
    artifacts = [artifact for download in downloads if download for artifact in download.artifacts.values()]
    return {artifact.url: artifact for artifact in sorted(artifacts, key=lambda artifact: artifact.checksum or "")}


def source_reference(runtime: Runtime, family: Family) -> str | None:
    """The upstream image of a runtime; None when the base is all there is, or an archive is the source."""
    source = source_of(runtime, family)
    return source.image if isinstance(source, ImageSource) else None


def _archive(locked: str | Replaced | Unresolved) -> str:
    if isinstance(locked, str):
        return _string(locked)
    return f"{{ {', '.join(f'{key} = {_string(value)}' for key, value in locked.model_dump().items())} }}"


def _string(value: str) -> str:
    escaped: Any = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
