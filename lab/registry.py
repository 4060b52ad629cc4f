"""Debian's docker-registry on the loopback address, and the little of its protocol that the lab speaks."""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

from lab.errors import LabError, MissingError
from lab.layers import Layer
from lab.settings import Settings
from lab.store import say

MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
INDEX = "application/vnd.docker.distribution.manifest.list.v2+json"


class Server:
    """The registry process of one port: started, found again and ended by its pid file."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        stem = settings.state / f"lab-registry-{settings.port}"
        self.config = stem.with_suffix(".json")
        self.pidfile = stem.with_suffix(".pid")
        self.log = stem.with_suffix(".log")

    def pid(self) -> int | None:
        """The process that this lab started, if it still runs; a number alone may be another's by now."""
        try:
            pid = int(self.pidfile.read_text())
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except (OSError, ValueError):
            return None
        return pid if str(self.config).encode() in words else None

    def up(self) -> None:
        """Start the registry unless it runs."""
        if self.pid() is not None and self._answers():
            return
        if self._occupied():
            port = self.settings.port
            raise LabError(
                f"port {port} is taken by something that the lab did not start: end it, or choose another port, "
                f"as in LAB_PORT={port + 1000} scripts/lab up"
            )
        program = shutil.which("docker-registry")
        if program is None:
            raise MissingError("docker-registry is not installed: apt-get install docker-registry")
        self._write_config()
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                [program, "serve", str(self.config)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                env={"PATH": os.environ.get("PATH", ""), "OTEL_TRACES_EXPORTER": "none"},
            )  # fmt: skip
        self.pidfile.write_text(f"{process.pid}\n")
        deadline = time.monotonic() + 20
        while not self._answers():
            if process.poll() is not None or time.monotonic() > deadline:
                raise LabError(f"the registry did not start; its log is {self.log}")
            time.sleep(0.05)
        say(f"registry started on {self.settings.registry} (pid {process.pid}, log {self.log})")

    def down(self) -> bool:
        """End the registry; tell whether there was one."""
        pid = self.pid()
        if pid is None:
            return False
        os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + 15
        while self.pid() is not None:
            if _is_zombie(pid):
                break
            if time.monotonic() > deadline:
                raise LabError(f"the registry (pid {pid}) is still there after 15 s")
            time.sleep(0.05)
        self.pidfile.unlink(missing_ok=True)
        return True

    def _write_config(self) -> None:
        # JSON is YAML. Loopback only; deletion on, because tests push and clean up here too.
        self.settings.state.mkdir(parents=True, exist_ok=True)
        root = self.settings.cache / "registry"
        root.mkdir(parents=True, exist_ok=True)
        config = {
            "version": 0.1,
            "log": {"level": "warn", "accesslog": {"disabled": True}},
            "storage": {
                "filesystem": {"rootdirectory": str(root), "maxthreads": 100},
                "delete": {"enabled": True},
                "cache": {"blobdescriptor": "inmemory"},
            },
            "http": {"addr": self.settings.registry},
        }
        self.config.write_text(json.dumps(config, indent=2) + "\n")

    def root(self) -> str:
        """Where the running registry keeps its files, by the configuration that it was started with."""
        return str(json.loads(self.config.read_text())["storage"]["filesystem"]["rootdirectory"])

    def _answers(self) -> bool:
        try:
            return Client(self.settings.port).ping()
        except OSError:
            return False

    def _occupied(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.settings.port)) == 0


def _is_zombie(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except OSError:
        return True


class Client:
    """Pushes and looks up by plain HTTP, which loopback registries speak."""

    def __init__(self, port: int) -> None:
        self.port = port

    def ping(self) -> bool:
        """Tell whether a registry answers."""
        return self._ask("GET", "/v2/")[0] == 200

    def digest(self, repository: str, tag: str) -> str | None:
        """The digest of a tag, if the registry has it."""
        accept = {"Accept": f"{MANIFEST}, {INDEX}"}
        status, headers, _ = self._ask("HEAD", f"/v2/{repository}/manifests/{tag}", headers=accept)
        return headers.get("docker-content-digest") if status == 200 else None

    def manifest(self, repository: str, reference: str) -> dict[str, Any]:
        """A manifest or index."""
        accept = {"Accept": f"{MANIFEST}, {INDEX}"}
        status, _, body = self._ask("GET", f"/v2/{repository}/manifests/{reference}", headers=accept)
        if status != 200:
            raise LabError(f"the registry has no {repository}:{reference} (status {status})")
        return dict(json.loads(body))

    def push_blob(self, repository: str, content: bytes | Layer) -> None:
        """Upload a blob unless the repository has it."""
        digest = content.digest if isinstance(content, Layer) else sha256(content)
        if self._ask("HEAD", f"/v2/{repository}/blobs/{digest}")[0] == 200:
            return
        status, headers, _ = self._ask("POST", f"/v2/{repository}/blobs/uploads/")
        if status != 202:
            raise LabError(f"the registry refused an upload to {repository} (status {status})")
        location = headers["location"].split(f":{self.port}", 1)[-1]
        path = f"{location}{'&' if '?' in location else '?'}digest={digest}"
        if isinstance(content, Layer):
            with content.path.open("rb") as file:
                self._put_blob(path, file, content.size)
        else:
            self._put_blob(path, content, len(content))

    def _put_blob(self, path: str, body: Any, size: int) -> None:
        sent = {"Content-Type": "application/octet-stream", "Content-Length": str(size)}
        status, _, answer = self._ask("PUT", path, body=body, headers=sent)
        if status != 201:
            raise LabError(f"the registry refused a blob at {path}: {answer[:200]!r}")

    def push_manifest(self, repository: str, reference: str, content: bytes, media_type: str) -> str:
        """Store a manifest under a tag and return its digest."""
        path = f"/v2/{repository}/manifests/{reference}"
        status, headers, answer = self._ask("PUT", path, body=content, headers={"Content-Type": media_type})
        if status != 201:
            raise LabError(f"the registry refused {repository}:{reference}: {answer[:300]!r}")
        return headers["docker-content-digest"]

    def _ask(
        self, method: str, path: str, *, body: Any = None, headers: dict[str, str] | None = None
    ) -> tuple[int, dict[str, str], bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        try:
            connection.request(method, path, body=body, headers=headers or {})
            answer = connection.getresponse()
            return answer.status, {key.lower(): value for key, value in answer.getheaders()}, answer.read()
        finally:
            connection.close()


def sha256(content: bytes) -> str:
    """A digest as registries write it."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"
