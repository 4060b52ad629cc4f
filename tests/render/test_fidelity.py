"""Every run image, as the matrix declares and the templates render it, against the facts.

Whatever is otherwise must be declared, and whatever is declared must be otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest

from factory.matrix.images import Image, expand
from factory.matrix.loading import parse
from factory.matrix.schema import Matrix
from factory.matrix.words import Variant
from factory.render.dockerfile import Renderer
from tests.dockerfiles import config
from tests.fidelity import DEVIATIONS, FACTS, RUNTIMES, declared, differences
from tests.support import REAL, changed, real, renderer_of


def _aspects(matrix: Matrix, renderer: Renderer, images: list[Image]) -> Iterator[tuple[str, Any]]:
    first = images[0]
    assert first.runtime
    assert first.parent
    runtime = matrix.runtimes[first.runtime]
    image = config(renderer.dockerfile(first.parent), renderer.dockerfile(first))
    environment = dict(image.environment)
    yield "base", first.base
    yield "architectures", [str(each.architecture) for each in images]
    yield "source", _source(matrix, renderer, first)
    yield "entrypoint", image.entrypoint
    yield "handler", environment.pop("_HANDLER")
    yield "workdir", image.workdir
    yield "user", image.user
    yield "home", image.home
    yield "shell", image.shell
    yield "directories", image.directories
    yield "tmp", image.tmp
    yield "status", runtime.lifecycle.status(date.fromisoformat(FACTS["day"]))
    for key in ("released", "deprecated", "create_blocked", "update_blocked"):
        day = getattr(runtime.lifecycle, key)
        yield f"lifecycle.{key}", str(day) if day else None
    yield from ((f"accounts.{name}", ids) for name, ids in image.accounts.items())
    yield from ((f"environment.{name}", value) for name, value in environment.items())


def _source(matrix: Matrix, renderer: Renderer, image: Image) -> str:
    """The official image, or the archive's address; a custom runtime is its base."""
    base = matrix.bases[image.base].upstream
    for upstream in renderer.fetches.upstreams(image):
        if upstream != base:
            return upstream
    for download in renderer.fetches.downloads(image):
        return download.artifact(image.architecture).url
    return base


def _found(text: str | None = None) -> dict[str, dict[str, Any]]:
    """By runtime, the differences of a matrix: the real one unless its text is given."""
    matrix = parse(text) if text else real()
    renderer = renderer_of(matrix)
    runs = [image for image in expand(matrix) if image.variant is Variant.RUN]
    return {
        runtime: dict(differences(runtime, dict(_aspects(matrix, renderer, [i for i in runs if i.runtime == runtime]))))
        for runtime in RUNTIMES
    }


def test_the_matrix_has_every_runtime_of_the_facts() -> None:
    assert real().runtimes.keys() >= RUNTIMES.keys()
    assert len(RUNTIMES) == 51


def test_run_images_are_what_the_facts_say_except_where_declared() -> None:
    assert _found() == {runtime: declared(runtime) for runtime in RUNTIMES}


def test_each_deviation_has_a_reason_and_stands_once() -> None:
    assert all(deviation.reason for deviation in DEVIATIONS)
    covered = [(runtime, each.aspect) for each in DEVIATIONS for runtime in RUNTIMES if each.covers(runtime)]
    assert len(covered) == len(set(covered))


@pytest.mark.parametrize(
    ("change", "difference"),
    [
        (('TZ = ":UTC"', 'TZ = "UTC"'), ("python3.13", "environment.TZ", "UTC")),
        (("uid = 496", "uid = 497"), ("provided", "accounts.sbx_user1051", "497:495")),
        (('version = "3.12"', 'version = "3.13"'), ("python3.12", "source", "public.ecr.aws/lambda/python:3.13")),
        (('workdir = "/"', 'workdir = "/tmp"'), ("java8", "workdir", "/tmp")),
        (("deprecated = 2020-03-05", "deprecated = 2020-03-06"), ("nodejs4.3", "lifecycle.deprecated", "2020-03-06")),
        (('\narchitectures = ["x86_64"]\nlife', "\nlife"), ("nodejs10.x", "architectures", ["x86_64", "arm64"])),
        (
            ("AWS_Lambda_{runtime}", "AWS_Lambda_node"),
            ("nodejs22.x", "environment.AWS_EXECUTION_ENV", "AWS_Lambda_node"),
        ),
    ],
)
def test_a_slip_is_found(change: tuple[str, str], difference: tuple[str, str, Any]) -> None:
    runtime, aspect, value = difference
    assert _found(changed(REAL.read_text(), change))[runtime][aspect] == value
