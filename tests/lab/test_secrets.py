"""A release with planted secrets: they are nowhere where others could read them."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import threading
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import requests

from factory.registry.references import Repository
from tests.lab import cosign
from tests.lab.faults.cases import free_port
from tests.lab.faults.proxy import Proxy
from tests.lab.faults.world import IMAGES, World

_USER, _SECRET = "planter", "planted-5ecret-9f2c71"
_HTPASSWD = "planter:$2y$05$oRg/OtVg8MgaRwXfQM.RHOprK9PThyMOcywshIY8hNvACnvsgWsaa\n"
_FORMS = (_SECRET.encode(), base64.b64encode(f"{_USER}:{_SECRET}".encode()))


def test_no_secret_is_left_where_others_read(tmp_path: Path) -> None:
    with _guarded(tmp_path / "store") as host, Proxy(host) as proxy, _arguments() as seen:
        world = World.make(tmp_path / "world", proxy)
        world.repository = Repository(host, world.repository.name)
        refused = world.call("release", "--variant", "run")
        assert refused.returncode == 1
        assert f"docker login {host}" in refused.stderr or "no basic auth" in refused.stderr
        world.extra |= _planted(tmp_path / "secrets", host)
        key = cosign.new_key(tmp_path / "secrets" / "cosign", world.extra)
        sign = ("--attest", "--sign", str(key), "--no-transparency-log")
        done = world.call("release", "--variant", "run", "--verbose", "--timing", *sign)
        assert done.returncode == 0, done.stderr
        checked = [
            world.call("verify", image, "--key", str(key.with_suffix(".pub")), "--no-transparency-log")
            for image in IMAGES
        ]
        assert [each.stderr for each in checked if each.returncode] == []
        said = "".join(run.stdout + run.stderr for run in (refused, done, *checked)).encode()
    assert len(seen) > 10
    assert all(any(program in line for line in seen) for program in (b"buildx", b"cosign\0sign\0", b"syft\0"))
    files = [file for folder in ("world", "store") for file in (tmp_path / folder).rglob("*") if file.is_file()]
    assert any(file.name == "data" for file in files)
    assert len(list((tmp_path / "world" / "build" / "records").iterdir())) == len(IMAGES)
    assert [name for name, content in _texts(said, seen, files) if any(form in content for form in _FORMS)] == []


def _texts(said: bytes, seen: set[bytes], files: list[Path]) -> Iterator[tuple[str, bytes]]:
    yield "what the runs said", said
    yield from (("an argument", line) for line in seen)
    for file in files:
        content = file.read_bytes()
        yield str(file), content
        with suppress(zlib.error):
            yield f"{file}, unpacked", zlib.decompress(content, wbits=31)


def _planted(folder: Path, host: str) -> dict[str, str]:
    """The environment of a run that has secrets: for the registry, for pip in the builds, for the signing key."""
    folder.mkdir()
    auth = {"auths": {host: {"auth": _FORMS[1].decode()}}}
    (folder / "config.json").write_text(json.dumps(auth))
    (folder / "pip.conf").write_text(f"[global]\nindex-url = http://{_USER}:{_SECRET}@127.0.0.1:9/simple/\n")
    return {
        "DOCKER_CONFIG": str(folder),
        "FACTORY_PIP_CONF": str(folder / "pip.conf"),
        **cosign.environment(_SECRET),
    }


@contextmanager
def _guarded(store: Path) -> Iterator[str]:
    """The address of a registry that demands a password."""
    store.mkdir()
    port = free_port()
    (store.parent / "htpasswd").write_text(_HTPASSWD)
    config = {
        "version": 0.1,
        "log": {"level": "warn", "accesslog": {"disabled": True}},
        "storage": {"filesystem": {"rootdirectory": str(store)}},
        "http": {"addr": f"127.0.0.1:{port}"},
        "auth": {"htpasswd": {"realm": "planted", "path": str(store.parent / "htpasswd")}},
    }
    file = store.parent / "registry.json"
    file.write_text(json.dumps(config))
    program = shutil.which("docker-registry")
    assert program
    with (store.parent / "registry.log").open("wb") as log:
        process = subprocess.Popen([program, "serve", str(file)], stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + 30
        while not _up(port):
            assert time.monotonic() < deadline
            time.sleep(0.1)
        yield f"127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


def _up(port: int) -> bool:
    try:
        return requests.get(f"http://127.0.0.1:{port}/v2/", timeout=5).status_code == 401
    except requests.RequestException:
        return False


@contextmanager
def _arguments() -> Iterator[set[bytes]]:
    """The arguments of all processes that were seen while the block ran."""
    seen: set[bytes] = set()
    over = threading.Event()

    def look() -> None:
        while not over.wait(0.2):
            for file in Path("/proc").glob("[0-9]*/cmdline"):
                with suppress(OSError):
                    seen.add(file.read_bytes())

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        yield seen
    finally:
        over.set()
        watcher.join()
