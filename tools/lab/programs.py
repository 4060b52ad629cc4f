"""Programs of Debian's that the tests of what is published call: unpacked in the lab's cache, nothing is installed."""

from __future__ import annotations

import platform
import shutil
from pathlib import Path

from tools.lab.debian import Apt
from tools.lab.errors import MissingError
from tools.lab.settings import Settings
from tools.lab.store import say

PACKAGES = {"trixie": ("cosign",), "bookworm": ("notary",)}
"""By suite: signatures, and Docker Content Trust with its two servers. All of them need libc and nothing else."""
_DEBIAN_NAMES = {"x86_64": "amd64", "aarch64": "arm64"}


def folder(settings: Settings) -> Path:
    """Where the programs are, to be put on PATH."""
    return settings.cache / "programs" / "usr" / "bin"


def unpack(settings: Settings, *, refresh: bool) -> None:
    """Bring the programs, unless those very packages are there."""
    if platform.machine() not in _DEBIAN_NAMES:
        raise MissingError(f"no programs are known for {platform.machine()}")
    tree = settings.cache / "programs"
    identity: list[str] = []
    fetched = []
    for suite, names in PACKAGES.items():
        apt = Apt(settings.cache / "apt", suite, _DEBIAN_NAMES[platform.machine()], refresh=refresh)
        resolved = apt.resolve("programs", names)
        identity += resolved.identity(names)
        fetched.append((apt, resolved, names))
    marker = tree / "complete"
    if marker.exists() and marker.read_text().splitlines() == identity:
        return
    shutil.rmtree(tree, ignore_errors=True)
    tree.mkdir(parents=True)
    for apt, resolved, names in fetched:
        apt.fetch(resolved, names)
        resolved.extract(names, tree)
    marker.write_text("\n".join(identity))
    say(f"{folder(settings)}: {', '.join(file.name for file in sorted(folder(settings).iterdir()))}")
