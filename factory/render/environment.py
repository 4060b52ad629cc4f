"""The environment of an image: what its Dockerfile sets over that of its parent."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from factory.matrix.extras import brought
from factory.matrix.images import Image
from factory.matrix.runtimes import lang, meanings
from factory.matrix.schema import Matrix
from factory.matrix.words import Variant

LANG = {"PATH": "/var/lang/bin:$PATH", "LD_LIBRARY_PATH": "/var/lang/lib:$LD_LIBRARY_PATH"}
"""What leads to a language in /var/lang."""


def environment(matrix: Matrix, image: Image) -> dict[str, str]:
    """The variables that an image's Dockerfile sets."""
    values: dict[str, str] = {}
    for layer in _layers(matrix, image):
        for name, value in layer.items():
            values[name] = _expanded(value, values)
    return values


def _layers(matrix: Matrix, image: Image) -> Iterator[Mapping[str, str]]:
    """From the most general to the most special."""
    build = image.variant is Variant.BUILD
    if image.runtime is None:
        yield matrix.environment.run
        yield matrix.environment.build if build else {}
        yield from _of_extras(matrix, image)
        return
    runtime = matrix.runtimes[image.runtime]
    family = matrix.families[runtime.family]
    names = meanings(image.runtime, runtime)
    yield LANG if lang(runtime, family) else {}
    yield _filled(family.environment, names)
    yield _filled(family.build_environment if build else {}, names)
    yield from _of_extras(matrix, image)
    yield _filled(runtime.environment, names)
    yield _filled(runtime.build_environment if build else {}, names)
    if not build:
        yield {"_HANDLER": runtime.handler or family.handler}


def _of_extras(matrix: Matrix, image: Image) -> Iterator[Mapping[str, str]]:
    for _, extra in brought(matrix, image):
        yield _filled(extra.environment, {"version": extra.version or ""})


def _filled(values: Mapping[str, str], names: Mapping[str, str]) -> dict[str, str]:
    return {name: value.format_map(names) for name, value in values.items()}


def _expanded(value: str, known: Mapping[str, str]) -> str:
    """A value with the variables that were set before it: Docker knows those of the same instruction not yet."""
    return re.sub(r"\$(?:(\w+)|\{(\w+)\})", lambda found: known.get(found[1] or found[2], found[0]), value)
