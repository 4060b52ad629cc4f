"""What spans several tables of a matrix: names that must exist, tags that must differ, sources that must suffice."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from factory.errors import did_you_mean
from factory.images import Image, expand
from factory.matrix import ArchiveSource, Base, Matrix, Runtime
from factory.problems import KeyPath, Problem, dotted


def inconsistencies(matrix: Matrix, raw: Mapping[str, Any]) -> list[Problem]:
    """All that does not fit together.

    `raw` is the whole document, of which `matrix` may lack broken tables: their names still count as known, so that
    one broken base is one error and not one for each of its runtimes.
    """
    return [*_unknown_names(matrix, raw), *_impossible_runtimes(matrix), *_shared_tags(matrix)]


def _unknown_names(matrix: Matrix, raw: Mapping[str, Any]) -> Iterator[Problem]:
    for name, base in matrix.bases.items():
        yield from _unknown_extras(("bases", name, "extras"), base.extras, raw)
    for name, family in matrix.families.items():
        yield from _unknown_extras(("families", name, "extras"), family.extras, raw)
    for name, runtime in matrix.runtimes.items():
        yield from _unknown(("runtimes", name, "base"), runtime.base, "base", _names(raw, "bases"))
        yield from _unknown(("runtimes", name, "family"), runtime.family, "family", _names(raw, "families"))


def _unknown_extras(path: KeyPath, extras: tuple[str, ...], raw: Mapping[str, Any]) -> Iterator[Problem]:
    for extra in extras:
        yield from _unknown(path, extra, "extra", _names(raw, "extras"))


def _unknown(path: KeyPath, name: str, kind: str, known: set[str]) -> Iterator[Problem]:
    if name not in known:
        yield Problem(path, f"unknown {kind} {name!r}", did_you_mean(name, known))


def _names(raw: Mapping[str, Any], section: str) -> set[str]:
    tables = raw.get(section)
    return set(tables) if isinstance(tables, Mapping) else set()


def _impossible_runtimes(matrix: Matrix) -> Iterator[Problem]:
    for name, runtime in matrix.runtimes.items():
        base = matrix.bases.get(runtime.base)
        if base is not None:
            yield from _missing_architectures(name, runtime, base)
            yield from _missing_archives(name, runtime, base)


def _missing_architectures(name: str, runtime: Runtime, base: Base) -> Iterator[Problem]:
    for architecture in runtime.architectures or ():
        if architecture not in base.architectures:
            yield Problem(
                ("runtimes", name, "architectures"),
                f"{architecture} does not exist on {runtime.base}, {base.title}",
                f"leave it out: {runtime.base} has {', '.join(base.architectures)} only",
            )


def _missing_archives(name: str, runtime: Runtime, base: Base) -> Iterator[Problem]:
    if not isinstance(runtime.source, ArchiveSource):
        return
    for architecture in runtime.architectures or base.architectures:
        if architecture not in runtime.source.archive:
            yield Problem(
                ("runtimes", name, "source", "archive"),
                f"has no archive for {architecture}",
                f"add `{architecture} = {{ url = …, sha256 = … }}`, or set `architectures`",
            )


def _shared_tags(matrix: Matrix) -> Iterator[Problem]:
    """Two images with one tag: the later one would overwrite the earlier one."""
    owners: dict[str, Image] = {}
    told: set[KeyPath] = set()
    for image in expand(matrix):
        for tag in image.tags:
            owner = owners.setdefault(tag, image)
            if (owner.path, owner.variant) != (image.path, image.variant) and image.path not in told:
                told.add(image.path)
                yield Problem(
                    image.path,
                    f"the tag {tag!r} belongs to {dotted(owner.path)} already ({owner.variant} image)",
                    "rename one of the two: each tag names one image",
                )
