"""Our own bootstraps: laid out alike from every checkout."""

from __future__ import annotations

from pathlib import Path

import pytest

from factory.app.project import Project
from factory.build.bootstraps import folder, lay_out
from factory.cli.main import main
from factory.files import read_folder
from tests.support import REAL, TOOLCHAINS


@pytest.fixture
def source(tmp_path: Path) -> Path:
    made = tmp_path / "bootstraps" / "node"
    (made / "lib").mkdir(parents=True)
    (made / "bootstrap").write_text("#!/bin/sh\n")
    (made / "bootstrap").chmod(0o700)
    (made / "lib" / "index.js").write_text("1\n")
    (made / "lib" / "index.js").chmod(0o664)
    return made


def _lay_out(build: Path, source: Path) -> Path:
    lay_out(build, "node", read_folder(source))
    return folder(build, "node")


def _laid_out(top: Path) -> dict[str, tuple[str, int, float]]:
    return {
        str(file.relative_to(top)): (file.read_text(), file.stat().st_mode & 0o777, file.stat().st_mtime)
        for file in top.rglob("*")
        if file.is_file()
    }


def test_modes_and_times_are_those_of_no_checkout(source: Path, tmp_path: Path) -> None:
    made = _lay_out(tmp_path / "build", source)
    assert _laid_out(made) == {"bootstrap": ("#!/bin/sh\n", 0o755, 0), "lib/index.js": ("1\n", 0o644, 0)}
    assert (made / "lib").stat().st_mtime == 0


def test_what_is_gone_from_the_sources_is_gone_from_the_context(source: Path, tmp_path: Path) -> None:
    _lay_out(tmp_path / "build", source)
    (source / "lib" / "index.js").rename(source / "lib" / "main.js")
    assert _laid_out(_lay_out(tmp_path / "build", source)).keys() == {"bootstrap", "lib/main.js"}


def test_an_unchanged_bootstrap_is_not_touched(source: Path, tmp_path: Path) -> None:
    before = (_lay_out(tmp_path / "build", source) / "bootstrap").stat().st_ctime_ns
    assert (_lay_out(tmp_path / "build", source) / "bootstrap").stat().st_ctime_ns == before


def test_what_broke_off_is_laid_out_again(source: Path, tmp_path: Path) -> None:
    made = _lay_out(tmp_path / "build", source)
    (made / "bootstrap").unlink()
    made.with_name("node.key").unlink()
    assert _laid_out(_lay_out(tmp_path / "build", source)).keys() == {"bootstrap", "lib/index.js"}


def test_the_known_ones_are_the_folders(source: Path, tmp_path: Path) -> None:
    (tmp_path / "bootstraps" / "README.md").write_text("")
    known = Project(REAL, tmp_path / "matrix.lock", tmp_path).bootstraps
    assert known == {"node": read_folder(source)}


def test_without_any_folder_there_are_none(tmp_path: Path) -> None:
    assert Project(REAL, tmp_path / "matrix.lock", tmp_path).bootstraps == {}


def test_rendering_lays_out_every_bootstrap_that_a_dockerfile_copies(tmp_path: Path) -> None:
    assert main(["render", "--matrix", str(TOOLCHAINS), "-o", str(tmp_path)]) == 0
    assert (folder(tmp_path, "dotnet") / "compile").is_file()
