"""What takes room in an image: by step of its Dockerfile, by extra, and beyond what is upstream's."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from factory.build.records import Layer, Record
from factory.matrix.extras import brought
from factory.matrix.images import Image
from factory.matrix.schema import Matrix
from factory.matrix.tables import Extra
from factory.matrix.words import PackageManager

_UPSTREAM = ("COPY /var/lang /var/lang", "COPY /var/runtime /var/runtime")
"""The steps that copy what is upstream's, as the engine's history writes them: without where from."""


def own_layers(history: Iterable[tuple[str, int]], stem: str) -> tuple[Layer, ...]:
    """The steps that an image's own Dockerfile adds and that wrote something, first to last.

    `history` is the whole image's, first to last; our Dockerfiles begin with the label of the image's name.
    """
    steps = [Layer(_readable(text), size) for text, size in history]
    first = f"LABEL org.opencontainers.image.title={stem} "
    begin = max((number for number, layer in enumerate(steps) if layer.step.startswith(first)), default=len(steps))
    return tuple(layer for layer in steps[begin:] if layer.size)


def overhead(record: Record, parent: Record | None) -> int | None:
    """Bytes that a run image has beyond upstream's; None where the records do not know.

    `parent` is the youngest record of the base's image, which need not be the one that this image was built on.
    """
    base = record if record.inputs.parent is None else parent
    if base is None or not base.layers or record.inputs.parent not in (None, base.inputs_key):
        return None
    return _beyond_upstream(base) + (_beyond_upstream(record) if base is not record else 0)


def of_extras(matrix: Matrix, image: Image, record: Record) -> dict[str, int | None]:
    """Bytes of each extra that an image's own Dockerfile brings; None where the record does not know it.

    What an archive or a Python package brings is a step of its own. Of RPMs, the named packages count, and not what
    they depend on, which others may need too.
    """
    manager = matrix.bases[image.base].package_manager
    left = list(record.layers)
    return {name: _of_extra(extra, image.base, manager, record, left) for name, extra in brought(matrix, image)}


def with_packages(record: Record, installed: Mapping[str, tuple[str, int]], matrix: Matrix, image: Image) -> Record:
    """A record with what is installed, name and bytes by full name; sizes are kept of the extras' packages alone."""
    manager = matrix.bases[image.base].package_manager
    named = {package for _, extra in brought(matrix, image) for package in extra.packages(manager)}
    sizes = {name: size for name, size in installed.values() if name in named}
    return replace(record, packages=tuple(sorted(installed)), package_sizes=sizes)


def _of_extra(extra: Extra, base: str, manager: PackageManager, record: Record, left: list[Layer]) -> int | None:
    packages = extra.packages(manager)
    parts = [record.package_sizes[package] for package in packages if package in record.package_sizes]
    if packages and not parts:
        return None
    for step in _steps(extra, base):
        found = next((layer for layer in left if step.search(layer.step)), None)
        if found is None:
            return None
        left.remove(found)
        parts.append(found.size)
    return sum(parts)


def _steps(extra: Extra, base: str) -> Iterator[re.Pattern[str]]:
    """What the steps of an extra look like in the templates."""
    if extra.archive and extra.into:
        yield re.compile(rf"mkdir -p {re.escape(extra.into)};")
    for requirement in (extra.pip.get(base), extra.pipx.get(base)):
        if requirement:
            yield re.compile(rf" install(-application)? .*{re.escape(requirement)}( |$)")


def _beyond_upstream(record: Record) -> int:
    return sum(layer.size for layer in record.layers if layer.step not in _UPSTREAM)


def _readable(step: str) -> str:
    """A step as it stands in the Dockerfile: without the engine's additions, on one line."""
    plain = re.sub(r"^RUN (\|\d+ .*?)?/bin/sh -c ", "RUN ", " ".join(step.split()))
    return plain.removesuffix("# buildkit").strip()
