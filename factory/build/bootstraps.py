"""Bootstraps of ours: folders in `bootstraps/`, for runtimes whose source has none that would do."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from factory.files import exclusive, write_text

FOLDER = Path(__file__).parent.parent.parent / "bootstraps"


def known() -> list[str]:
    """The names of all that there are."""
    return sorted(folder.name for folder in FOLDER.iterdir() if folder.is_dir()) if FOLDER.is_dir() else []


def content_key(name: str) -> str:
    """sha256 over the names, contents and executable bits of a bootstrap's files."""
    key = hashlib.sha256()
    for file in _files(FOLDER / name):
        content = hashlib.sha256(file.read_bytes()).hexdigest()
        key.update(f"{file.relative_to(FOLDER / name)} {_mode(file):o} {content}\n".encode())
    return key.hexdigest()


def staged(build_dir: Path, name: str) -> Path:
    """The build context of images that have a bootstrap."""
    return build_dir / "bootstraps" / name


def stage(build_dir: Path, name: str) -> None:
    """Copies a bootstrap to where builds take it from, with modes and times that every checkout has alike."""
    target, key = staged(build_dir, name), content_key(name)
    stamp = target.parent / f"{name}.key"
    with exclusive(build_dir / "locks" / "bootstraps.lock"):
        if target.is_dir() and stamp.exists() and stamp.read_text() == key:
            return
        stamp.unlink(missing_ok=True)
        shutil.rmtree(target, ignore_errors=True)
        for file in _files(FOLDER / name):
            copy = target / file.relative_to(FOLDER / name)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, copy)
            copy.chmod(_mode(file))
        for path in (*target.rglob("*"), target):
            os.utime(path, (0, 0))
        write_text(stamp, key)


def _files(folder: Path) -> Iterator[Path]:
    return iter(sorted(file for file in folder.rglob("*") if file.is_file() and "__pycache__" not in file.parts))


def _mode(file: Path) -> int:
    """What a checkout keeps of a mode: whether the file is a program."""
    return 0o755 if file.stat().st_mode & 0o100 else 0o644
