"""The figures that say whether `factory/` is still a house."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.house import FUNCTION, LINES, MODULE, PACKAGE, Figures, Sized, main, measure


def test_what_is_counted(tmp_path: Path) -> None:
    inner = tmp_path / "it" / "inner"
    inner.mkdir(parents=True)
    (tmp_path / "it" / "__init__.py").write_text("")
    (tmp_path / "it" / "one.py").write_text("def short():\n    pass\n")
    (inner / "two.py").write_text("class A:\n    def longer(self):\n        a = 1\n        return a\n\n\nx = 1\n")
    found = measure(tmp_path / "it")
    assert found.lines == 9
    assert [(each.name, each.size) for each in found.functions] == [
        ("it/inner/two.py:2 longer", 3),
        ("it/one.py:1 short", 2),
    ]
    assert found.modules[0] == Sized("it/inner/two.py", 7)
    assert {(each.name, each.size) for each in found.packages} == {("it", 1), ("it/inner", 1)}
    assert "2, mean 2.5 lines, 0 over 40" in found.text()


def test_a_limit_that_is_broken_is_told() -> None:
    def figures(more: int) -> Figures:
        sized = ([Sized("it", most + more)] for most in (FUNCTION, MODULE, PACKAGE))
        return Figures(LINES + more, *sized)

    assert list(figures(0).broken()) == []
    assert list(figures(1).broken()) == [
        "function it (41): more than 40",
        "module it (301): more than 300",
        "package it (16): more than 15",
    ]


def test_the_figures_of_the_factory(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    assert capsys.readouterr().out.startswith("lines             ")
