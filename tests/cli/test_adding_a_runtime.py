"""docs/adding-a-runtime.md, carried out on a copy: one table, four images, and nothing else moves."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from factory.app.project import load_matrix as load
from factory.cli.main import main
from tests.support import REAL, ROOT, real, renderer_of

NEW, LIKE = "python3.16", "python3.15"
PAGE = (ROOT / "docs" / "adding-a-runtime.md").read_text()


@pytest.fixture
def matrix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the repository's matrix with the new runtime in it."""
    file = tmp_path / "matrix.toml"
    file.write_text(REAL.read_text())
    monkeypatch.setenv("FACTORY_MATRIX", str(file))
    monkeypatch.setenv("FACTORY_LOCK", str(tmp_path / "matrix.lock"))
    assert main(["new", NEW, "--like", LIKE]) == 0
    return file


def test_the_page_shows_the_table_that_is_written(matrix: Path) -> None:
    (shown,) = re.findall(rf'```toml\n(\[runtimes\."{re.escape(NEW)}"\]\n(?:.+\n)+)```', PAGE)
    text = matrix.read_text()
    assert text.replace(f"{shown}\n", "", 1) == REAL.read_text()
    assert len(shown.splitlines()) <= 6


def test_one_table_is_four_images(matrix: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert main(["list", NEW, "--format", "json"]) == 0
    listed = {image["name"]: image for image in json.loads(capsys.readouterr().out)}
    assert listed.keys() == {f"{stem}-{arch}" for stem in (NEW, f"build-{NEW}") for arch in ("x86_64", "arm64")}
    assert {image["source"] for image in listed.values()} == {"public.ecr.aws/lambda/python:3.16"}
    assert {image["status"] for image in listed.values()} == {"preview"}


def test_only_its_own_dockerfiles_are_new_and_they_lint(matrix: Path, tmp_path: Path) -> None:
    before, after = renderer_of(real()).all(), renderer_of(load(matrix)).all()
    assert after.keys() - before.keys() == {NEW, f"build-{NEW}"}
    assert {stem: after[stem] for stem in before} == before
    assert main(["render", "--output", str(tmp_path / "rendered"), "--quiet"]) == 0
    files = [tmp_path / "rendered" / "dockerfiles" / stem / "Dockerfile" for stem in (NEW, f"build-{NEW}")]
    hadolint = Path(sys.executable).with_name("hadolint")
    done = subprocess.run([hadolint, "--config", ROOT / ".hadolint.yaml", *files], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_its_dockerfiles_are_its_likes_with_another_version(matrix: Path) -> None:
    rendered = renderer_of(load(matrix)).all()
    for stem in ("", "build-"):
        like = rendered[stem + LIKE].replace("3.15-preview", "3.15")
        assert rendered[stem + NEW] == like.replace(LIKE, NEW).replace("3.15", "3.16")


def test_the_page_names_no_other_file_to_edit() -> None:
    commands = re.findall(r"^uv run factory (\w+)", PAGE, re.MULTILINE)
    assert {"new", "list", "diff", "lock", "release"} <= set(commands)
