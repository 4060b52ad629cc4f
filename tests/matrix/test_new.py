"""`factory new`: a table in the right place, all other text as it was, and nothing written that does not load."""

from __future__ import annotations

import difflib
from pathlib import Path

import pytest

from factory.cli.main import main
from factory.errors import UsageError
from factory.matrix.images import expand
from factory.matrix.loading import MatrixError, load
from factory.matrix.new import add
from tests.support import REAL, SMALL, changed, names, small_text

PYTHON = """\
[runtimes."python3.12"]
base = "al2"
family = "python"
version = "3.12"
lifecycle = { preview = true }
"""


def _matrix(folder: Path, text: str | None = None) -> Path:
    file = folder / "matrix.toml"
    file.write_text(SMALL.read_text() if text is None else text, newline="")
    return file


def _inserted(before: str, after: str) -> str:
    """What is new in a text that is otherwise the same."""
    lines = list(difflib.ndiff(before.splitlines(), after.splitlines()))
    assert [line for line in lines if line.startswith("- ")] == []
    return "\n".join(line[2:] for line in lines if line.startswith("+ ")).strip("\n") + "\n"


def test_the_table_says_what_sets_the_runtime_apart_and_takes_over_the_rest(tmp_path: Path) -> None:
    file = _matrix(tmp_path)
    added = add(file, "python3.12", "python3.11", preview_tag=False)
    text = file.read_text()
    assert _inserted(SMALL.read_text(), text) == PYTHON + 'architectures = ["x86_64"]\n'
    assert text.splitlines()[added.line - 1] == '[runtimes."python3.12"]'
    assert text.index("python3.11") < text.index("python3.12") < text.index("python3.9")
    assert load(file) == added.matrix
    assert names(image for image in expand(added.matrix) if image.runtime == "python3.12") == [
        "python3.12-x86_64",
        "build-python3.12-x86_64",
    ]


def test_an_archive_is_not_taken_over(tmp_path: Path) -> None:
    """`python3.9` ends with a table of its own inside, below which the new one belongs."""
    file = _matrix(tmp_path)
    add(file, "python3.12", "python3.9", preview_tag=False)
    text = file.read_text()
    assert text == SMALL.read_text() + "\n" + PYTHON


@pytest.mark.parametrize(
    ("name", "like", "version"),
    [
        ("nodejs28.x", "nodejs26.x", "28"),
        ("nodejs8.10", "nodejs6.10", "8.10"),
        ("provided.al2030", "provided.al2", "al2030"),
        ("python4", "python3.11", "4"),
    ],
)
def test_the_version_is_told_by_the_name(tmp_path: Path, name: str, like: str, version: str) -> None:
    matrix = add(_matrix(tmp_path), name, like, preview_tag=False).matrix
    assert matrix.runtimes[name].version == version
    assert matrix.runtimes[name].lifecycle.preview
    assert matrix.runtimes[name].source is None


def test_the_preview_tag_is_taken_when_it_is_asked_for(tmp_path: Path) -> None:
    matrix = add(_matrix(tmp_path), "nodejs28.x", "nodejs22.x", preview_tag=True).matrix
    assert matrix.runtimes["nodejs28.x"].model_dump()["source"] == {
        "image": "upstream.example/lambda/nodejs:28-preview"
    }


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (small_text(), "below a blank line"),
        (small_text().replace("\n\n[runtimes", "\n[runtimes"), "between tables without a blank line"),
        (small_text(('[runtimes."python3.9"]', '# About 3.9.\n#\n\n# More.\n[runtimes."python3.9"]')), "comment below"),
        (
            small_text(('["x86_64"]\n\n[runtimes."python3.9"]', '["x86_64"]\n# so\n\n[runtimes."python3.9"]')),
            "own comment",
        ),
        (
            small_text(('version = "3.11"\n', 'version = "3.11"\nlifecycle = { released = 2024-01-01 } # [x]\n')),
            "a date",
        ),
        (small_text().replace("\n", "\r\n"), "carriage returns"),
        (small_text()[: small_text().index('[runtimes."python3.9"]')].rstrip("\n"), "no newline at the end"),
    ],
)
def test_comments_order_and_newlines_stay(tmp_path: Path, text: str, place: str) -> None:
    file = _matrix(tmp_path, text)
    before, line = load(file), add(file, "python3.12", "python3.11", preview_tag=False).line
    after = file.read_bytes().decode()
    assert after.count("\r") in (0, after.count("\n"))
    assert _inserted(text, after) == PYTHON + 'architectures = ["x86_64"]\n'
    assert after.splitlines()[line - 1] == '[runtimes."python3.12"]'
    assert after.splitlines()[line - 2] == ""
    runtimes = list(load(file).runtimes)
    assert runtimes.pop(runtimes.index("python3.11") + 1) == "python3.12"
    assert runtimes == list(before.runtimes)


def test_a_comment_stays_with_what_it_is_about(tmp_path: Path) -> None:
    about = changed(SMALL.read_text(), ('[runtimes."python3.9"]', '# About 3.9.\n[runtimes."python3.9"]'))
    file = _matrix(tmp_path, changed(about, ('["x86_64"]\n\n# About', '["x86_64"]\n# About 3.11.\n\n# About')))
    add(file, "python3.12", "python3.11", preview_tag=False)
    text = file.read_text()
    assert 'architectures = ["x86_64"]\n# About 3.11.\n\n[runtimes."python3.12"]' in text
    assert 'architectures = ["x86_64"]\n\n# About 3.9.\n[runtimes."python3.9"]' in text


@pytest.mark.parametrize(
    ("name", "like", "preview_tag", "message"),
    [
        ("python3.9", "python3.11", False, r"matrix.toml:\d+: the runtime 'python3.9' exists already"),
        ("python3.12", "pyton3.11", False, "there is no runtime 'pyton3.11' to be like; did you mean 'python3.11'"),
        (
            "Python3.12",
            "python3.11",
            False,
            "'Python3.12' cannot be a runtime's name: .*; did you mean 'python3.12'\\?",
        ),
        ("python 3.12", "python3.11", False, "'python 3.12' cannot be a runtime's name"),
        ("nodejs28.x", "python3.11", False, "not made as 'python3.11' is, pythonVERSION; .* did you mean 'nodejs2"),
        ("nodejs28", "nodejs22.x", False, r"not made as 'nodejs22.x' is, nodejsVERSION\.x;"),
        ("nodejs28.x", "nodejs6.10", False, "not made as 'nodejs6.10' is"),
        ("provided.al3", "provided.al2", True, "the family 'provided' has no official images"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_is_written(
    tmp_path: Path, name: str, like: str, preview_tag: bool, message: str
) -> None:
    file = _matrix(tmp_path)
    with pytest.raises(UsageError, match=message):
        add(file, name, like, preview_tag)
    assert file.read_text() == SMALL.read_text()


def test_a_version_that_is_not_in_the_name_is_no_example(tmp_path: Path) -> None:
    file = _matrix(tmp_path, small_text(('version = "al2"', 'version = "alami"')))
    with pytest.raises(UsageError, match=r"the version 'alami' of 'provided.al2' is not in its name"):
        add(file, "provided.al4", "provided.al2", preview_tag=False)


def test_an_archive_alone_is_no_example(tmp_path: Path) -> None:
    file = _matrix(tmp_path, small_text(('source = "upstream.example/lambda/nodejs"\n', "")))
    with pytest.raises(UsageError, match=r"'nodejs6.10' comes from an archive"):
        add(file, "nodejs8.10", "nodejs6.10", preview_tag=False)


def test_what_does_not_load_is_not_written(tmp_path: Path) -> None:
    """The name of a base is taken."""
    file = _matrix(
        tmp_path, small_text(('[runtimes."provided.al2"]', '[runtimes."al3"]'), ('"al2"\nlife', '"3"\nlife'))
    )
    before = file.read_text()
    with pytest.raises(UsageError, match="the tag 'al2-x86_64' belongs to"):
        add(file, "al2", "al3", preview_tag=False)
    assert file.read_text() == before


def test_a_runtime_without_a_table_of_its_own_is_no_place(tmp_path: Path) -> None:
    head, _, tail = SMALL.read_text().partition('[runtimes."provided.al2"]')
    text = (
        head
        + '[runtimes]\n"x1" = { base = "al2", family = "python", version = "1" }\n\n[runtimes."provided.al2"]'
        + tail
    )
    file = _matrix(tmp_path, text)
    with pytest.raises(UsageError, match=r"'x1' has no table of its own"):
        add(file, "x2", "x1", preview_tag=False)


def test_the_real_matrix_takes_a_successor_of_every_runtime(tmp_path: Path) -> None:
    for like, runtime in load(REAL).runtimes.items():
        if runtime.version not in like:
            continue
        file = _matrix(tmp_path, REAL.read_text())
        name = like.replace(runtime.version, "al99" if runtime.family == "provided" else "99", 1)
        if runtime.family.startswith("dotnet"):
            with pytest.raises(MatrixError, match="unknown extra 'dotnet-sdk-99'"):  # its SDK has to be declared first
                add(file, name, like, preview_tag=False)
            continue
        added = add(file, name, like, preview_tag=False)
        assert len(added.table.splitlines()) <= 6, added.table
        assert added.matrix.runtimes[name].base == runtime.base


def test_the_command_says_what_follows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _matrix(tmp_path)
    monkeypatch.chdir(tmp_path)
    assert main(["new", "nodejs28.x", "--like", "nodejs26.x", "--preview-tag"]) == 0
    out = capsys.readouterr().out
    line = Path("matrix.toml").read_text().splitlines().index('[runtimes."nodejs28.x"]') + 1
    assert out.startswith(f'matrix.toml:{line}: written; no other file changed\n    [runtimes."nodejs28.x"]\n')
    assert "4 images: nodejs28.x-x86_64, nodejs28.x-arm64, build-nodejs28.x-x86_64, build-nodejs28.x-arm64\n" in out
    assert "pins upstream.example/lambda/nodejs:28-preview" in out
    assert "factory release nodejs28.x" in out
    assert main(["new", "nodejs28.x", "--like", "nodejs26.x"]) == 2
    assert f"matrix.toml:{line}: the runtime 'nodejs28.x' exists already" in capsys.readouterr().err
