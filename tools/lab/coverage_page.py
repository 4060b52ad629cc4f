"""`docs/coverage.md`, from matrix.toml and tools/lab/coverage.toml: what the lab executes and what it only builds."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from factory.app.project import load_matrix as load
from factory.files import write_if_changed
from factory.matrix.images import Image, expand
from factory.matrix.schema import Matrix
from factory.matrix.words import Architecture, Variant
from factory.smoke.skips import SkippedTests, parse
from tools.lab.settings import LAB

FILE = LAB / "coverage.toml"
_COLUMNS = [(variant, architecture) for variant in Variant for architecture in Architecture]
_ABOUT = """\
# Coverage

Written by `scripts/coverage` from matrix.toml and [tools/lab/coverage.toml](../tools/lab/coverage.toml): edit
those.

*Executable*: the lab has a real interpreter of that very version, so that a release there runs the whole smoke test on
it; which ones have been released so far stands in the [README](../README.md#what-is-not-verified). *Built only*: the
package registries in reach have no such interpreter, so the image is rendered, linted, built from a stand-in of the
same layout and given the checks that need no invocation; it never counts as tested. An empty cell: upstream has no such
image.
"""


def page(matrix: Matrix, skipped: SkippedTests) -> str:
    """The page's text."""
    images = [image for image in expand(matrix) if image.runtime]
    executed = sum(skipped.reason(image) is None for image in images)
    lines = [
        _ABOUT,
        f"{executed} of the {len(images)} images of {len(matrix.runtimes)} runtimes are executable, "
        f"{len(images) - executed} built only.",
        "",
        _row("runtime", *(f"{variant} {architecture}" for variant, architecture in _COLUMNS), "why not"),
        _row(*["-"] * (len(_COLUMNS) + 2)),
        *(_line(name, [image for image in images if image.runtime == name], skipped) for name in matrix.runtimes),
    ]
    return "\n".join(lines) + "\n"


def _line(name: str, images: Sequence[Image], skipped: SkippedTests) -> str:
    by_column = {(image.variant, image.architecture): image for image in images}
    cells = [_cell(by_column.get(column), skipped) for column in _COLUMNS]
    reasons = {image.architecture: reason for image in images if (reason := skipped.reason(image))}
    if len(reasons) == len({image.architecture for image in images}) and len(set(reasons.values())) == 1:
        return _row(f"`{name}`", *cells, next(iter(reasons.values())))
    return _row(f"`{name}`", *cells, "; ".join(f"{architecture}: {reason}" for architecture, reason in reasons.items()))


def _cell(image: Image | None, skipped: SkippedTests) -> str:
    if image is None:
        return ""
    return "built only" if skipped.reason(image) else "executable"


def _row(*cells: str) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def main() -> int:
    """Writes the page of this checkout."""
    matrix = load(Path("matrix.toml"))
    write_if_changed(Path("docs/coverage.md"), page(matrix, parse(FILE.read_text(), str(FILE), matrix)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
