"""What the project's matrix asks of the web beside images: Python packages and archives."""

from __future__ import annotations

import difflib
import fnmatch
import json
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from tools.lab.catalogue import BASES
from tools.lab.errors import LabError
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
    return json.dumps(
        [_matrix().get(key) for key in ("extras", "families", "bases", "runtimes")], sort_keys=True, default=str
    )


@dataclass(frozen=True)
class Image:
    """An image that the matrix declares, with what its own Dockerfile takes from outside."""

    name: str
    runtime: str
    """Empty for a base's own image."""
    base: str
    build: bool
    architecture: str
    """Lambda's name."""
    upstream: str
    """HOST/PATH:TAG of an image or HOST/PATH of an archive; empty where the base is all there is."""
    extras: tuple[str, ...]


@cache
def images() -> tuple[Image, ...]:
    """Every image of the matrix, bases first."""
    return (*_base_images(), *_runtime_images())


def images_of(patterns: Sequence[str]) -> list[Image]:
    """The images of these names, of images, runtimes or bases, globs allowed, and what they are built from.

    Raises:
        LabError: a name fits nothing.
    """
    found: list[Image] = []
    for pattern in patterns:
        fitting = [image for image in images() if _fits(image, pattern)]
        if not fitting:
            near = difflib.get_close_matches(pattern, [image.name for image in images()], n=3)
            hint = f"; the nearest are {', '.join(near)}" if near else ""
            raise LabError(f"matrix.toml has no image '{pattern}'{hint} ('factory list' shows all)", code=2)
        found += fitting
    parents = {(image.base, image.build, image.architecture) for image in found}
    return [
        image
        for image in images()
        if image in found or (not image.runtime and (image.base, image.build, image.architecture) in parents)
    ]


def _fits(image: Image, pattern: str) -> bool:
    return any(fnmatch.fnmatchcase(name, pattern) for name in (image.name, image.runtime or image.base))


def _base_images() -> Iterator[Image]:
    for name, base in _matrix().get("bases", {}).items():
        for build in (False, True):
            for architecture in base["architectures"]:
                extras = tuple(_with_needs(base.get("extras", ()))) if build else ()
                called = _called(name, build, architecture)
                yield Image(called, "", name, build, architecture, base["upstream"], extras)


def _runtime_images() -> Iterator[Image]:
    for name, runtime in _matrix().get("runtimes", {}).items():
        family, base = _matrix()["families"][runtime["family"]], _matrix()["bases"][runtime["base"]]
        of_base = set(_with_needs(base.get("extras", ())))
        for build in (False, True):
            own = family.get("run_extras", [])
            if build:
                named = [extra.format_map(_meanings(name, runtime)) for extra in family.get("extras", ())]
                wanted = _with_needs([*own, *named, *runtime.get("extras", ())])
                own = [extra for extra in wanted if extra not in of_base]
            for architecture in runtime.get("architectures", base["architectures"]):
                upstream = _upstream(name, runtime, family, architecture)
                called = _called(name, build, architecture)
                yield Image(called, name, runtime["base"], build, architecture, upstream, tuple(own))


def _called(subject: str, build: bool, architecture: str) -> str:
    return f"{'build-' if build else ''}{subject}-{architecture}"


def _meanings(name: str, runtime: Mapping[str, Any]) -> dict[str, str]:
    return {"runtime": name, "version": runtime["version"], "major": runtime["version"].partition(".")[0]}


def _upstream(name: str, runtime: Mapping[str, Any], family: Mapping[str, Any], architecture: str) -> str:
    source = runtime.get("source", {})
    if "image" in source:
        return str(source["image"])
    archive = source.get("archive") or (family.get("archive") if not source else None)
    if archive:
        url: str = (archive.get("any") or archive[architecture])["url"]
        return url.format_map(_meanings(name, runtime)).split("://", 1)[1]
    return f"{family['source']}:{runtime['version']}" if "source" in family else ""


def _with_needs(names: Iterable[str]) -> list[str]:
    """The extras of these names, each followed by those that it needs."""
    found: dict[str, None] = {}
    waiting = list(names)[::-1]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found[name] = None
            waiting += reversed(_extras()[name].get("needs", ()))
    return list(found)


def requirement_of(extra: str, base: str) -> str | None:
    """The Python package that an extra installs on a base by pip or pipx."""
    table = _extras()[extra]
    found: str | None = table.get("pip", {}).get(base) or table.get("pipx", {}).get(base)
    return found


def all_requirements() -> dict[str, set[str]]:
    """The Python packages that pip or pipx install for any extra, each with its bases."""
    found: dict[str, set[str]] = {}
    for extra in sorted(_extras()):
        for base in BASES:
            if requirement := requirement_of(extra, base):
                found.setdefault(requirement, set()).add(base)
    return found


def programs_of(requirement: str) -> tuple[str, ...]:
    """What a Python package is started by, as the extras say."""
    found = (
        program
        for extra in _extras().values()
        if requirement in {*extra.get("pip", {}).values(), *extra.get("pipx", {}).values()}
        for program in extra.get("programs", ())
    )
    return tuple(dict.fromkeys(found))


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
