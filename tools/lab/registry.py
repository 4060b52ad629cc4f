"""Debian's docker-registry on the loopback address, and the little of its protocol that the lab speaks."""

from __future__ import annotations

import hashlib
import http.client
import json
import shutil
from typing import Any

from tools.lab.daemon import Daemon
from tools.lab.errors import LabError, MissingError
from tools.lab.layers import Layer
from tools.lab.settings import Settings

MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
INDEX = "application/vnd.docker.distribution.manifest.list.v2+json"


class Server(Daemon):
    """The registry process of one port."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings, "registry", settings.port)
        self.config = self.stem.with_suffix(".json")

    def mark(self) -> str:
        """Its configuration."""
        return str(self.config)

    def command(self) -> list[str]:
        """docker-registry with a configuration of ours."""
        program = shutil.which("docker-registry")
        if program is None:
            raise MissingError("docker-registry is not installed: apt-get install docker-registry")
        self._write_config()
        return [program, "serve", str(self.config)]

    def _write_config(self) -> None:
        # JSON is YAML. Loopback only; deletion on, because tests push and clean up here too.
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

    def answers(self) -> bool:
        """Whether the registry's API does."""
        try:
            return Client(self.settings.port).ping()
        except OSError:
            return False


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
