"""Packages of npm, PyPI, Maven and Go, through the machine's own clients, checked against pinned hashes."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tarfile
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path

from tools.lab.errors import LabError, MissingError
from tools.lab.run import run
from tools.lab.settings import LAB
from tools.lab.store import Once

_PLATFORMS = ("manylinux1", "manylinux2010", "manylinux2014", "manylinux_2_17", "manylinux_2_28", "musllinux_1_1")
"""Which of them is taken is decided by the pinned hashes."""
_LOCKS = {kind: threading.Lock() for kind in ("npm", "maven", "go")}
"""One client of a kind at a time: they share scratch directories, and the packages too."""


def npm(names: Iterable[str], pins: Mapping[str, str], directory: Path) -> None:
    """Fetch NAME@VERSION packages that are not in `directory` yet."""
    with _LOCKS["npm"]:
        _npm(names, pins, directory)


def _npm(names: Iterable[str], pins: Mapping[str, str], directory: Path) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    missing = [name for name in dict.fromkeys(names) if not tarball(name, directory).exists()]
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
        _same(name, f"sha512-{digest}", pins.get(name, ""))
        tarball(name, directory).parent.mkdir(parents=True, exist_ok=True)
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


def wheels(pins: Mapping[str, list[str]], python: str, architecture: str, directory: Path) -> Path:
    """Fetch pinned wheels for one Python and architecture into a directory of their own."""
    return _WHEELS(_requirements(pins), python, architecture, directory)


def _requirements(pins: Mapping[str, list[str]]) -> tuple[str, ...]:
    return tuple(f"{name} " + " ".join(f"--hash=sha256:{digest}" for digest in pins[name]) for name in sorted(pins))


def _wheels(lines: Sequence[str], python: str, architecture: str, directory: Path) -> Path:
    wanted = "\n".join(lines) + "\n"
    target = directory / f"{python}-{architecture}-{hashlib.sha256(wanted.encode()).hexdigest()[:16]}"
    done = target / "requirements.txt"
    if done.exists():
        return target
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    machine = {"amd64": "x86_64", "arm64": "aarch64"}[architecture]
    platforms = [f"--platform={kind}_{machine}" for kind in _PLATFORMS]
    command = [*_pip(), "download", "-q", "--no-deps", "--only-binary=:all:", "--disable-pip-version-check"]
    requirements = target / "requirements.part"
    for group in _without_conflicts(lines):
        requirements.write_text("\n".join(group) + "\n")
        run([*command, f"--python-version={python}", *platforms, "--require-hashes", "-r", requirements, "-d", target])
    requirements.rename(done)
    return target


def _without_conflicts(lines: Sequence[str]) -> list[list[str]]:
    """Groups without two versions of a package, which pip refuses to fetch together."""
    groups: list[dict[str, str]] = []
    for line in lines:
        package = line.split("==")[0]
        group = next((group for group in groups if package not in group), None)
        if group is None:
            groups.append(group := {})
        group[package] = line
    return [list(group.values()) for group in groups]


_WHEELS = Once(_wheels)
"""Each set in a directory of its own, so several at once; pip minds its cache."""


def maven(name: str, sha256: str, directory: Path) -> Path:
    """Fetch a Maven artifact, GROUP:ARTIFACT:VERSION[:PACKAGING[:CLASSIFIER]]."""
    return _kept("maven", _maven, name, sha256, directory / f"{name.replace(':', '_')}.{[*name.split(':'), 'jar'][3]}")


def _kept(kind: str, fetch: Callable[[str, str, Path], None], name: str, sha256: str, file: Path) -> Path:
    """The file, fetched unless it is there."""
    with _LOCKS[kind]:
        if not file.exists():
            fetch(name, sha256, file)
        return file


def _maven(name: str, sha256: str, file: Path) -> None:
    if not shutil.which("mvn"):
        raise MissingError("Maven is needed to fetch artifacts of Java: 'apt-get install maven' brings it")
    group, artifact, version, packaging, *classifier = (
        f"{name}:jar".split(":") if name.count(":") == 2 else name.split(":")
    )
    file.parent.mkdir(parents=True, exist_ok=True)
    repository = file.parent / "repository"
    options = ["-q", "-B", f"-Dmaven.repo.local={repository}", f"-Dartifact={name}", "-Dtransitive=false"]
    run(["mvn", *options, "dependency:get"], cwd=file.parent)
    stem = "-".join([artifact, version, *classifier])
    found = repository / group.replace(".", "/") / artifact / version / f"{stem}.{packaging}"
    _same(name, hashlib.sha256(found.read_bytes()).hexdigest(), sha256)
    shutil.move(found, file)


def go(name: str, sha256: str, directory: Path) -> Path:
    """Fetch the zip of a Go module, MODULE@VERSION."""
    return _kept("go", _go, name, sha256, directory / f"{name.replace('/', '_')}.zip")


def _go(name: str, sha256: str, file: Path) -> None:
    program = shutil.which("go") or LAB.parent.parent / ".venv/bin/go"
    if not Path(program).exists():
        raise MissingError("Go is needed to fetch Go modules: scripts/setup brings it")
    file.parent.mkdir(parents=True, exist_ok=True)
    environment = {
        **os.environ,
        "GOMODCACHE": str(file.parent / "cache"),
        "GOFLAGS": "-modcacherw",
        "GOTOOLCHAIN": "local",
    }
    answer = run([program, "mod", "download", "-json", name], cwd=file.parent, env=environment)
    found = Path(json.loads(answer)["Zip"])
    _same(name, hashlib.sha256(found.read_bytes()).hexdigest(), sha256)
    shutil.move(found, file)
    shutil.rmtree(file.parent / "cache")


def _same(name: str, found: str, pinned: str) -> None:
    if found != pinned:
        raise LabError(f"{name} is not what its pin says it is: {pinned or 'nothing'} is pinned, {found} was fetched")


@cache
def _pip() -> list[str]:
    """A pip that works: this Python's own, or any other's (a virtual environment may have none)."""
    for command in ([sys.executable, "-m", "pip"], ["pip3"], ["/usr/bin/python3", "-m", "pip"], ["pip"]):
        try:
            if subprocess.run([*command, "--version"], capture_output=True, check=False).returncode == 0:
                return command
        except FileNotFoundError:
            continue
    raise MissingError("pip is needed to fetch the Python runtime clients: 'apt-get install python3-pip' brings it")
