"""What holds over all of `factory/`: it knows of no lab and of nothing that the lab has in the place of upstream's."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from fnmatch import fnmatch
from importlib import import_module
from pathlib import Path

import pytest

from tests.support import ROOT

WORDS = re.compile(r"\b(labs?|stand[-_ ]?ins?|st(ands?|ood) in for)\b|(?<![a-z])standin|_lab\b|\blab_", re.IGNORECASE)


def spoken(folder: Path) -> Iterator[str]:
    """The lines that speak of it, as FILE:LINE: TEXT."""
    for file in sorted(folder.rglob("*")):
        if file.is_file() and "__pycache__" not in file.parts:
            for number, line in enumerate(file.read_text().splitlines(), 1):
                if WORDS.search(line):
                    yield f"{file.relative_to(folder)}:{number}: {line.strip()}"


def test_the_product_knows_no_lab() -> None:
    assert list(spoken(ROOT / "factory")) == [], "what only this project's developers use lives in tools/"


def test_every_folder_of_tests_is_one_that_pytest_looks_into(pytestconfig: pytest.Config) -> None:
    """Its own list has `build` on it, and so would leave out tests/build without a word."""
    passed_over = pytestconfig.getini("norecursedirs")
    folders = {path.parent for path in (ROOT / "tests").rglob("test_*.py")}
    assert ROOT / "tests" / "build" in folders
    names = {part for folder in folders for part in folder.relative_to(ROOT).parts}
    assert [name for name in names for pattern in passed_over if fnmatch(name, pattern)] == []


@pytest.mark.parametrize(
    "line",
    [
        "# what the lab has", "Labs", "--stand-ins", "stand_in: str", "class StandIn:", "it stands in for upstream's",
        "a standin", "stand ins", "behind_lab = 1", "lab_port",
    ],
)  # fmt: skip
def test_a_line_that_speaks_of_it_is_found(tmp_path: Path, line: str) -> None:
    (tmp_path / "one.py").write_text(f"first\n{line}\n")
    assert list(spoken(tmp_path)) == [f"one.py:2: {line}"]


@pytest.mark.parametrize(
    "line", ["label", "available", "LABEL = 1", "what stands in the Dockerfile", "collaborate", "understanding"]
)
def test_other_words_pass(tmp_path: Path, line: str) -> None:
    (tmp_path / "one.py").write_text(line)
    assert list(spoken(tmp_path)) == []


def _imports(file: Path) -> Iterator[tuple[str, str]]:
    """What a module imports of the factory's packages, as package and module."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("factory."):
            _, package, *rest = str(node.module).split(".")
            if (ROOT / "factory" / package).is_dir():
                yield from ((package, name) for name in (rest or [alias.name for alias in node.names]))


def test_nobody_imports_a_module_that_is_a_packages_own() -> None:
    """`__all__` of a package names the modules that others may use."""
    packages = [folder for folder in (ROOT / "factory").iterdir() if (folder / "__init__.py").is_file()]
    known = {folder.name: set(import_module(f"factory.{folder.name}").__all__) for folder in packages}
    users = [*(ROOT / "factory").rglob("*.py"), *(ROOT / "tools").rglob("*.py")]
    found = [
        f"{file.relative_to(ROOT)}: factory.{package}.{module}"
        for file in users
        for package, module in _imports(file)
        if file.parent.name != package and module not in known[package]
    ]
    assert len(known) == 13
    assert found == []
    for name, modules in known.items():
        assert all((ROOT / "factory" / name / f"{module}.py").is_file() for module in modules)


def test_every_package_says_what_comes_in_and_what_goes_out() -> None:
    for file in (ROOT / "factory").glob("*/__init__.py"):
        said = ast.get_docstring(ast.parse(file.read_text())) or ""
        assert "come" in said, file
        assert "out" in said, file
