"""`factory new`: a table in the right place, all other text as it was, and nothing written that does not load."""

from __future__ import annotations

import difflib
import errno
import os
from pathlib import Path

import pytest

from factory.app.project import Project, load_matrix
from factory.cli.main import main
from factory.errors import UsageError
from factory.files import DiskError
from factory.matrix.images import expand
from factory.matrix.loading import MatrixError, parse
from factory.matrix.new import Addition, add
from tests.support import REAL, SMALL, changed, names, real, small_text

PYTHON = """\
[runtimes."python3.12"]
base = "al2"
family = "python"
version = "3.12"
lifecycle = { preview = true }
"""


def _add(name: str, like: str, preview_tag: bool = False, text: str | None = None) -> Addition:
    return add(small_text() if text is None else text, "matrix.toml", name, like, preview_tag)


def _project(folder: Path, content: str | bytes | None = None) -> Project:
    """A project of the small matrix, or of another text."""
    file = folder / "matrix.toml"
    content = SMALL.read_bytes() if content is None else content
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return Project(file, folder / "matrix.lock")


def _inserted(before: str, after: str) -> str:
    """What is new in a text that is otherwise the same."""
    lines = list(difflib.ndiff(before.splitlines(), after.splitlines()))
    assert [line for line in lines if line.startswith("- ")] == []
    return "\n".join(line[2:] for line in lines if line.startswith("+ ")).strip("\n") + "\n"


def test_the_table_says_what_sets_the_runtime_apart_and_takes_over_the_rest() -> None:
    added = _add("python3.12", "python3.11")
    text = added.text
    assert added.table == PYTHON + 'architectures = ["x86_64"]'
    assert _inserted(SMALL.read_text(), text) == PYTHON + 'architectures = ["x86_64"]\n'
    assert text.splitlines()[added.line - 1] == '[runtimes."python3.12"]'
    assert text.index("python3.11") < text.index("python3.12") < text.index("python3.9")
    assert names(image for image in expand(parse(text)) if image.runtime == "python3.12") == [
        "python3.12-x86_64",
        "build-python3.12-x86_64",
    ]


def test_an_archive_is_not_taken_over() -> None:
    """`python3.9` ends with a table of its own inside, below which the new one belongs."""
    assert _add("python3.12", "python3.9").text == SMALL.read_text() + "\n" + PYTHON


@pytest.mark.parametrize(
    ("name", "like", "version"),
    [
        ("nodejs28.x", "nodejs26.x", "28"),
        ("nodejs8.10", "nodejs6.10", "8.10"),
        ("provided.al2030", "provided.al2", "al2030"),
        ("python4", "python3.11", "4"),
    ],
)
def test_the_version_is_told_by_the_name(name: str, like: str, version: str) -> None:
    matrix = parse(_add(name, like).text)
    assert matrix.runtimes[name].version == version
    assert matrix.runtimes[name].lifecycle.preview
    assert matrix.runtimes[name].source is None


def test_the_preview_tag_is_taken_when_it_is_asked_for() -> None:
    matrix = parse(_add("nodejs28.x", "nodejs22.x", preview_tag=True).text)
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
    project = _project(tmp_path, text)
    before, line = project.matrix, project.add("python3.12", "python3.11", preview_tag=False).line
    after = project.matrix_file.read_bytes().decode()
    assert after.count("\r") in (0, after.count("\n"))
    assert _inserted(text, after) == PYTHON + 'architectures = ["x86_64"]\n'
    assert after.splitlines()[line - 1] == '[runtimes."python3.12"]'
    assert after.splitlines()[line - 2] == ""
    runtimes = list(load_matrix(project.matrix_file).runtimes)
    assert runtimes.pop(runtimes.index("python3.11") + 1) == "python3.12"
    assert runtimes == list(before.runtimes)


def test_a_comment_stays_with_what_it_is_about() -> None:
    about = changed(SMALL.read_text(), ('[runtimes."python3.9"]', '# About 3.9.\n[runtimes."python3.9"]'))
    both = changed(about, ('["x86_64"]\n\n# About', '["x86_64"]\n# About 3.11.\n\n# About'))
    text = _add("python3.12", "python3.11", text=both).text
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
    project = _project(tmp_path)
    with pytest.raises(UsageError, match=message):
        project.add(name, like, preview_tag)
    assert project.matrix_file.read_text() == SMALL.read_text()
    assert list(tmp_path.iterdir()) == [project.matrix_file]


def test_a_version_that_is_not_in_the_name_is_no_example() -> None:
    text = small_text(('version = "al2"', 'version = "alami"'))
    with pytest.raises(UsageError, match=r"the version 'alami' of 'provided.al2' is not in its name"):
        _add("provided.al4", "provided.al2", text=text)


def test_an_archive_alone_is_no_example() -> None:
    text = small_text(('source = "upstream.example/lambda/nodejs"\n', ""))
    with pytest.raises(UsageError, match=r"'nodejs6.10' comes from an archive"):
        _add("nodejs8.10", "nodejs6.10", text=text)


def test_what_does_not_load_is_not_written(tmp_path: Path) -> None:
    """The name of a base is taken."""
    text = small_text(('[runtimes."provided.al2"]', '[runtimes."al3"]'), ('"al2"\nlife', '"3"\nlife'))
    project = _project(tmp_path, text)
    with pytest.raises(UsageError, match="the tag 'al2-x86_64' belongs to"):
        project.add("al2", "al3", preview_tag=False)
    assert project.matrix_file.read_text() == text


def test_a_byte_order_mark_stays_and_stays_alone(tmp_path: Path) -> None:
    project = _project(tmp_path, b"\xef\xbb\xbf" + SMALL.read_bytes())
    added = project.add("python3.12", "python3.9", preview_tag=False)
    assert project.matrix_file.read_bytes() == b"\xef\xbb\xbf" + added.text.encode()
    assert added.text == SMALL.read_text() + "\n" + PYTHON


def test_a_link_to_the_matrix_stays_one(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    target = _project(tmp_path / "elsewhere").matrix_file
    link = tmp_path / "matrix.toml"
    link.symlink_to(target)
    added = Project(link, tmp_path / "matrix.lock").add("python3.12", "python3.9", preview_tag=False)
    assert link.is_symlink()
    assert target.read_text() == added.text


def test_a_write_that_breaks_off_leaves_the_old_matrix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = _project(tmp_path)

    def full(_handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DiskError):
        project.add("python3.12", "python3.9", preview_tag=False)
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [("matrix.toml", SMALL.read_text())]


def test_a_runtime_without_a_table_of_its_own_is_no_place() -> None:
    head, _, tail = SMALL.read_text().partition('[runtimes."provided.al2"]')
    text = (
        head
        + '[runtimes]\n"x1" = { base = "al2", family = "python", version = "1" }\n\n[runtimes."provided.al2"]'
        + tail
    )
    with pytest.raises(UsageError, match=r"'x1' has no table of its own"):
        _add("x2", "x1", text=text)


_LIKE = {like: runtime for like, runtime in real().runtimes.items() if runtime.version in like}


def _successor(like: str) -> str:
    return like.replace(_LIKE[like].version, "al99" if _LIKE[like].family == "provided" else "99", 1)


@pytest.mark.parametrize("like", [like for like in _LIKE if not _LIKE[like].family.startswith("dotnet")])
def test_the_real_matrix_takes_a_successor_of_every_runtime(like: str) -> None:
    added = _add(_successor(like), like, text=REAL.read_text())
    assert len(added.table.splitlines()) <= 6, added.table
    assert parse(added.text).runtimes[_successor(like)].base == _LIKE[like].base


@pytest.mark.parametrize("like", [like for like in _LIKE if _LIKE[like].family.startswith("dotnet")])
def test_the_sdk_of_a_successor_has_to_be_declared_first(like: str) -> None:
    with pytest.raises(MatrixError, match="unknown extra 'dotnet-sdk-99'"):
        _add(_successor(like), like, text=REAL.read_text())


def test_the_command_says_what_follows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _project(tmp_path)
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
