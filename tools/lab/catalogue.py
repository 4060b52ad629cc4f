"""What the lab holds: bases and the names of their packages, read from the files that people edit."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from typing import Any

from tools.lab.errors import LabError
from tools.lab.settings import LAB


@dataclass(frozen=True)
class Base:
    """An Amazon Linux generation and the Debian suite that stands in for it."""

    name: str
    tag: str
    suite: str
    version: str
    pretty: str
    manager: str
    architectures: tuple[str, ...]
    glibc: str
    extra_debs: tuple[str, ...] = ()


BASES = {
    base.name: base
    for base in (
        Base("al1", "alami", "bookworm", "2018.03", "Amazon Linux AMI 2018.03", "yum", ("amd64",), "2.36",
             ("tar", "gzip", "findutils", "openssl", "passwd")),
        Base("al2", "al2", "bookworm", "2", "Amazon Linux 2", "yum", ("amd64", "arm64"), "2.36"),
        Base("al2023", "al2023", "trixie", "2023", "Amazon Linux 2023", "microdnf", ("amd64", "arm64"), "2.41"),
    )
}  # fmt: skip

LAMBDA_NAMES = {"amd64": "x86_64", "arm64": "arm64"}
RPM_NAMES = {"amd64": "x86_64", "arm64": "aarch64"}
TRIPLES = {"amd64": "x86_64-linux-gnu", "arm64": "aarch64-linux-gnu"}


@dataclass(frozen=True)
class Package:
    """One line of packages/<base>.txt."""

    name: str
    kind: str
    version: str
    development: bool
    topic: bool = False


@cache
def versions() -> dict[str, Any]:
    """versions.toml."""
    return tomllib.loads((LAB / "versions.toml").read_text())


@cache
def recipes() -> dict[str, dict[str, Any]]:
    """packages/packages.toml."""
    return tomllib.loads((LAB / "packages" / "packages.toml").read_text())


def packages(base: str) -> list[Package]:
    """The packages that a base's repository knows."""
    path = LAB / "packages" / f"{base}.txt"
    found = []
    for number, line in enumerate(path.read_text().splitlines(), 1):
        words = line.split("#")[0].split()
        if not words:
            continue
        if len(words) < 2 or words[1] not in ("real", "name", "base"):
            form = "NAME real|name|base [VERSION] [development] [topic]"
            raise LabError(f"{path}:{number}: '{line}' is not {form}", code=2)
        rest = [word for word in words[2:] if word not in ("development", "topic")]
        found.append(Package(words[0], words[1], rest[0] if rest else "1", "development" in words, "topic" in words))
    return found
