"""What cannot be executed here: the file that says so, and its errors."""

from __future__ import annotations

from pathlib import Path

import pytest

from factory.app.app import App
from factory.app.options import Everywhere
from factory.errors import UsageError
from factory.matrix.loading import MatrixError
from factory.smoke.skips import SkippedTests, parse
from tests.support import SMALL, image, small

PYTHON, ARM, BASE = image("python3.11-x86_64"), image("build-python3.9-arm64"), image("al2-x86_64")
TEXT = """\
[runtimes]
"python3.11" = "no such interpreter"
"python3.9" = { arm64 = "only for x86_64" }
"""


def _app(file: Path | None) -> App:
    return App(Everywhere(matrix=SMALL, skip_tests=file))


def test_a_reason_is_that_of_the_runtime_or_of_one_architecture() -> None:
    skipped = parse(TEXT, "skip.toml", small())
    assert skipped.reason(PYTHON) == "no such interpreter"
    assert skipped.reason(image("build-python3.11-x86_64")) == "no such interpreter"
    assert skipped.reason(ARM) == "only for x86_64"
    assert skipped.reason(image("python3.9-x86_64")) is None
    assert skipped.reason(BASE) is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            TEXT.replace("python3.11", "pyton3.11"),
            "skip.toml:2: runtimes.\"pyton3.11\": unknown runtime 'pyton3.11'\n    did you mean 'python3.11'",
        ),
        (TEXT.replace('"only for x86_64"', '""'), 'skip.toml:3: runtimes."python3.9".arm64: says no reason'),
        (TEXT.replace('"no such interpreter"', "true"), 'skip.toml:2: runtimes."python3.11": says no reason'),
        (TEXT.replace('{ arm64 = "only for x86_64" }', "{}"), 'skip.toml:3: runtimes."python3.9": says no reason'),
        (TEXT.replace("arm64 =", "arm46 ="), 'skip.toml:3: runtimes."python3.9".arm46: python3.9 has no image for'),
        (f"mirror = 7\n{TEXT}", "skip.toml:1: mirror: is no key of this file\n    known: runtimes"),
        (TEXT.replace("[runtimes]", "[runtime]"), "skip.toml:1: runtime: is no key of this file\n    did you mean"),
        (TEXT.replace("[runtimes]", "[runtime]"), "skip.toml: runtimes: is missing"),
        ("runtimes = 7\n", "skip.toml:1: runtimes: is missing"),
        ("", "skip.toml: runtimes: is missing"),
        ("[runtimes]\na = \n", "skip.toml:2: is not TOML"),
    ],
)
def test_a_mistake_is_told_with_its_line(text: str, message: str) -> None:
    with pytest.raises(MatrixError) as caught:
        parse(text, "skip.toml", small())
    assert any(line.startswith(message.partition("\n")[0]) for line in str(caught.value).splitlines())
    assert message in str(caught.value)
    assert "nothing was done" in str(caught.value)


def test_an_option_names_the_file(tmp_path: Path) -> None:
    (tmp_path / "skip.toml").write_text(TEXT)
    app = _app(tmp_path / "skip.toml")
    assert app.skipped == parse(TEXT, "skip.toml", small())
    assert app.reasons([PYTHON, ARM, BASE]) == {PYTHON: "no such interpreter", ARM: "only for x86_64"}


def test_messages_name_the_file_that_was_given(tmp_path: Path) -> None:
    (tmp_path / "other.toml").write_text(TEXT.replace('"no such interpreter"', "true"))
    with pytest.raises(MatrixError) as caught:
        _ = _app(tmp_path / "other.toml").skipped
    assert str(caught.value).startswith(f'{tmp_path}/other.toml:2: runtimes."python3.11": says no reason')


def test_without_the_option_everything_is_executed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever lies about."""
    for name in ("coverage.toml", "skip.toml"):
        (tmp_path / name).write_text(TEXT)
    monkeypatch.chdir(tmp_path)
    assert _app(None).skipped == SkippedTests()
    assert _app(None).reasons([PYTHON, ARM, BASE]) == {}


def test_a_file_that_was_named_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        _ = _app(tmp_path / "skip.toml").skipped
    assert str(caught.value) == (
        f"{tmp_path}/skip.toml: cannot be read: No such file or directory; "
        "--skip-tests names a file that says which tests to skip, and why"
    )


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read: Is a directory"):
        _ = _app(tmp_path).skipped
