"""Servers that a test starts for itself and ends: registries over a folder of its own."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import requests

_PATIENCE = 30  # seconds


def free_port() -> int:
    """A port of the loopback address that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def running(command: Sequence[str | Path], log: Path, ready: Callable[[], bool]) -> Iterator[None]:
    """A server, from when it answers on."""
    with log.open("ab") as stream:
        process = subprocess.Popen(
            command, stdout=stream, stderr=stream, env={**os.environ, "OTEL_TRACES_EXPORTER": "none"}
        )
    try:
        deadline = time.monotonic() + _PATIENCE
        while not ready():
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)
        yield
    finally:
        process.terminate()
        process.wait(_PATIENCE)


@contextmanager
def registry_over(root: Path) -> Iterator[str]:
    """The address of a registry that keeps its files in a folder, and nothing in memory."""
    host = f"127.0.0.1:{free_port()}"
    root.mkdir(parents=True, exist_ok=True)
    config = root.with_suffix(".json")
    storage = {"filesystem": {"rootdirectory": str(root)}, "delete": {"enabled": True}}
    config.write_text(
        json.dumps({"version": 0.1, "storage": storage, "http": {"addr": host}, "log": {"level": "warn"}})
    )

    def ready() -> bool:
        try:
            return requests.get(f"http://{host}/v2/", timeout=5).status_code == 200
        except requests.ConnectionError:
            return False

    with running(["docker-registry", "serve", config], root.with_suffix(".log"), ready):
        yield host
