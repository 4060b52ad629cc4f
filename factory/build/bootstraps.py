"""Bootstraps of ours, for runtimes whose source has none that would do, laid out where builds take them from."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from factory.files import Folder, exclusive, write_text


def folder(build_dir: Path, name: str) -> Path:
    """The build context of images that have a bootstrap."""
    return build_dir / "bootstraps" / name


def lay_out(build_dir: Path, name: str, bootstrap: Folder) -> None:
    """Writes a bootstrap to where builds take it from, with modes and times that every machine has alike."""
    target, key = folder(build_dir, name), bootstrap.key()
    stamp = target.parent / f"{name}.key"
    with exclusive(build_dir / "locks" / "bootstraps.lock"):
        if target.is_dir() and stamp.exists() and stamp.read_text() == key:
            return
        stamp.unlink(missing_ok=True)
        shutil.rmtree(target, ignore_errors=True)
        for file in bootstrap.files:
            copy = target / file.path
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(file.content)
            copy.chmod(file.mode)
        for path in (*target.rglob("*"), target):
            os.utime(path, (0, 0))
        write_text(stamp, key)
