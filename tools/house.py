"""`python -m tools.house`: the figures of `factory/`; with `--check` it fails when one is over its limit.

The lines in all are an aim and no limit: a module of its own costs a dozen lines before its first one.

A function's lines are all of it, from `def` to its last one, docstring included.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
LINES, FUNCTION, MODULE, PACKAGE = 9800, 40, 300, 15
"""Lines in all, as the aim; and the most: lines of a function, lines of a module, modules of a package."""


@dataclass(frozen=True)
class Sized:
    """A thing with its size."""

    name: str
    size: int

    def __str__(self) -> str:
        return f"{self.name} ({self.size})"


@dataclass(frozen=True)
class Figures:
    """What there is, each the largest first."""

    lines: int
    functions: Sequence[Sized]
    modules: Sequence[Sized]
    packages: Sequence[Sized]

    def text(self) -> str:
        """For people, a figure a line."""
        sizes = [function.size for function in self.functions]
        longer = sum(size > FUNCTION for size in sizes)
        mean = sum(sizes) / len(sizes) if sizes else 0
        return "\n".join(
            [
                f"lines             {self.lines}; the aim is {LINES}",
                f"functions         {len(sizes)}, mean {mean:.1f} lines, {longer} over {FUNCTION}",
                f"longest function  {_first(self.functions)} of at most {FUNCTION}",
                f"longest module    {_first(self.modules)} of at most {MODULE}",
                f"largest package   {_first(self.packages)} of at most {PACKAGE} modules",
            ]
        )

    def broken(self) -> Iterator[str]:
        """The limits that do not hold, in words."""
        for what, found, most in (
            ("function", self.functions, FUNCTION),
            ("module", self.modules, MODULE),
            ("package", self.packages, PACKAGE),
        ):
            yield from (f"{what} {sized}: more than {most}" for sized in found if sized.size > most)


def _first(found: Sequence[Sized]) -> str:
    return str(found[0]) if found else "none"


def measure(folder: Path) -> Figures:
    """The figures of all Python below a folder."""
    files = sorted(folder.rglob("*.py"))
    texts = {str(file.relative_to(folder.parent)): file.read_text() for file in files}
    modules = [Sized(name, len(text.splitlines())) for name, text in texts.items()]
    functions = [function for name, text in texts.items() for function in _functions(name, ast.parse(text))]
    folders = {file.parent for file in files}
    packages = [
        Sized(
            str(each.relative_to(folder.parent)),
            sum(file.parent == each and file.name != "__init__.py" for file in files),
        )
        for each in folders
    ]
    total = sum(module.size for module in modules)
    return Figures(total, _by_size(functions), _by_size(modules), _by_size(packages))


def _functions(name: str, tree: ast.AST) -> Iterator[Sized]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            yield Sized(f"{name}:{node.lineno} {node.name}", node.end_lineno - node.lineno + 1)


def _by_size(found: Sequence[Sized]) -> list[Sized]:
    return sorted(found, key=lambda sized: (-sized.size, sized.name))


def main(arguments: Sequence[str]) -> int:
    """Prints the figures; with --check, 1 when a limit is broken."""
    figures = measure(ROOT / "factory")
    print(figures.text())
    broken = list(figures.broken()) if "--check" in arguments else []
    for line in broken:
        print(f"house: {line}", file=sys.stderr)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
