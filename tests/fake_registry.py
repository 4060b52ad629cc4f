"""A real HTTP server on the loopback address that speaks the registry's manifest routes, and fails when told to."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

from factory.registry.manifests import OCI_INDEX, OCI_MANIFEST, Manifest
from factory.registry.references import Repository

_TOKEN = "secret-token"


@dataclass(frozen=True)
class Answer:
    """A prepared answer, given instead of the true one."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


class FakeRegistry:
    """Holds manifests by (repository, tag or digest) and blobs by digest. `requests` are the lines it was asked."""

    def __init__(self) -> None:
        self.manifests: dict[tuple[str, str], Manifest] = {}
        self.blobs: dict[str, bytes] = {}
        self.requests: list[str] = []
        self.failures: deque[Answer] = deque()
        self.challenge: str | None = None
        self.token_status = 200
        self.keeps_referrers = False
        self.referrers_page = 1000
        self.elsewhere = ""
        """Where uploads and blobs are, when that is another host: `http://127.0.0.1:5001`."""
        self.authorizations: list[str] = []
        self.digest_header = ""
        self.deletes = True
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self._server.server_address[1]}"

    def repository(self, name: str = "factory/lambda") -> Repository:
        return Repository(self.host, name)

    def demand_token(self) -> None:
        """Answers nobody from now on who has not fetched a token."""
        self.challenge = f'Bearer realm="http://{self.host}/token",service="fake",scope="ignored"'

    def image(self, repository: str, tag: str, architecture: str = "amd64", salt: str = "") -> Manifest:
        """Puts a plain image there; returns its manifest."""
        config = json.dumps({"architecture": architecture, "os": "linux", "salt": salt}).encode()
        digest = f"sha256:{hashlib.sha256(config).hexdigest()}"
        self.blobs[digest] = config
        document = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": {"digest": digest}, "layers": []}
        manifest = Manifest(OCI_MANIFEST, json.dumps(document).encode())
        self.keep(repository, tag, manifest)
        return manifest

    def index(self, repository: str, tag: str, *platforms: str, salt: str = "") -> dict[str, str]:
        """Puts an index of images there; returns the digest for each platform, `linux/amd64`."""
        members = {platform: self._member(repository, platform, salt) for platform in platforms}
        entries = [
            {
                "digest": manifest.digest,
                "platform": {"os": platform.split("/")[0], "architecture": platform.split("/")[1]},
            }
            for platform, manifest in members.items()
        ]
        content = json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries}).encode()
        self.keep(repository, tag, Manifest(OCI_INDEX, content))
        return {platform: manifest.digest for platform, manifest in members.items()}

    def keep(self, repository: str, tag: str, manifest: Manifest) -> None:
        self.manifests[repository, tag] = manifest
        self.manifests[repository, manifest.digest] = manifest

    def tags(self, repository: str = "factory/lambda") -> dict[str, str]:
        """The digest of each tag of a repository."""
        return {
            tag: manifest.digest
            for (name, tag), manifest in self.manifests.items()
            if name == repository and not tag.startswith("sha256:")
        }

    def attached(self, repository: str = "factory/lambda") -> dict[str, str]:
        """The digest of the index of referrers of each image, out of `tags`."""
        return {tag: digest for tag, digest in self.tags(repository).items() if tag.startswith("sha256-")}

    def written(self) -> list[str]:
        """The tags that were put, in order."""
        return [line.rpartition("/")[2] for line in self.requests if line.startswith("PUT ")]

    def _member(self, repository: str, platform: str, salt: str) -> Manifest:
        tag = f"member-{platform.replace('/', '-')}{salt}"
        manifest = self.image(repository, tag, platform.split("/")[1], salt)
        del self.manifests[repository, tag]
        return manifest

    def answer(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Answer:
        self.requests.append(f"{method} {target}")
        self.authorizations.append(headers.get("Authorization", ""))
        path = urlsplit(target)
        if path.path == "/token":
            scope = parse_qs(path.query).get("scope", [""])[0]
            return Answer(self.token_status, body=json.dumps({"token": f"{_TOKEN}/{scope}"}).encode())
        if self.failures:
            return self.failures.popleft()
        if self.challenge and not headers.get("Authorization", "").startswith((f"Bearer {_TOKEN}/", "Basic ")):
            return Answer(401, {"WWW-Authenticate": self.challenge})
        query = parse_qs(path.query)
        if match := re.fullmatch(r"/v2/(.+)/tags/list", path.path):
            return self._tag_page(match[1], query)
        if match := re.fullmatch(r"/v2/(.+)/referrers/([^/]+)", path.path):
            return self._referrers(match[1], match[2], int(query.get("from", ["0"])[0]))
        if match := re.fullmatch(r"/v2/(.+)/blobs/uploads/(\d*)", path.path):
            return self._upload(method, match[1], query, body)
        if match := re.fullmatch(r"/v2/(.+)/blobs/([^/]+)", path.path):
            if self.elsewhere and method == "GET":
                return Answer(307, {"Location": f"{self.elsewhere}{target}"})
            return Answer(200, body=self.blobs[match[2]]) if match[2] in self.blobs else Answer(404)
        if match := re.fullmatch(r"/v2/(.+)/manifests/([^/]+)", path.path):
            return self._manifest(method, match[1], match[2], headers, body)
        return Answer(404)

    def _manifest(self, method: str, name: str, reference: str, headers: Mapping[str, str], body: bytes) -> Answer:
        if method == "PUT":
            manifest = Manifest(headers.get("Content-Type", ""), body)
            self.keep(name, reference, manifest)
            return Answer(201, {"OCI-Subject": "yes"} if self.keeps_referrers and b'"subject"' in body else {})
        if method == "DELETE":
            return self._delete(name, reference)
        found = self.manifests.get((name, reference))
        if found is None:
            return Answer(404)
        told = {"Docker-Content-Digest": self.digest_header} if self.digest_header else {}
        return Answer(200, {"Content-Type": found.media_type, **told}, found.content)

    def _tag_page(self, name: str, query: Mapping[str, list[str]]) -> Answer:
        """A page of tags: two, so that a reader has to turn it."""
        tags = sorted(self.tags(name))
        rest = [tag for tag in tags if tag > query.get("last", [""])[0]]
        if not tags:
            return Answer(404)
        link = {"Link": f'</v2/{name}/tags/list?n=2&last={rest[1]}>; rel="next"'} if len(rest) > 2 else {}
        return Answer(200, link, json.dumps({"name": name, "tags": rest[:2]}).encode())

    def _referrers(self, name: str, digest: str, start: int) -> Answer:
        if not self.keeps_referrers:
            return Answer(404)
        if all(repository != name for repository, _ in self.manifests):
            return Answer(404, body=b'{"errors": [{"code": "NAME_UNKNOWN"}]}')
        entries = [
            {"digest": key, "artifactType": found["artifactType"], "annotations": found.get("annotations", {})}
            for (repository, key), manifest in self.manifests.items()
            if repository == name and (found := manifest.json()).get("subject", {}).get("digest") == digest
        ]
        end = start + self.referrers_page
        index = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries[start:end]}
        more = {"Link": f'</v2/{name}/referrers/{digest}?from={end}>; rel="next"'} if entries[end:] else {}
        return Answer(200, {"Content-Type": OCI_INDEX, **more}, json.dumps(index).encode())

    def _upload(self, method: str, name: str, query: Mapping[str, list[str]], body: bytes) -> Answer:
        if method == "POST":
            return Answer(202, {"Location": f"{self.elsewhere}/v2/{name}/blobs/uploads/1?state=x"})
        digest = f"sha256:{hashlib.sha256(body).hexdigest()}"
        if query.get("digest") != [digest] or query.get("state") != ["x"]:
            return Answer(400)
        self.blobs[digest] = body
        return Answer(201)

    def _delete(self, name: str, digest: str) -> Answer:
        if not self.deletes:
            return Answer(405)
        gone = [key for key, manifest in self.manifests.items() if key[0] == name and manifest.digest == digest]
        for key in gone:
            del self.manifests[key]
        return Answer(202 if gone else 404)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        registry = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self._serve()

            def do_HEAD(self) -> None:
                self._serve()

            def do_PUT(self) -> None:
                self._serve()

            def do_POST(self) -> None:
                self._serve()

            def do_DELETE(self) -> None:
                self._serve()

            def log_message(self, *_: Any) -> None:
                return

            def _serve(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                answer = registry.answer(self.command, self.path, dict(self.headers.items()), body)
                self.send_response(answer.status)
                self.close_connection |= "Content-Length" in answer.headers  # prepared to break off
                for name, value in {"Content-Length": str(len(answer.body)), **answer.headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(answer.body)

        return Handler
