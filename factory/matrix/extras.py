"""Extras: which ones an image brings, and why one cannot be had somewhere."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from factory.matrix.archives import archive_for
from factory.matrix.images import Image
from factory.matrix.runtimes import Runtime, meanings
from factory.matrix.schema import Matrix
from factory.matrix.tables import Base, Extra
from factory.matrix.words import Architecture, Variant


def brought(matrix: Matrix, image: Image) -> list[tuple[str, Extra]]:
    """The extras that an image's own Dockerfile brings, each once; what its parent has is not among them.

    Names that the matrix lacks are left out: the consistency check tells of them.
    """
    return [(name, matrix.extras[name]) for name in _names(matrix, image) if name in matrix.extras]


def programs(matrix: Matrix, image: Image) -> tuple[str, ...]:
    """What the extras of an image and of its parent put on the PATH, sorted."""
    found: set[str] = set()
    for member in (image, image.parent):
        for _, extra in brought(matrix, member) if member else ():
            found |= {*extra.programs, *extra.commands, *(link.rpartition("/")[2] for link in extra.links)}
    return tuple(sorted(found))


def with_needs(matrix: Matrix, names: Iterable[str]) -> list[str]:
    """The extras of these names, each followed by those that it needs."""
    found: dict[str, None] = {}
    waiting = list(names)[::-1]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found[name] = None
            waiting += reversed(matrix.extras[name].needs if name in matrix.extras else ())
    return list(found)


def of_family(names: Iterable[str], runtime_name: str, runtime: Runtime) -> list[str]:
    """The extras that a family's names stand for with one of its runtimes."""
    return [name.format_map(meanings(runtime_name, runtime)) for name in names]


def _names(matrix: Matrix, image: Image) -> Iterator[str]:
    of_base = with_needs(matrix, matrix.bases[image.base].extras)
    if image.runtime is None:
        yield from of_base if image.variant is Variant.BUILD else ()
        return
    runtime = matrix.runtimes[image.runtime]
    family = matrix.families.get(runtime.family)
    run_extras, extras = (family.run_extras, family.extras) if family else ((), ())
    if image.variant is Variant.RUN:
        yield from run_extras
    else:
        named = (*run_extras, *of_family(extras, image.runtime, runtime), *runtime.extras)
        yield from (name for name in with_needs(matrix, named) if name not in of_base)


def lacking(extra: Extra, base_name: str, base: Base, architecture: Architecture) -> Iterator[tuple[str, str]]:
    """What of an extra there is not on a base for an architecture, and how to add it."""
    manager = base.package_manager
    if extra.model_fields_set & {"yum", "microdnf"} and manager.value not in extra.model_fields_set:
        yield f"it names no {manager} packages", f"add `{manager} = […]`, or `{manager} = []` where it needs none"
    for kind, requirements in (("pip", extra.pip), ("pipx", extra.pipx)):
        if requirements and base_name not in requirements:
            known = ", ".join(requirements)
            yield f"its {kind} is for {known} only", f'add `{base_name} = "…==…"` to its {kind}'
    if extra.archive and archive_for(extra.archive, architecture) is None:
        yield (
            f"it has no archive for {architecture}",
            f"add `{architecture} = {{ url = …, sha256 = … }}` to its archive",
        )
