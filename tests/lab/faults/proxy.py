"""A proxy in front of a real registry: it injects faults by rules, and remembers what each tag was put with."""

from __future__ import annotations

import http.client
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

_CHUNK = 1 << 16
_HOP = frozenset(("connection", "keep-alive", "transfer-encoding", "content-length"))


@dataclass(frozen=True)
class Answer:
    """Answered instead of the registry, which never hears of the request."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b'{"errors": [{"code": "UNKNOWN", "message": "injected"}]}'


@dataclass(frozen=True)
class Cut:
    """The connection ends: before the registry heard of the request, within its answer, or with the answer lost."""

    when: str = "before"  # or "within", "after"


@dataclass(frozen=True)
class Slow:
    """The registry takes its time."""

    seconds: float


@dataclass(frozen=True)
class Call:
    """Something happens at that very moment; then the request goes on."""

    act: Callable[[], None]


Action = Answer | Cut | Slow | Call


@dataclass
class Rule:
    """What happens to requests whose method and path match: to the first `times` of them after `skip` others."""

    method: str
    path: str
    action: Action
    times: int | None = 1
    skip: int = 0

    def takes(self, method: str, path: str) -> bool:
        """Whether it is this rule's turn; counts."""
        if not (re.fullmatch(self.method, method) and re.search(self.path, path)) or self.times == 0:
            return False
        if self.skip:
            self.skip -= 1
            return False
        if self.times is not None:
            self.times -= 1
        return True


class Proxy:
    """Listens on a free port of the loopback address. It remembers every tag that was put."""

    def __init__(self, upstream: str) -> None:
        self.upstream = upstream
        self.rules: list[Rule] = []
        self._tags: list[tuple[str, str, str]] = []
        self.injected = 0
        self._lock = threading.Lock()
        self._server = _Server(self)

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def host(self) -> str:
        """Its address, as it stands before a repository's name."""
        return f"127.0.0.1:{self._server.server_address[1]}"

    def action(self, method: str, path: str) -> Action | None:
        """What is to happen to a request."""
        with self._lock:
            rule = next((rule for rule in self.rules if rule.takes(method, path)), None)
            self.injected += rule is not None
        return rule.action if rule else None

    def note(self, path: str, digest: str | None) -> None:
        """Remembers that the registry took a manifest under a tag."""
        match = re.fullmatch(r"/v2/(.+)/manifests/([^/:]+)", path)
        if match and digest:
            with self._lock:
                self._tags.append((match[1], match[2], digest))

    def tags(self, repository: str) -> list[tuple[str, str]]:
        """Every (name of tag, digest) put in a repository, in order."""
        with self._lock:
            return [(tag, digest) for name, tag, digest in self._tags if name == repository]


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, proxy: Proxy) -> None:
        self.proxy = proxy
        super().__init__(("127.0.0.1", 0), _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that was killed says nothing about the proxy."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def log_message(self, *_: Any) -> None:
        return

    def __getattr__(self, name: str) -> Any:
        if name.startswith("do_"):
            return self._serve
        raise AttributeError(name)

    def handle(self) -> None:
        if self.connection.recv(1, socket.MSG_PEEK) == b"\x16":  # docker tries TLS first, everywhere
            self.connection.recv(_CHUNK)
            self.wfile.write(b"HTTP/1.0 400 Bad Request\r\n\r\nthis is HTTP\n")
        else:
            super().handle()

    def _serve(self) -> None:
        action = self.server.proxy.action(self.command, self.path)
        if isinstance(action, Slow):
            time.sleep(action.seconds)
        if isinstance(action, Call):
            action.act()
        if isinstance(action, Answer):
            for _ in self._body():
                pass
            self._reply(action.status, action.headers, action.body)
        elif action == Cut("before"):
            self._hang_up()
        else:
            self._pass_on(action)

    def _pass_on(self, action: Action | None) -> None:
        upstream = http.client.HTTPConnection(self.server.proxy.upstream, timeout=120)
        try:
            headers = {name: value for name, value in self.headers.items() if name.lower() not in _HOP}
            length = self.headers.get("Content-Length")
            if length is not None:
                headers["Content-Length"] = length
            chunked = "chunked" in self.headers.get("Transfer-Encoding", "")
            body = self._body() if chunked or length else None
            upstream.request(self.command, self.path, body, headers, encode_chunked=chunked)
            answer = upstream.getresponse()
            if self.command == "PUT" and answer.status == 201:
                self.server.proxy.note(self.path, answer.headers.get("Docker-Content-Digest"))
            if action == Cut("after"):
                self._hang_up()
            else:
                self._stream(answer, cut=action == Cut("within"))
        finally:
            upstream.close()

    def _stream(self, answer: http.client.HTTPResponse, cut: bool) -> None:
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in _HOP:
                self.send_header(name, value)
        if self.command == "HEAD" or answer.status in (204, 304):
            self.send_header("Content-Length", answer.headers.get("Content-Length", "0"))
            self.end_headers()
            return
        if answer.length is None:
            content = answer.read()
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)
            return
        self.send_header("Content-Length", str(answer.length))
        self.end_headers()
        if cut:
            self.wfile.write(answer.read(answer.length // 2))
            self._hang_up()
            return
        while chunk := answer.read(_CHUNK):
            self.wfile.write(chunk)

    def _reply(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _body(self) -> Iterator[bytes]:
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            while size := int(self.rfile.readline().split(b";")[0], 16):
                yield self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return
        rest = int(self.headers.get("Content-Length") or 0)
        while rest and (chunk := self.rfile.read(min(rest, _CHUNK))):
            rest -= len(chunk)
            yield chunk

    def _hang_up(self) -> None:
        self.close_connection = True
        self.wfile.flush()
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)
