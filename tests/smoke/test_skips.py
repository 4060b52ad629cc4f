"""What the lab cannot execute: the file, its errors, where it applies, and the page about it."""

from __future__ import annotations

from pathlib import Path

import pytest

from factory.errors import UsageError
from factory.matrix.loading import MatrixError
from factory.matrix.words import Architecture
from factory.smoke.skips import Coverage, read
from tests.support import ROOT, image, real, small
from tools.lab.coverage_page import page

LAB = {"upstream.example": "127.0.0.1:5000"}
PYTHON, ARM, BASE = image("python3.11-x86_64"), image("build-python3.9-arm64"), image("al2-x86_64")
TEXT = """\
mirror = "127.0.0.1"

[runtimes]
"python3.11" = "no such interpreter"
"python3.9" = { arm64 = "only for x86_64" }
"""


def _read(folder: Path, text: str) -> Coverage:
    file = folder / "coverage.toml"
    file.write_text(text)
    return read(file, small())


def test_a_reason_is_that_of_the_runtime_or_of_one_architecture(tmp_path: Path) -> None:
    coverage = _read(tmp_path, TEXT)
    assert coverage.reason(PYTHON) == "no such interpreter"
    assert coverage.reason(image("build-python3.11-x86_64")) == "no such interpreter"
    assert coverage.reason(ARM) == "only for x86_64"
    assert coverage.reason(image("python3.9-x86_64")) is None
    assert coverage.reason(BASE) is None


@pytest.mark.parametrize(
    ("mirrors", "applies"),
    [
        (LAB, True),
        ({"upstream.example": "127.0.0.1/with/a/path"}, True),
        ({}, False),
        ({"upstream.example": "registry.example:5000"}, False),
        ({"other.example": "127.0.0.1:5000"}, False),
    ],
)
def test_it_applies_only_where_the_mirror_is_the_lab(tmp_path: Path, mirrors: dict[str, str], applies: bool) -> None:
    coverage = _read(tmp_path, TEXT)
    assert coverage.reason_behind(PYTHON, small(), mirrors) == ("no such interpreter" if applies else None)


def test_without_the_file_everything_is_executed(tmp_path: Path) -> None:
    assert read(tmp_path / "coverage.toml", small()).reason_behind(PYTHON, small(), LAB) is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            TEXT.replace("python3.11", "pyton3.11"),
            "coverage.toml:4: runtimes.\"pyton3.11\": unknown runtime 'pyton3.11'\n    did you mean 'python3.11'",
        ),
        (TEXT.replace('"only for x86_64"', '""'), 'coverage.toml:5: runtimes."python3.9".arm64: says no reason'),
        (TEXT.replace('"no such interpreter"', "true"), 'coverage.toml:4: runtimes."python3.11": says no reason'),
        (TEXT.replace('{ arm64 = "only for x86_64" }', "{}"), 'coverage.toml:5: runtimes."python3.9": says no reason'),
        (TEXT.replace("arm64 =", "arm46 ="), 'coverage.toml:5: runtimes."python3.9".arm46: python3.9 has no image for'),
        (TEXT.replace("mirror =", "mirorr ="), "coverage.toml:1: mirorr: is no key of the coverage"),
        (TEXT.replace('"127.0.0.1"', "7"), "coverage.toml:1: mirror: is missing"),
        ('mirror = "127.0.0.1"\n', "coverage.toml: runtimes: is missing"),
        ("mirror = \n", "coverage.toml:1: is not TOML"),
    ],
)
def test_a_mistake_is_told_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(MatrixError) as caught:
        _read(tmp_path, text)
    assert f"{tmp_path}/{message}" in str(caught.value)
    assert "nothing was done" in str(caught.value)


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "coverage.toml").mkdir()
    with pytest.raises(UsageError, match="cannot be read"):
        read(tmp_path / "coverage.toml", small())


def test_the_page_has_a_line_a_runtime_with_the_reasons(tmp_path: Path) -> None:
    lines = page(small(), _read(tmp_path, TEXT)).splitlines()
    assert "| `python3.11` | built only |  | built only |  | no such interpreter |" in lines
    assert "| `python3.9` | executable | built only | executable | built only | arm64: only for x86_64 |" in lines
    assert "| `nodejs22.x` | executable | executable | executable | executable |  |" in lines
    assert "16 of the 20 images of 6 runtimes are executable, 4 built only." in lines


def test_a_pipe_in_a_reason_is_no_column() -> None:
    coverage = Coverage("", {"nodejs6.10": {Architecture.X86_64: "a | b"}})
    assert "| a \\| b |" in page(small(), coverage)


def test_the_committed_page_is_up_to_date() -> None:
    wanted = page(real(), read(ROOT / "coverage.toml", real()))
    assert (ROOT / "docs" / "coverage.md").read_text() == wanted, "run scripts/coverage"
