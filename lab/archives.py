"""Stand-ins for archives that upstream has on the web: files below one directory, served over plain HTTP.

A file that upstream has at https://HOST/PATH is at http://127.0.0.1:PORT/HOST/PATH here.
"""

from __future__ import annotations

import hashlib
import http.client
import shutil
import sys
from pathlib import Path

from lab.daemon import Daemon
from lab.layers import Layer
from lab.settings import Settings


class FileServer(Daemon):
    """Python's own HTTP server on the port after the registry's."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings, "files", settings.port + 1)

    def mark(self) -> str:
        """The directory that it serves."""
        return str(folder(self.settings))

    def command(self) -> list[str]:
        """It serves what is there at the time of a request."""
        folder(self.settings).mkdir(parents=True, exist_ok=True)
        module = [sys.executable, "-m", "http.server", "--bind", "127.0.0.1"]
        return [*module, "--directory", self.mark(), str(self.port)]

    def answers(self) -> bool:
        """Whether it lists its directory."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("HEAD", "/")
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()


def folder(settings: Settings) -> Path:
    """Where the files are."""
    return settings.cache / "files"


def put(settings: Settings, name: str, layer: Layer) -> None:
    """Serve a layer as the archive HOST/PATH."""
    target = folder(settings) / name
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f"{target.name}.part")
    shutil.copyfile(layer.path, part)
    part.replace(target)


def digest(settings: Settings, name: str) -> str | None:
    """The digest of an archive, if it is there."""
    path = folder(settings) / name
    return f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}" if path.is_file() else None
