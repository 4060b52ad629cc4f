"""Expanding a matrix into images: the units that are planned, built, tested and pushed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from fnmatch import fnmatchcase
from functools import cached_property

from factory.errors import UsageError, did_you_mean
from factory.matrix.problems import KeyPath
from factory.matrix.runtimes import Runtime
from factory.matrix.schema import Matrix
from factory.matrix.words import Architecture, Status, Variant


@dataclass(frozen=True)
class Image:
    """One (runtime or base, variant, architecture)."""

    base: str
    runtime: str | None
    family: str | None
    variant: Variant
    architecture: Architecture

    @property
    def declared(self) -> str:
        """The name of the table that declares it: the runtime, or the base where the image is a base's own."""
        return self.runtime or self.base

    @property
    def path(self) -> KeyPath:
        """The key path of the table that declares it."""
        return ("runtimes", self.runtime) if self.runtime else ("bases", self.base)

    @cached_property
    def stem(self) -> str:
        """The name without architecture: that of the Dockerfile, and the tag of the index."""
        return f"build-{self.declared}" if self.variant is Variant.BUILD else self.declared

    @cached_property
    def name(self) -> str:
        """`build-python3.13-arm64`, also the tag of this very image."""
        return f"{self.stem}-{self.architecture}"

    @property
    def tags(self) -> tuple[str, ...]:
        """The tags that move: the image's own, and that of the index it is part of."""
        return (self.name, self.stem)

    @property
    def parent(self) -> Image | None:
        """The image it is built from: the base's, of its own variant and architecture."""
        return Image(self.base, None, None, self.variant, self.architecture) if self.runtime else None

    def dated_tag(self, day: date) -> str:
        """The tag that is never moved: `20261123-python3.13-arm64`."""
        return f"{day:%Y%m%d}-{self.name}"


@dataclass(frozen=True)
class Selection:
    """Which images a command is about; empty fields mean all."""

    patterns: tuple[str, ...] = ()
    bases: tuple[str, ...] = ()
    families: tuple[str, ...] = ()
    variants: tuple[str, ...] = ()
    architectures: tuple[str, ...] = ()
    statuses: tuple[str, ...] = ()


def expand(matrix: Matrix) -> list[Image]:
    """All images of a matrix, in its order, bases first. Runtimes whose base is missing have none."""
    return [*_base_images(matrix), *_runtime_images(matrix)]


def status_on(matrix: Matrix, today: date) -> Callable[[Image], Status | None]:
    """What tells where an image's runtime stands on a day; a base's own images have no status."""
    return lambda image: matrix.runtimes[image.runtime].lifecycle.status(today) if image.runtime else None


def select(
    images: Iterable[Image], selection: Selection, status_of: Callable[[Image], Status | None] = lambda _: None
) -> list[Image]:
    """The images that a selection names, in the matrix's order.

    Raises:
        UsageError: some selector matches nothing; with the nearest names.
    """
    images = list(images)
    _check(selection.bases, {image.base for image in images}, "--base")
    _check(selection.families, {image.family for image in images if image.family}, "--family")
    for pattern in selection.patterns:
        if not any(_matches(image, pattern) for image in images):
            known = {name for image in images for name in _names(image)}
            raise UsageError(f"{pattern!r} selects no image; {did_you_mean(pattern, known)}")
    chosen = [
        image
        for image in images
        if _selected(image, selection) and (not selection.statuses or status_of(image) in selection.statuses)
    ]
    if not chosen:
        raise UsageError("these selectors together select no image; `factory list` shows what there is")
    return chosen


def architectures_of(matrix: Matrix, runtime: Runtime) -> tuple[Architecture, ...]:
    """Those that a runtime has images for: its own, or its base's; none where that is missing."""
    base = matrix.bases.get(runtime.base)
    available = base.architectures if base else ()
    return runtime.architectures or available


def architectures_by_stem(matrix: Matrix) -> dict[str, list[Architecture]]:
    """By name without architecture, those that there are: what its index is made of."""
    found: dict[str, list[Architecture]] = {}
    for image in expand(matrix):
        found.setdefault(image.stem, []).append(image.architecture)
    return found


def with_ancestors(images: Iterable[Image]) -> list[Image]:
    """The images and all that they are built from, parents first, each once."""
    ordered: dict[Image, None] = {}
    for image in images:
        if image.parent:
            ordered.setdefault(image.parent)
    for image in images:
        ordered.setdefault(image)
    return sorted(ordered, key=lambda image: image.parent is not None)


def _base_images(matrix: Matrix) -> Iterator[Image]:
    for name, base in matrix.bases.items():
        for variant in Variant:
            for architecture in base.architectures:
                yield Image(name, None, None, variant, architecture)


def _runtime_images(matrix: Matrix) -> Iterator[Image]:
    for name, runtime in matrix.runtimes.items():
        for variant in Variant:
            for architecture in architectures_of(matrix, runtime):
                yield Image(runtime.base, name, runtime.family, variant, architecture)


def _check(wanted: tuple[str, ...], known: set[str], option: str) -> None:
    for name in wanted:
        if name not in known:
            raise UsageError(f"{option} {name!r} selects no image; {did_you_mean(name, known)}")


def _selected(image: Image, selection: Selection) -> bool:
    return (
        (not selection.patterns or any(_matches(image, pattern) for pattern in selection.patterns))
        and (not selection.bases or image.base in selection.bases)
        and (not selection.families or image.family in selection.families)
        and (not selection.variants or image.variant in selection.variants)
        and (not selection.architectures or image.architecture in selection.architectures)
    )


def _matches(image: Image, pattern: str) -> bool:
    return any(fnmatchcase(name, pattern) for name in _names(image))


def _names(image: Image) -> tuple[str, str, str]:
    return (image.name, image.stem, image.declared)
