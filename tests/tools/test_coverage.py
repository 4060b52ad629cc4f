"""The page of what the lab executes."""

from __future__ import annotations

from factory.matrix.words import Architecture
from factory.smoke.skips import SkippedTests, parse
from tests.support import ROOT, real, small
from tools.lab.coverage_page import FILE, page

TEXT = """\
[runtimes]
"python3.11" = "no such interpreter"
"python3.9" = { arm64 = "only for x86_64" }
"""


def test_the_page_has_a_line_a_runtime_with_the_reasons() -> None:
    lines = page(small(), parse(TEXT, "coverage.toml", small())).splitlines()
    assert "| `python3.11` | built only |  | built only |  | no such interpreter |" in lines
    assert "| `python3.9` | executable | built only | executable | built only | arm64: only for x86_64 |" in lines
    assert "| `nodejs22.x` | executable | executable | executable | executable |  |" in lines
    assert "16 of the 20 images of 6 runtimes are executable, 4 built only." in lines


def test_a_pipe_in_a_reason_is_no_column() -> None:
    skipped = SkippedTests({"nodejs6.10": {Architecture.X86_64: "a | b"}})
    assert "| a \\| b |" in page(small(), skipped)


def test_the_committed_page_is_up_to_date() -> None:
    wanted = page(real(), parse(FILE.read_text(), str(FILE), real()))
    assert (ROOT / "docs" / "coverage.md").read_text() == wanted, "run scripts/coverage"
