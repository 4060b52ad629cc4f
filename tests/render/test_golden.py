"""What the small matrix is rendered to, byte for byte; `--update-golden` writes it anew."""

from __future__ import annotations

import difflib
from pathlib import Path

import pytest

from factory.app.project import load_matrix as load
from tests.support import GOLDEN, SMALL, TOOLCHAINS, renderer_of, small

_WRITE = "pytest tests/render/test_golden.py --update-golden"
_WRITE = "pytest tests/render/test_golden.py --update-golden"
_RENDERED = {
    matrix.parent / stem / "Dockerfile": text
    for matrix in (SMALL, TOOLCHAINS)
    for stem, text in renderer_of(load(matrix)).all().items()
}


@pytest.mark.parametrize("file", _RENDERED, ids=lambda file: str(file.parent.relative_to(GOLDEN)))
def test_dockerfiles_are_rendered_as_they_were(file: Path, request: pytest.FixtureRequest) -> None:
    now, stem = _RENDERED[file], file.parent.relative_to(GOLDEN)
    if request.config.getoption("--update-golden"):
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(now.encode())
    assert file.exists(), f"{file} is missing; `{_WRITE}` writes it"
    then = file.read_bytes().decode()
    if now != then:
        lines = difflib.unified_diff(
            then.splitlines(keepends=True), now.splitlines(keepends=True), f"golden/{stem}", f"rendered/{stem}"
        )
        pytest.fail(f"{''.join(lines)}\nif this is meant: {_WRITE}", pytrace=False)


def test_there_are_no_golden_files_of_images_that_are_gone() -> None:
    assert set(GOLDEN.rglob("Dockerfile")) == _RENDERED.keys()


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
