"""What spans tables, on a matrix of which some tables are missing because they are broken."""

from __future__ import annotations

import tomli

from factory.matrix.rules import inconsistencies
from factory.matrix.schema import Matrix
from tests.support import SMALL, small, small_text


def test_a_sound_matrix_has_none() -> None:
    assert inconsistencies(small(), tomli.loads(SMALL.read_text())) == []


def test_names_of_broken_tables_count_as_known() -> None:
    raw = tomli.loads(SMALL.read_text())
    without = Matrix.model_construct(
        publish=small().publish,
        bases={name: base for name, base in small().bases.items() if name != "al2023"},
        families=small().families,
        extras={},
        runtimes=small().runtimes,
    )
    assert inconsistencies(without, raw) == []


def test_a_section_that_is_no_table_knows_no_names() -> None:
    problems = inconsistencies(small(), {"bases": 3})
    assert {problem.message for problem in problems} >= {"unknown base 'al2'", "unknown family 'node'"}


def test_a_tag_that_two_share_is_told_once() -> None:
    text = small_text() + '\n[runtimes.al2023]\nbase = "al2"\nfamily = "python"\nversion = "3"\n'
    raw = tomli.loads(text)
    problems = inconsistencies(Matrix.model_validate(raw), raw)
    assert [problem.path for problem in problems] == [("runtimes", "al2023")]
