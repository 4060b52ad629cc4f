"""Our own bootstraps: staged alike from every checkout."""

from __future__ import annotations

from pathlib import Path

import pytest

from factory.build import bootstraps
from factory.cli.main import main
from tests.support import TOOLCHAINS


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(bootstraps, "FOLDER", tmp_path / "bootstraps")
    made = tmp_path / "bootstraps" / "node"
    (made / "lib").mkdir(parents=True)
    (made / "bootstrap").write_text("#!/bin/sh\n")
    (made / "bootstrap").chmod(0o700)
    (made / "lib" / "index.js").write_text("1\n")
    (made / "lib" / "index.js").chmod(0o664)
    return made


def _staged(build: Path) -> dict[str, tuple[str, int, float]]:
    top = bootstraps.staged(build, "node")
    return {
        str(file.relative_to(top)): (file.read_text(), file.stat().st_mode & 0o777, file.stat().st_mtime)
        for file in top.rglob("*")
        if file.is_file()
    }


def test_modes_and_times_are_those_of_no_checkout(folder: Path, tmp_path: Path) -> None:
    bootstraps.stage(tmp_path / "build", "node")
    assert _staged(tmp_path / "build") == {"bootstrap": ("#!/bin/sh\n", 0o755, 0), "lib/index.js": ("1\n", 0o644, 0)}
    assert (bootstraps.staged(tmp_path / "build", "node") / "lib").stat().st_mtime == 0


def test_what_is_gone_from_the_sources_is_gone_from_the_context(folder: Path, tmp_path: Path) -> None:
    bootstraps.stage(tmp_path / "build", "node")
    (folder / "lib" / "index.js").rename(folder / "lib" / "main.js")
    bootstraps.stage(tmp_path / "build", "node")
    assert _staged(tmp_path / "build").keys() == {"bootstrap", "lib/main.js"}


def test_an_unchanged_bootstrap_is_not_touched(folder: Path, tmp_path: Path) -> None:
    bootstraps.stage(tmp_path / "build", "node")
    before = (bootstraps.staged(tmp_path / "build", "node") / "bootstrap").stat().st_ctime_ns
    bootstraps.stage(tmp_path / "build", "node")
    assert (bootstraps.staged(tmp_path / "build", "node") / "bootstrap").stat().st_ctime_ns == before


def test_the_known_ones_are_the_folders(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "bootstraps" / "README.md").write_text("")
    assert bootstraps.known() == ["node"]


def test_rendering_stages_every_bootstrap_that_a_dockerfile_copies(tmp_path: Path) -> None:
    assert main(["render", "--matrix", str(TOOLCHAINS), "-o", str(tmp_path)]) == 0
    assert (bootstraps.staged(tmp_path, "dotnet") / "compile").is_file()
