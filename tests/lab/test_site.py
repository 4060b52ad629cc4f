"""The catalogue in a real browser."""

from __future__ import annotations

from pathlib import Path

import pytest

from factory.cli.main import main
from tests.lab.browser import Browser, available, browser
from tests.support import REAL

pytestmark = [
    pytest.mark.lab,
    pytest.mark.skipif(not available(), reason="no chromedriver: `apt-get install chromium chromium-driver`"),
]

_SHOWN = "return [...document.querySelectorAll('#images article')].filter(a => !a.hidden).map(a => a.id)"


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The whole matrix as the lab's registry has it."""
    monkeypatch.chdir(REAL.parent)
    assert main(["catalogue", "--output", str(tmp_path), "--quiet"]) == 0
    return (tmp_path / "index.html").as_uri()


def shown(window: Browser) -> list[str]:
    names: list[str] = window.run(_SHOWN)
    return names


def test_people_find_what_they_type(page: str) -> None:
    with browser() as window:
        window.open(page)
        everything = shown(window)
        assert len(everything) > 100
        window.write("#text", "python3.13 arm64")
        assert shown(window) == ["python3.13-arm64", "build-python3.13-arm64"]
        assert window.run("return document.getElementById('count').textContent") == "2 images"
        window.write("#variant", "build")
        assert shown(window) == ["build-python3.13-arm64"]
        window.open(page + "#q=nodejs4.3")
        window.run("location.reload()")
        assert shown(window) == ["nodejs4.3-x86_64", "build-nodejs4.3-x86_64"]


def test_it_fits_a_phone(page: str) -> None:
    with browser() as window:
        window.resize(400, 800)
        window.open(page)
        window.run("document.querySelectorAll('details').forEach(d => d.open = true)")
        assert window.run("return document.documentElement.scrollWidth <= window.innerWidth")
        assert window.run("return getComputedStyle(document.body).fontSize") == "16px"
