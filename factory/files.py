"""Files that are whole or not there, folders as values, and locks between processes."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from factory.errors import MachineError


@dataclass(frozen=True)
class File:
    """A file of a folder; `path` is relative to that."""

    path: PurePosixPath
    program: bool
    """Whether it may be executed: all that a checkout keeps of a mode."""
    content: bytes

    @property
    def mode(self) -> int:
        """As every checkout has it alike."""
        return 0o755 if self.program else 0o644


@dataclass(frozen=True)
class Folder:
    """What is in a folder, sorted by path; equal where names, contents and executable bits are."""

    files: tuple[File, ...]

    def key(self, begin: str = "") -> str:
        """sha256 over all of it, after the text `begin`."""
        key = hashlib.sha256(begin.encode())
        for file in self.files:
            key.update(f"{file.path} {file.mode:o} {hashlib.sha256(file.content).hexdigest()}\n".encode())
        return key.hexdigest()


def read_folder(top: Path, wanted: Callable[[Path], bool] = lambda _: True) -> Folder:
    """The files below a folder, those that Python leaves there apart; empty where there is no such folder."""
    found = (file for file in top.rglob("*") if "__pycache__" not in file.parts and wanted(file) and file.is_file())
    return Folder(tuple(_file(top, file) for file in sorted(found)))


def _file(top: Path, file: Path) -> File:
    return File(PurePosixPath(file.relative_to(top)), bool(file.stat().st_mode & 0o100), file.read_bytes())


def write_text(file: Path, text: str) -> None:
    """Writes a file so that a reader, or the next run after a crash, finds the old text or the new one, whole."""
    with told(file):
        _write(file, text)


def _write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        os.chmod(name, 0o644)  # noqa: PTH101 - mkstemp makes it private, others may read what we write
        os.replace(name, file)  # noqa: PTH105
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(name)  # noqa: PTH108
        raise


class DiskError(MachineError):
    """A file system takes nothing more."""


@contextmanager
def told(place: Path) -> Iterator[None]:
    """Tells which file system it is that takes nothing more, where that is what an error in the block says.

    Raises:
        DiskError: it is full, over its quota, read-only, or broken.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO):
            raise
        raise DiskError(
            f"{place}: {error.strerror}: the file system at {_mount(place)} is full or takes nothing more; make room, "
            "and run the same command again: what is complete is kept"
        ) from None


def _mount(place: Path) -> Path:
    """Where the file system of a file is mounted, which need not exist itself."""
    return next(folder for folder in (place.absolute(), *place.absolute().parents) if folder.is_mount())


def write_if_changed(file: Path, text: str) -> bool:
    """Writes a file unless it says this already, so that its time tells when it last changed."""
    with suppress(FileNotFoundError):
        if file.read_text("utf-8") == text:
            return False
    write_text(file, text)
    return True


@contextmanager
def exclusive(file: Path) -> Iterator[bool]:
    """Holds a lock between processes; yields whether it had to wait for another one.

    The kernel lets go of the lock when the process ends, however it ends.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w") as stream:
        waited = False
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            waited = True
            fcntl.flock(stream, fcntl.LOCK_EX)
        yield waited
