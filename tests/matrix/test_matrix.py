"""The small values of a matrix."""

from __future__ import annotations

from datetime import date

import pytest
from pydantic import ValidationError

from factory.errors import did_you_mean
from factory.matrix.problems import Problem, dotted
from factory.matrix.runtimes import Lifecycle
from factory.matrix.words import Architecture, Status
from factory.report.tables import megabytes, table
from tests.support import small

LIFE = Lifecycle(
    released=date(2024, 1, 1),
    deprecated=date(2026, 1, 1),
    create_blocked=date(2026, 2, 1),
    update_blocked=date(2026, 3, 1),
)


@pytest.mark.parametrize(
    ("lifecycle", "day", "status"),
    [
        (LIFE, date(2025, 12, 31), Status.SUPPORTED),
        (LIFE, date(2026, 1, 1), Status.DEPRECATED),
        (LIFE, date(2026, 2, 1), Status.CREATE_BLOCKED),
        (LIFE, date(2026, 3, 1), Status.UPDATE_BLOCKED),
        (Lifecycle(), date(2026, 1, 1), Status.SUPPORTED),
        (Lifecycle(preview=True), date(2026, 1, 1), Status.PREVIEW),
        (Lifecycle(update_blocked=date(2026, 1, 1)), date(2026, 1, 2), Status.UPDATE_BLOCKED),
    ],
)
def test_where_a_runtime_stands(lifecycle: Lifecycle, day: date, status: Status) -> None:
    assert lifecycle.status(day) is status


def test_a_matrix_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        small().publish.vendor = "another"  # type: ignore[misc]


def test_architectures_have_three_names() -> None:
    assert [(str(arch), arch.oci, arch.platform) for arch in Architecture] == [
        ("x86_64", "amd64", "linux/amd64"),
        ("arm64", "arm64", "linux/arm64"),
    ]


def test_key_paths_are_written_as_in_toml() -> None:
    assert dotted(("runtimes", "python3.13", "base")) == 'runtimes."python3.13".base'


def test_a_problem_without_a_line_names_the_file() -> None:
    assert Problem(("a",), "is wrong", "mend it").text("m.toml") == "m.toml: a: is wrong\n    mend it"
    assert Problem((), "is wrong", "mend it").at(3).at(4).text("m.toml") == "m.toml:3: is wrong\n    mend it"


@pytest.mark.parametrize(
    ("name", "known", "remedy"),
    [
        ("pyton", ["python", "node"], "did you mean 'python'?"),
        ("zzz", ["python", "node"], "known: node, python"),
        ("zzz", [], "`factory list` shows what there is"),
        ("zzz", [f"name{number}" for number in range(13)], "`factory list` shows what there is"),
    ],
)
def test_remedies_in_words(name: str, known: list[str], remedy: str) -> None:
    assert did_you_mean(name, known) == remedy


def test_tables_are_as_wide_as_they_must_be() -> None:
    assert table(("A", "LONG"), [("value", "b"), ("", "c")]) == "A      LONG\nvalue  b\n       c"
    assert megabytes(12_345_678) == "12.3 MB"
