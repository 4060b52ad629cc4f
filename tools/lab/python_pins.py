"""What pip and pipx install in the extras, pinned: `scripts/lab pin` writes tools/lab/python.toml, assembling reads it.

uv resolves: it knows in seconds what pip takes minutes for. Of each package the wheels are kept that fit the base's
Python on either architecture. A requirement that no set of wheels meets is written down with the reason.
"""

from __future__ import annotations

import json
import re
import subprocess
import tempfile
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tools.lab import demands, tools
from tools.lab.catalogue import BASES
from tools.lab.errors import MissingError
from tools.lab.settings import LAB

FILE = LAB / "python.toml"
HEAD = "# Written by `scripts/lab pin`: the wheels that the extras' Python packages need, by requirement and Python.\n"

FETCHED = {"pipx": "pip"}
"""What a program fetches when it is used, beyond what it depends on: pipx the pip that it gives its environments."""


def load() -> dict[str, dict[str, Any]]:
    """By requirement and Python: its wheels' hashes by NAME==VERSION, or a reason why there are none."""
    return tomllib.loads(FILE.read_text()) if FILE.exists() else {}


def write() -> None:
    """Resolve all requirements of the matrix anew, to what the registry has today."""
    lines = [HEAD]
    for requirement, bases in sorted(demands.all_requirements().items()):
        for python in sorted({tools.PYTHONS[BASES[base].suite] for base in bases}):
            lines += ["", f'["{requirement}"."{python}"]', *_lines(resolve(requirement, python))]
    FILE.write_text("\n".join(lines) + "\n")


def resolve(requirement: str, python: str) -> Mapping[str, list[str]] | str:
    """The hashes of all wheels that a requirement needs, or why no wheels will do."""
    found: dict[str, list[str]] = {}
    for machine in ("x86_64", "aarch64"):
        packages = _compiled(requirement, python, machine)
        if isinstance(packages, str):
            return packages
        for package in packages:
            name = f"{package['name']}=={package['version']}"
            found[name] = sorted({*found.get(name, []), *_hashes(package["wheels"], python)})
    return found


def _compiled(requirement: str, python: str, machine: str) -> list[dict[str, Any]] | str:
    program = LAB.parent.parent / ".venv/bin/uv"
    if not program.exists():
        raise MissingError("uv is needed to resolve Python packages: scripts/setup brings it")
    platform = ["--python-version", python, "--python-platform", f"{machine}-manylinux_2_28"]
    with tempfile.TemporaryDirectory() as work:
        wanted, found = Path(work) / "requirements.in", Path(work) / "pylock.toml"
        wanted.write_text(f"{requirement}\n{FETCHED.get(requirement.split('==')[0], '')}\n")
        files = ["--format", "pylock.toml", str(wanted), "-o", str(found)]
        command = [str(program), "pip", "compile", "--quiet", "--only-binary", ":all:", *platform, *files]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            why = re.search(r"(\S+?)(?:[<>=!]\S*)? has no usable wheels", done.stderr)
            return f"no wheels of {why[1]} for this Python" if why else "no wheels for this Python"
        return list(tomllib.loads(found.read_text())["packages"])


def _hashes(wheels: list[dict[str, Any]], python: str) -> list[str]:
    return [wheel["hashes"]["sha256"] for wheel in wheels if fits(wheel["url"].rsplit("/", 1)[1], python)]


def fits(wheel: str, python: str) -> bool:
    """Whether a wheel is for glibc on x86_64 or arm64, or for anything, and for this Python."""
    interpreters, abi, platform = wheel.removesuffix(".whl").rsplit("-", 3)[1:]
    anywhere = platform == "any" or ("manylinux" in platform and platform.endswith(("x86_64", "aarch64")))
    major, minor = python.split(".")
    tags = {f"cp{major}{minor}", f"py{major}", f"py{major}{minor}"}
    return anywhere and (not tags.isdisjoint(interpreters.split(".")) or abi == "abi3")


def _lines(found: Mapping[str, list[str]] | str) -> list[str]:
    if isinstance(found, str):
        return [f'stand_in = "{found}"']
    return [f"{json.dumps(name)} = {json.dumps(hashes)}" for name, hashes in found.items()]
