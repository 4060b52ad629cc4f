"""What takes room in an image: by step of its Dockerfile, by extra, and beyond what is upstream's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from factory.build.records import Layer, Record
from factory.matrix.extras import brought
from factory.matrix.images import Image
from factory.matrix.schema import Matrix
from factory.matrix.tables import Extra
from factory.matrix.words import PackageManager
from factory.render.steps import UPSTREAM, Step, of_extra


def own_layers(sizes: Sequence[int], steps: Sequence[Step]) -> tuple[Layer, ...]:
    """The steps of an image's own Dockerfile that wrote something, first to last.

    `sizes` are the bytes of each entry of the whole image's history, first to last: its last entries are these steps.
    Empty where there are fewer of them, as the engine could not tell.
    """
    own = sizes[-len(steps) :] if steps and len(sizes) >= len(steps) else ()
    return tuple(Layer(step.text, size, step.brings) for step, size in zip(steps, own, strict=False) if size)


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
    return {name: _of_extra(name, extra, manager, record) for name, extra in brought(matrix, image)}


def with_packages(record: Record, installed: Mapping[str, tuple[str, int]], matrix: Matrix, image: Image) -> Record:
    """A record with what is installed, name and bytes by full name; sizes are kept of the extras' packages alone."""
    manager = matrix.bases[image.base].package_manager
    named = {package for _, extra in brought(matrix, image) for package in extra.packages(manager)}
    sizes = {name: size for name, size in installed.values() if name in named}
    return replace(record, packages=tuple(sorted(installed)), package_sizes=sizes)


def _of_extra(name: str, extra: Extra, manager: PackageManager, record: Record) -> int | None:
    packages = extra.packages(manager)
    of_packages = [record.package_sizes[package] for package in packages if package in record.package_sizes]
    of_steps = [layer.size for layer in record.layers if layer.brings == of_extra(name)]
    if (packages and not of_packages) or (_has_steps(extra) and not of_steps):
        return None
    return sum(of_packages) + sum(of_steps)


def _has_steps(extra: Extra) -> bool:
    return bool(extra.archive or extra.pip or extra.pipx)


def _beyond_upstream(record: Record) -> int:
    return sum(layer.size for layer in record.layers if layer.brings != UPSTREAM)
