"""The Go runtime's /var/runtime; there is no /var/lang."""

from __future__ import annotations

import shutil
import zipfile

from tools.lab.demands import Archive
from tools.lab.language import Kit, Language, Needs, Runtime


class Go(Language):
    """A function of go1.x is a program that serves RPC: the emulator starts it and calls it."""

    def needs(self, runtime: Runtime, architecture: str) -> Needs:
        """Nothing."""
        return Needs()

    def lang(self, kit: Kit) -> None:
        """Never asked."""
        raise NotImplementedError

    def client(self, kit: Kit) -> None:
        """A bootstrap that fails if anybody starts it: AWS's, in its place, would wait for Lambda's own agent."""
        kit.install("bootstrap", "var/runtime/bootstrap", 0o755)

    def archive_needs(self, archive: Archive) -> Needs | None:
        """Go itself, as the Go command downloads it."""
        return Needs(go=(_toolchain(archive),)) if archive.extra == "go" else None

    def fill_archive(self, kit: Kit, archive: Archive) -> None:
        """The same files as in Go's own archive, from a zip that has neither modes nor modules within the module."""
        name = _toolchain(archive)
        with zipfile.ZipFile(kit.go(name)) as module:
            module.extractall(kit.work)
        target = kit.tree / "go"
        shutil.move(kit.work / name, target)
        for path in target.rglob("_go.mod"):
            path.rename(path.with_name("go.mod"))
        for folder in ("bin", "pkg/tool"):
            for path in (target / folder).rglob("*"):
                path.chmod(0o755)


def _toolchain(archive: Archive) -> str:
    """The module that holds Go for an architecture."""
    architecture = {"x86_64": "amd64", "arm64": "arm64"}[archive.architecture]
    return f"golang.org/toolchain@v0.0.1-go{archive.version}.linux-{architecture}"
