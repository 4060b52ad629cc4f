"""Files that are whole or not there, and locks between processes."""

from __future__ import annotations

import errno
import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from factory.errors import MachineError


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
