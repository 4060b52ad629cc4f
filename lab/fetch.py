"""npm's and PyPI's packages, through the machine's own clients, checked against versions.toml."""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterable
from pathlib import Path

from lab.catalogue import versions
from lab.errors import LabError, MissingError
from lab.run import run


def npm(names: Iterable[str], directory: Path) -> None:
    """Fetch NAME@VERSION packages that are not in `directory` yet."""
    directory.mkdir(parents=True, exist_ok=True)
    missing = [name for name in names if not tarball(name, directory).exists()]
    if not missing:
        return
    if not shutil.which("npm"):
        raise MissingError("npm is needed to fetch Node.js for the stand-ins: install Node.js with npm")
    scratch = directory / "download"
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir()
    packed = run(["npm", "pack", "--json", "--loglevel=error", "--ignore-scripts", *missing], cwd=scratch)
    for entry in _entries(json.loads(packed)):
        name = f"{entry['name']}@{entry['version']}"
        file = scratch / str(entry["filename"])
        digest = base64.b64encode(hashlib.sha512(file.read_bytes()).digest()).decode()
        if f"sha512-{digest}" != versions()["npm"][name]:
            raise LabError(f"{name} from npm is not what lab/versions.toml says it is")
        file.rename(tarball(name, directory))


def _entries(answer: object) -> list[dict[str, object]]:
    """npm up to 10 prints a list, later ones may print an object by package name."""
    return list(answer.values()) if isinstance(answer, dict) else list(answer)  # type: ignore[call-overload]


def tarball(name: str, directory: Path) -> Path:
    """Where a fetched npm package is."""
    return directory / f"{name}.tgz"


def unpack(name: str, directory: Path, target: Path) -> None:
    """Unpack an npm package's content into `target`."""
    target.mkdir(parents=True, exist_ok=True)
    with tarfile.open(tarball(name, directory)) as tar:
        members = []
        for member in tar.getmembers():
            member.name = member.name.split("/", 1)[1] if "/" in member.name else ""
            if member.name:
                members.append(member)
        tar.extractall(target, members=members, filter="tar")


def wheels(python: str, architecture: str, directory: Path) -> Path:
    """Fetch every pinned wheel for one Python and architecture into a directory of its own."""
    target = directory / f"{python}-{architecture}"
    pins: dict[str, list[str]] = versions()["pypi"]
    lines = [f"{name} " + " ".join(f"--hash=sha256:{digest}" for digest in pins[name]) for name in sorted(pins)]
    wanted = "\n".join(lines) + "\n"
    done = target / "requirements.txt"
    if done.exists() and done.read_text() == wanted:
        return target
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    requirements = target / "requirements.part"
    requirements.write_text(wanted)
    machine = {"amd64": "x86_64", "arm64": "aarch64"}[architecture]
    platforms = [f"--platform={kind}_{machine}" for kind in ("manylinux2014", "manylinux_2_17", "manylinux_2_28")]
    command = [*_pip(), "download", "-q", "--no-deps", "--only-binary=:all:", "--disable-pip-version-check"]
    run([*command, f"--python-version={python}", *platforms, "--require-hashes", "-r", requirements, "-d", target])
    requirements.rename(done)
    return target


def _pip() -> list[str]:
    """A pip that works: this Python's own, or any other's (a virtual environment may have none)."""
    for command in ([sys.executable, "-m", "pip"], ["pip3"], ["/usr/bin/python3", "-m", "pip"], ["pip"]):
        try:
            if subprocess.run([*command, "--version"], capture_output=True, check=False).returncode == 0:
                return command
        except FileNotFoundError:
            continue
    raise MissingError("pip is needed to fetch the Python runtime clients: 'apt-get install python3-pip' brings it")
