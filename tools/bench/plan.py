"""`factory plan --stale`, and `release --stale`, over the whole matrix when nothing changed: seconds, and what the
registry is asked.

Published for it are manifests with our labels and the records of their tests, but without layers: the plan reads no
layer. Requests are counted by a proxy, seconds are taken without it.
"""

from __future__ import annotations

import json
import os
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from factory.app.app import App
from factory.app.options import Everywhere, mirror
from factory.build.records import CheckResult, Record, TestResult, document
from factory.matrix.images import Image, expand
from factory.plan.keys import INPUTS_LABEL, LABEL
from factory.registry.manifests import OCI_MANIFEST, Manifest
from factory.registry.references import Repository
from factory.registry.referrers import Referrers
from tools.bench.clock import FACTORY, middle, row, wall

_ROUNDS = 5
_NAME = "bench/plan"


def main() -> None:
    """Median of some rounds, and the requests of one by kind."""
    host = os.environ["FACTORY_REGISTRY"].partition("/")[0]
    app = _app(Repository(host, _NAME))
    images = expand(app.matrix)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda image: _publish(app, image), images))
    plan = [FACTORY, "plan", "--stale", "--format", "json"]
    release = [FACTORY, "release", "--stale"]
    times = [
        [wall(command, {"FACTORY_REGISTRY": f"{host}/{_NAME}"}) for command in (plan, release)] for _ in range(_ROUNDS)
    ]
    planned, released = zip(*times, strict=True)
    with _counted(host) as (address, requests):
        wall(plan, {"FACTORY_REGISTRY": f"{address}/{_NAME}"})
    print(f"\n{len(images)} images, nothing changed; medians of {_ROUNDS} alternating rounds.\n")
    row("what", "seen", "goal")
    row("-", "-", "-")
    row("`plan --stale`, seconds", middle(planned), 5)
    row("`release --stale`, seconds", middle(released), 5)
    for kind, number in sorted(requests.items()):
        row(f"requests: {kind}", number, "")
    row("requests an image", round(sum(requests.values()) / len(images), 2), "")


def _app(repository: Repository) -> App:
    """As the commands that are measured see it: what is not executed has another test, too."""
    lock, skipped = Path(os.environ["FACTORY_LOCK"]), os.environ.get("FACTORY_SKIP_TESTS")
    mirrors = [mirror(word) for word in os.environ["FACTORY_MIRROR"].replace(",", " ").split()]
    skip_tests = Path(skipped) if skipped else None
    return App(Everywhere(lock=lock, registry=str(repository), mirror=mirrors, skip_tests=skip_tests))


def _publish(app: App, image: Image) -> None:
    """What a push leaves of an image, but for its layers."""
    inputs = app.inputs_of(image)
    config = json.dumps({"config": {"Labels": {LABEL: inputs.key, INPUTS_LABEL: inputs.text}}}).encode()
    digest = app.registry.put_blob(app.repository, config)
    kind = "application/vnd.oci.image.config.v1+json"
    content = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": {"mediaType": kind, "digest": digest, "size": len(config)},
        "layers": [],
    }
    manifest = Manifest(OCI_MANIFEST, json.dumps(content).encode())
    for tag in (image.name, image.dated_tag(app.today)):
        app.registry.put(app.repository, tag, manifest)
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    tests = TestResult(app.tests_keys([image])[image], now, (CheckResult("runs", True, 1.0),))
    record = Record(
        digest=manifest.digest, media_type=OCI_MANIFEST, name=image.name, inputs_key=inputs.key, inputs=inputs,
        built=now, build_seconds=60.0, size=1, tests=tests,
    )  # fmt: skip
    Referrers(app.registry, app.repository, Path("build/locks")).attach(manifest, document(record))


@contextmanager
def _counted(host: str) -> Iterator[tuple[str, Counter[str]]]:
    """The address of a proxy before a registry, and its count of requests by method and kind."""
    count: Counter[str] = Counter()

    class Proxy(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            count[f"GET {self.path.partition(_NAME + '/')[2].partition('/')[0] or self.path}"] += 1
            upstream = HTTPConnection(host)
            upstream.request("GET", self.path, headers={"Accept": self.headers.get("Accept", "*/*")})
            answer = upstream.getresponse()
            body = answer.read()
            self.send_response(answer.status)
            for name in ("Content-Type", "Docker-Content-Digest", "Link"):
                if value := answer.getheader(name):
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Says nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Proxy) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_port}", count
        finally:
            server.shutdown()
            thread.join()
