"""Images of the engine as OCI layouts, and builders that need them; the engine and buildx are stand-ins here."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest

from factory.build.engine import Engine, EngineError
from factory.build.layouts import Layouts
from factory.errors import UsageError
from tests.build.fake_engine import INDEX, FakeEngine

DIGEST = "sha256:" + 64 * "a"


def _layouts(engine: FakeEngine, folder: Path) -> Layouts:
    return Layouts(cast("Engine", engine), folder / "layouts")


def test_a_layout_is_written_once_and_holds_what_the_engine_gives(tmp_path: Path) -> None:
    engine = FakeEngine({"parent": DIGEST})
    context = _layouts(engine, tmp_path).context("parent")
    folder = tmp_path / "layouts" / (64 * "a")
    assert context == f"oci-layout://{folder}@{DIGEST}"
    assert (folder / "index.json").read_bytes() == INDEX
    assert (folder / "blobs" / "sha256" / (64 * "a")).stat().st_size == 5000
    assert _layouts(engine, tmp_path).context("parent") == context
    assert engine.saved == 1


def test_what_broke_off_is_no_layout_and_the_next_run_writes_it(tmp_path: Path) -> None:
    engine = FakeEngine({"parent": DIGEST})
    engine.breaks = True
    with pytest.raises(EngineError):
        _layouts(engine, tmp_path).context("parent")
    assert not (tmp_path / "layouts" / (64 * "a")).exists()
    engine.breaks = False
    assert _layouts(engine, tmp_path).context("parent")
    assert {file.name for file in (tmp_path / "layouts").iterdir() if file.is_dir()} == {64 * "a"}


def test_a_layout_goes_when_the_engine_has_its_image_no_longer(tmp_path: Path) -> None:
    engine = FakeEngine({"parent": DIGEST})
    _layouts(engine, tmp_path).context("parent")
    engine.images["parent"] = "sha256:" + 64 * "b"
    _layouts(engine, tmp_path).context("parent")
    assert {file.name for file in (tmp_path / "layouts").iterdir() if file.is_dir()} == {64 * "b"}


def test_a_parent_that_is_gone_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="the engine has no other, which others are built on"):
        _layouts(FakeEngine({"parent": DIGEST}), tmp_path).context("other")


@pytest.mark.parametrize("name", ["a:b", "a@b"])
def test_a_path_that_buildx_would_read_as_another_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=f"{name}/layouts: buildx ends a layout's path at ':' and '@'"):
        _layouts(FakeEngine({"parent": DIGEST}), tmp_path / name).context("parent")
