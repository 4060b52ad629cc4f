"""Lines of keys, in everything that TOML can look like."""

from __future__ import annotations

import pytest

from factory.matrix.positions import line_of, positions
from tests.support import REAL

CASES: list[tuple[str, tuple[str, ...], int]] = [
    ("a = 1\nb = 2\n", ("b",), 2),
    ("# a\n\n  b = 2 # c = 3\n", ("b",), 3),
    ("[a]\nb = 1\n[c.d]\ne = 2\n", ("c", "d", "e"), 4),
    ('["a.b"]\n"c d" = 1\n', ("a.b", "c d"), 2),
    ("['a.b'.c]\nd = 1\n", ("a.b", "c", "d"), 2),
    ("[ a . b ]\nc.d = 1\n", ("a", "b", "c", "d"), 2),
    ("[ a . b ]\nc.d = 1\n", ("a", "b", "c"), 2),
    ("a = { b = 1, c = { d = 2 } }\n", ("a", "c", "d"), 1),
    ("x = [\n  1,\n  2,\n]\ny = 1\n", ("y",), 5),
    ("x = [ '[', \"]\", '#' ]\ny = 1\n", ("y",), 2),
    ('x = """\n[no]\nz = 1\n"""\ny = 1\n', ("y",), 5),
    ("x = '''\n[no]\nz = 1\n'''\ny = 1\n", ("y",), 5),
    ('x = "a \\" # b"\ny = 1\n', ("y",), 2),
    ("[[t]]\na = 1\n[[t]]\nb = 1\n", ("t", "b"), 4),
    ("x = [ # ]\n 1 ]\ny = 1\n", ("y",), 3),
    ("a = { b = [ { c = 1 } ], d = ', e = 1' }\nf = 1\n", ("a", "d"), 1),
    ("a = { b = [ { c = 1 } ], d = ', e = 1' }\nf = 1\n", ("f",), 2),
    ("\r\na = 1\r\nb = 2\r\n", ("b",), 3),
    ("a = 1", ("a",), 1),
]


@pytest.mark.parametrize(("text", "path", "line"), CASES)
def test_a_key_stands_on_its_line(text: str, path: tuple[str, ...], line: int) -> None:
    assert positions(text)[path] == line


def test_a_text_in_quotes_is_no_key() -> None:
    assert positions('x = """\nz = 1\n[t]\n"""\n').keys() == {("x",)}


def test_what_does_not_stand_there_has_the_line_of_its_table() -> None:
    found = positions("\n[a]\nb = 1\n")
    assert line_of(("a", "c", "d"), found) == 2
    assert line_of(("a", "b", "0"), found) == 3
    assert line_of(("x",), found) is None
    assert line_of((), found) is None


def test_a_header_gives_its_parents_a_line_too() -> None:
    assert line_of(("a",), positions("\n[a.b]\nc = 1\n")) == 2


def test_every_key_of_the_real_matrix_is_where_it_is_said_to_be() -> None:
    text = REAL.read_text()
    lines = text.splitlines()
    found = positions(text)
    assert len(found) > 150
    for path, line in found.items():
        assert path[-1] in lines[line - 1]
