"""`factory diff REV` against a git repository made for the test."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from factory.cli.main import main
from factory.render.diff import unified
from tests.support import ROOT, SMALL, changed

_AUTHOR = ("-c", "user.name=A", "-c", "user.email=a@b.example", "-c", "commit.gpgsign=false")


def _git(folder: Path, *words: str) -> None:
    subprocess.run(["git", *_AUTHOR, *words], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout of one commit with the small matrix and the real templates, and we are in it."""
    folder = tmp_path / "checkout"
    shutil.copytree(ROOT / "templates", folder / "templates")
    shutil.copy(SMALL, folder / "matrix.toml")
    _git(folder, "init", "--quiet")
    _git(folder, "add", ".")
    _git(folder, "commit", "--quiet", "--message=one")
    monkeypatch.chdir(folder)
    return folder


def _change(folder: Path, *changes: tuple[str, str]) -> None:
    file = folder / "matrix.toml"
    file.write_text(changed(file.read_text(), *changes))


def test_nothing_changed_is_no_output(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["diff", "HEAD"]) == 0
    assert capsys.readouterr().out == ""


def test_a_changed_handler_shows_in_its_run_images(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _change(checkout, ('handler = "lambda_function.lambda_handler"', 'handler = "main.handler"'))
    assert main(["diff", "HEAD"]) == 0
    out = capsys.readouterr().out
    assert out.count("--- a/") == 2
    assert "--- a/python3.11/Dockerfile\n+++ b/python3.11/Dockerfile\n" in out
    assert "-    _HANDLER=lambda_function.lambda_handler\n+    _HANDLER=main.handler\n" in out


def test_a_new_runtime_is_two_new_files(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = checkout / "matrix.toml"
    file.write_text(
        f'{file.read_text()}\n[runtimes."python3.14"]\nbase = "al2023"\nfamily = "python"\nversion = "3.14"\n'
    )
    assert main(["diff", "HEAD"]) == 0
    out = capsys.readouterr().out
    assert out.count("--- /dev/null") == 2
    assert "+++ b/build-python3.14/Dockerfile" in out
    assert not [line for line in out.splitlines() if line.startswith("-") and not line.startswith("---")]


def test_a_removed_runtime_is_two_files_less(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = (checkout / "matrix.toml").read_text()
    (checkout / "matrix.toml").write_text(text[: text.index('[runtimes."python3.9"]')])
    assert main(["diff", "HEAD"]) == 0
    assert capsys.readouterr().out.count("+++ /dev/null") == 2


def test_the_templates_of_the_revision_are_used(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = checkout / "templates" / "base-run.Dockerfile.j2"
    file.write_text(changed(file.read_text(), ("WORKDIR /var/task", "WORKDIR /once")))
    _git(checkout, "commit", "--all", "--quiet", "--message=two")
    assert main(["diff", "HEAD"]) == 0
    out = capsys.readouterr().out
    assert out.count("-WORKDIR /once\n+WORKDIR /var/task\n") == 3
    assert main(["diff", "HEAD~1"]) == 0
    assert capsys.readouterr().out == ""


def test_an_unknown_revision_is_bad_usage(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["diff", "no-such-revision"]) == 2
    assert "no-such-revision" in capsys.readouterr().err


def test_an_old_matrix_that_cannot_be_loaded_is_told_as_such(
    checkout: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _change(checkout, ("uid = 496", 'uid = "x"'))
    _git(checkout, "commit", "--all", "--quiet", "--message=broken")
    _change(checkout, ('uid = "x"', "uid = 496"))
    assert main(["diff", "HEAD"]) == 2
    assert "the matrix of HEAD cannot be loaded by this program" in capsys.readouterr().err


def test_a_folder_without_git_is_bad_usage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    shutil.copy(SMALL, tmp_path / "matrix.toml")
    monkeypatch.chdir(tmp_path)
    assert main(["diff", "HEAD"]) == 2
    assert "not a git repository" in capsys.readouterr().err


def test_a_matrix_in_no_folder_at_all_is_told_as_such(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["diff", "HEAD", "--matrix", "/no/such/folder/matrix.toml"]) == 2
    assert "/no/such/folder/matrix.toml" in capsys.readouterr().err


def test_differences_are_sorted_by_name() -> None:
    assert unified({"b": "1\n", "c": "1\n"}, {"b": "2\n", "a": "1\n", "c": "1\n"}) == (
        "--- /dev/null\n+++ b/a/Dockerfile\n@@ -0,0 +1 @@\n+1\n"
        "--- a/b/Dockerfile\n+++ b/b/Dockerfile\n@@ -1 +1 @@\n-1\n+2\n"
    )
