"""What the project's matrix asks of the web beside images: Python packages and archives."""

from __future__ import annotations

import fnmatch
import json
import re
import tomllib
from collections.abc import Collection
from dataclasses import dataclass
from functools import cache
from typing import Any

from tools.lab.settings import LAB

FORMATS = {".tar.gz": "tar.gz", ".tgz": "tar.gz", ".tar.xz": "tar.xz", ".txz": "tar.xz", ".zip": "zip", ".nupkg": "zip"}
"""How an archive is packed, by the end of its address."""


@dataclass(frozen=True)
class Archive:
    """An extra's archive for an architecture; `programs` are the paths in it that the extra's commands start."""

    extra: str
    url: str
    format: str
    programs: tuple[str, ...]
    strip: int
    version: str = ""
    architecture: str = "any"
    """Lambda's name, or any."""
    declared: str = ""
    """The checksum that the matrix has for it, ALGORITHM:DIGITS."""

    @property
    def name(self) -> str:
        """HOST/PATH."""
        return self.url.split("://", 1)[1]


@cache
def _matrix() -> dict[str, dict[str, dict[str, Any]]]:
    return tomllib.loads((LAB.parent.parent / "matrix.toml").read_text())


def _extras() -> dict[str, dict[str, Any]]:
    return _matrix().get("extras", {})


def identity() -> str:
    """What decides which files there are, as text."""
    return json.dumps([_matrix().get(key) for key in ("extras", "families", "bases")], sort_keys=True, default=str)


def used(upstream: Collection[str]) -> set[str]:
    """The extras of the bases, and of the families whose images come from these, with what those extras need.

    `upstream` names repositories, with their host, and archives as HOST/PATH.
    """
    families = [name for name, family in _matrix().get("families", {}).items() if _comes_from(family, upstream)]
    tables = [*_matrix().get("bases", {}).values(), *(_matrix()["families"][name] for name in families)]
    tables += [runtime for runtime in _matrix().get("runtimes", {}).values() if runtime.get("family") in families]
    named = {name for table in tables for key in ("extras", "run_extras") for name in table.get(key, ())}
    patterns = {re.sub(r"\{\w+\}", "*", name) for name in named}
    found = {extra for extra in _extras() if any(fnmatch.fnmatchcase(extra, pattern) for pattern in patterns)}
    return found | {needed for extra in found for needed in _extras()[extra].get("needs", ())}


def _comes_from(family: dict[str, Any], upstream: Collection[str]) -> bool:
    """Is what a family's images are made of there? The bases always are, which is all that custom runtimes need."""
    places = [family.get("source", "")] if "source" in family else []
    places += [archive["url"] for archive in family.get("archive", {}).values()]
    patterns = [re.sub(r"\{\w+\}", "*", place.split("://")[-1]) for place in places]
    return not places or any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns for name in upstream)


def requirements(upstream: Collection[str]) -> dict[str, set[str]]:
    """The Python packages that pip or pipx install, for images that come from these, each with its bases."""
    return _requirements(used(upstream))


def all_requirements() -> dict[str, set[str]]:
    """Those of every extra."""
    return _requirements(_extras())


def programs_of(requirement: str) -> tuple[str, ...]:
    """What a Python package is started by, as the extras say."""
    found = (
        program
        for extra in _extras().values()
        if requirement in {*extra.get("pip", {}).values(), *extra.get("pipx", {}).values()}
        for program in extra.get("programs", ())
    )
    return tuple(dict.fromkeys(found))


def _requirements(extras: Collection[str]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for extra in (_extras()[name] for name in sorted(extras)):
        for kind in ("pip", "pipx"):
            for base, requirement in extra.get(kind, {}).items():
                found.setdefault(requirement, set()).add(base)
    return found


def archives() -> list[Archive]:
    """Every archive of every extra."""
    return [
        Archive(
            name,
            (url := source["url"].format_map({"version": extra.get("version", "")})),
            str(extra.get("format") or next((kind for end, kind in FORMATS.items() if url.endswith(end)), "zip")),
            _programs(extra),
            int(extra.get("strip", 0)),
            str(extra.get("version", "")),
            architecture,
            next((f"{kind}:{source[kind]}" for kind in ("sha256", "sha512") if kind in source), ""),
        )
        for name, extra in _extras().items()
        for architecture, source in extra.get("archive", {}).items()
    ]


def _programs(extra: dict[str, Any]) -> tuple[str, ...]:
    """What is linked to, and what commands end with: `dotnet /usr/local/tools/tool.dll`."""
    started = [command.split()[-1] for command in extra.get("commands", {}).values()]
    inside = f"{extra.get('into')}/"
    return (*extra.get("links", ()), *(path.removeprefix(inside) for path in started if path.startswith(inside)))


def hosts() -> list[str]:
    """The hosts of all archives, sorted."""
    return sorted({archive.name.split("/", 1)[0] for archive in archives()})
