"""A real browser: Chromium, driven through WebDriver as the W3C specifies it."""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import requests

_ELEMENT = "element-6066-11e4-a52e-4f735466cecf"  # WebDriver's key for a reference to an element
_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


class Browser:
    """One window."""

    def __init__(self, session: str) -> None:
        self._session = session

    def open(self, url: str) -> None:
        """Loads a page."""
        self._post("url", {"url": url})

    def resize(self, width: int, height: int) -> None:
        """Sets the window's size in pixels."""
        self._post("window/rect", {"width": width, "height": height})

    def run(self, script: str) -> Any:
        """What a function body returns in the page."""
        return self._post("execute/sync", {"script": script, "args": []})

    def write(self, selector: str, text: str) -> None:
        """Types into a field, as a person does."""
        found = self._post("element", {"using": "css selector", "value": selector})
        self._post(f"element/{found[_ELEMENT]}/value", {"text": text})

    def _post(self, path: str, body: dict[str, Any]) -> Any:
        answer = requests.post(f"{self._session}/{path}", json=body, timeout=60).json()["value"]
        assert not (isinstance(answer, dict) and "error" in answer), answer
        return answer


def available() -> bool:
    """Whether Chromium and its driver are installed."""
    return shutil.which("chromedriver") is not None


@contextmanager
def browser() -> Iterator[Browser]:
    """A window that is gone afterwards."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with (
        tempfile.TemporaryDirectory() as profile,
        subprocess.Popen(
            ["chromedriver", f"--port={port}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as driver,
    ):
        try:
            session = _session(f"http://127.0.0.1:{port}", profile)
            yield Browser(session)
            requests.delete(session, timeout=60)
        finally:
            driver.terminate()


def _session(driver: str, profile: str) -> str:
    options = {"args": [*_FLAGS, f"--user-data-dir={profile}"]}
    body = {"capabilities": {"alwaysMatch": {"browserName": "chrome", "goog:chromeOptions": options}}}
    for _ in range(100):
        try:
            answer = requests.post(f"{driver}/session", json=body, timeout=120).json()["value"]
            return f"{driver}/session/{answer['sessionId']}"
        except requests.ConnectionError:
            time.sleep(0.1)
    raise TimeoutError("chromedriver does not answer")
