"""What the small matrix is rendered to, byte for byte. `pytest tests/test_golden.py --update-golden` writes it anew."""

from __future__ import annotations

import difflib
from pathlib import Path

import pytest

from factory.render import Renderer
from tests.support import GOLDEN, small

_STEMS = sorted(Renderer(small()).all())


def _golden(stem: str) -> Path:
    return GOLDEN / stem / "Dockerfile"


@pytest.mark.parametrize("stem", _STEMS)
def test_dockerfiles_are_rendered_as_they_were(stem: str, request: pytest.FixtureRequest) -> None:
    now = Renderer(small()).all()[stem]
    file = _golden(stem)
    if request.config.getoption("--update-golden"):
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(now.encode())
    assert file.exists(), f"{file} is missing; `pytest tests/test_golden.py --update-golden` writes it"
    then = file.read_bytes().decode()
    if now != then:
        lines = difflib.unified_diff(
            then.splitlines(keepends=True), now.splitlines(keepends=True), f"golden/{stem}", f"rendered/{stem}"
        )
        pytest.fail(f"{''.join(lines)}\nif this is meant: pytest tests/test_golden.py --update-golden", pytrace=False)


def test_there_are_no_golden_files_of_images_that_are_gone() -> None:
    assert sorted(file.parent.name for file in GOLDEN.glob("*/Dockerfile")) == _STEMS


def test_the_small_matrix_has_one_of_each() -> None:
    matrix = small()
    assert {base.package_manager.value for base in matrix.bases.values()} == {"yum", "microdnf"}
    assert {len(base.architectures) for base in matrix.bases.values()} == {1, 2}
    assert {type(runtime.source).__name__ for runtime in matrix.runtimes.values()} == {
        "NoneType",
        "ImageSource",
        "ArchiveSource",
    }
    assert {runtime.family for runtime in matrix.runtimes.values()} == set(matrix.families)
