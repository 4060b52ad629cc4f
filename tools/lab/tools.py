"""Programs of a known Debian suite that the assembly itself runs: Python to compile modules, compilers of C and C#.

The machine's own would do on one machine and not on the next: byte code belongs to one Python version, and what a
newer system's compiler links needs a newer libc than the oldest base has.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tools.lab.debian import NEVER, Suite, merge_usr
from tools.lab.run import run
from tools.lab.settings import EPOCH, LAB

PYTHONS = {"bookworm": "3.11", "trixie": "3.13"}
BUILDER = (
    "bash", "coreutils", "diffutils", "findutils", "g++", "g++-aarch64-linux-gnu", "grep", "libc-bin", "make", "mawk",
    "mono-mcs", "patchelf", "sed",
)  # fmt: skip


def seeds(suite: str) -> list[str]:
    """Packages that the tools of a suite start from."""
    python = f"python{PYTHONS[suite]}"
    return [python, *BUILDER] if suite == "bookworm" else [python]


def members(suite: Suite) -> list[str]:
    """The Debian packages that the tools of a suite consist of."""
    return suite.closure(seeds(suite.name), NEVER)


def assemble(suite: Suite, debs: list[str], out: Path) -> None:
    """Unpack the tools; nothing of theirs runs outside of `Tools`."""
    merge_usr(out)
    suite.extract(debs, out)
    for name, destination in {"usr/bin/sh": "bash", "usr/bin/awk": "mawk"}.items():
        (out / name).unlink(missing_ok=True)
        (out / name).symlink_to(destination)
    for name in ("dev", "proc", "tmp", "build"):
        (out / name).mkdir(exist_ok=True)


@dataclass(frozen=True)
class Tools:
    """The unpacked tools of a suite."""

    suite: str
    tree: Path

    def _command(self, program: str) -> list[str | Path]:
        """One of the tools' programs with its own loader and libraries, in this machine's file system."""
        libraries = self.tree / "usr/lib/x86_64-linux-gnu"
        return [libraries / "ld-linux-x86-64.so.2", "--library-path", libraries, self.tree / "usr/bin" / program]

    def patchelf(self, *words: str | Path) -> None:
        """Change an ELF file (tools of bookworm)."""
        run([*self._command("patchelf"), *words])

    def compile_python(self, tree: Path, directories: Sequence[str]) -> None:
        """Write byte code beside the modules, valid whatever the files' times are."""
        version = PYTHONS[self.suite]
        environment = {
            "PYTHONHOME": str(self.tree / "usr"),
            "PYTHONHASHSEED": "0",
            "SOURCE_DATE_EPOCH": str(EPOCH),
            "LC_ALL": "C.UTF-8",
        }
        run(
            [*self._command(f"python{version}"), "-W", "ignore", LAB / "bytecode.py", tree, *directories],
            env=environment,
        )

    def shell(self, script: str, work: Path, *, log: Path) -> None:
        """Run a script with the suite's own compilers, `work` being /build there."""
        mounts = (
            'mount --rbind /dev "$1/dev" && mount -t proc proc "$1/proc" && mount --bind "$2" "$1/build" && '
            'exec chroot "$1" /bin/sh -euc "$3"'
        )
        user = [] if os.geteuid() == 0 else ["--map-root-user"]
        path = "/usr/bin:/bin:/usr/sbin:/sbin"
        environment = {"PATH": path, "LC_ALL": "C", "HOME": "/tmp", "SOURCE_DATE_EPOCH": str(EPOCH)}
        # If this process is killed the compilers go with it, all of them: they have a process namespace of their own.
        bound = ["setpriv", "--pdeathsig", "KILL", "unshare", "--fork", "--pid", "--kill-child"]
        run(
            [*bound, *user, "--mount", "--", "sh", "-c", mounts, "sh", self.tree, work, f"cd /build\n{script}"],
            env=environment,
            log=log,
        )
