"""From matrix to pushed images."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import tarfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit
from xml.etree import ElementTree

import pytest

from factory.registry.client import Registry
from factory.registry.manifests import MANIFESTS, Manifest
from tests.lab.conftest import LAB, ROOT, Factory
from tools.engine import BUILT, forget

_BROKEN = """
[families.broken]
title = "Broken"
handler = "handler"
entrypoint = ["/bin/false"]
smoke = "provided"

[runtimes."broken.al2"]
base = "al2"
family = "broken"
version = "al2"
"""
_ARCHIVED = """
[families.archived]
title = "Archived"
handler = "handler"
entrypoint = ["/var/rapid/init", "--bootstrap", "/var/runtime/bootstrap"]
smoke = "provided"

[runtimes."archived.al2"]
base = "al2"
family = "archived"
version = "1"
architectures = ["x86_64"]
source = {{ archive = {{ x86_64 = {{ url = "{url}", sha256 = "{sha256}" }} }} }}
"""
_EVENT = ("lambda_function.lambda_handler", '{"name": "e2e"}')
_PAIR = ("provided.al2-x86_64", "build-provided.al2-x86_64")


def test_a_slice_is_built_tested_and_pushed(factory: Factory) -> None:
    done = factory("release", *_PAIR, "python3.13-x86_64", "build-python3.13-x86_64", "--format", "json")
    released = {entry["name"]: entry for entry in json.loads(done.stdout)}
    assert released.keys() == {*_PAIR, "python3.13-x86_64", "build-python3.13-x86_64"}
    for name, entry in released.items():
        manifest = factory.published(name)
        assert manifest is not None
        assert manifest.media_type in MANIFESTS
        assert manifest.digest == entry["digest"]
        assert all(check["passed"] for check in factory.record(name)["tests"]["checks"])
        dated = [tag for tag in entry["pushed"] if re.fullmatch(rf"20\d{{6}}-{re.escape(name)}", tag)]
        (tag,) = dated
        found = factory.published(tag)
        assert found is not None
        assert found.digest == entry["digest"]
    index = factory.published("python3.13")
    assert index is not None
    assert index.is_index
    (member,) = index.json()["manifests"]
    assert member["digest"] == released["python3.13-x86_64"]["digest"]
    assert member["platform"] == {"architecture": "amd64", "os": "linux"}
    suites = ElementTree.parse(factory.folder / "build" / "reports" / "junit.xml").getroot()
    assert {suite.get("name") for suite in suites} == released.keys()
    _nothing_is_done_again(factory)

    image = f"{factory.repository}:python3.13-x86_64"
    task = ROOT / "examples" / "python"
    invoked = subprocess.run(
        ["docker", "run", "--rm", "--pull=always", "-v", f"{task}:/var/task:ro", image, *_EVENT],
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(invoked.stdout.splitlines()[-1])["hello"] == "e2e"


def _nothing_is_done_again(factory: Factory) -> None:
    before = {record["name"]: record for record in factory.records()}
    done = factory("release", *_PAIR)
    assert {record["name"]: record for record in factory.records()} == before
    assert all(line.endswith("unchanged") for line in done.stdout.splitlines()[1:])
    plan = json.loads(factory("plan", *_PAIR, "--format", "json").stdout)
    assert {item["action"] for item in plan} == {"skip"}


def test_docker_in_a_build_image_reaches_the_engine_whose_socket_it_gets(factory: Factory) -> None:
    factory("build", "build-provided.al2-x86_64")
    socket = urlsplit(os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")).path
    image = factory.record("build-provided.al2-x86_64")["digest"]
    asked = ["docker", "version", "--format", "{{.Server.Version}}"]
    mounted = ["docker", "run", "--rm", "-v", f"{socket}:/var/run/docker.sock", image, *asked]
    inside = subprocess.run(mounted, capture_output=True, text=True, check=True)
    assert inside.stdout == subprocess.run(asked, capture_output=True, text=True, check=True).stdout


def test_an_emulated_architecture_joins_the_index(factory: Factory) -> None:
    factory("release", "provided.al2", "--variant", "run")
    index = factory.published("provided.al2")
    assert index is not None
    platforms = {entry["platform"]["architecture"]: entry["digest"] for entry in index.json()["manifests"]}
    assert platforms == {
        "amd64": factory.record("provided.al2-x86_64")["digest"],
        "arm64": factory.record("provided.al2-arm64")["digest"],
    }


def test_a_runtime_that_cannot_work_is_not_pushed_and_stops_no_other(factory_with: Callable[[str], Factory]) -> None:
    factory = factory_with(_BROKEN)
    done = factory("release", "broken.al2-x86_64", *_PAIR, status=1)
    assert factory.published("broken.al2-x86_64") is None
    assert factory.published("broken.al2") is None
    assert all(factory.published(name) for name in _PAIR)
    assert "broken.al2-x86_64: the smoke test failed" in done.stderr
    assert "test failed" in done.stdout


def test_a_package_that_does_not_exist_fails_its_image_alone(factory_with: Callable[[str], Factory]) -> None:
    factory = factory_with(
        """
[extras.ghost]
summary = "nothing"
yum = ["no-such-package"]

[families.haunted]
title = "Haunted"
handler = "handler"
entrypoint = ["/var/rapid/init"]
extras = ["ghost"]
smoke = "provided"

[runtimes."haunted.al2"]
base = "al2"
family = "haunted"
version = "al2"
"""
    )
    done = factory("build", "build-haunted.al2-x86_64", "provided.al2-x86_64", status=1)
    assert "no-such-package" in done.stderr
    assert "build/logs/build-haunted.al2-x86_64.log" in done.stderr
    assert "build failed" in done.stdout
    assert {record["name"] for record in factory.records()} >= {"provided.al2-x86_64", "al2-x86_64"}


def test_an_archive_is_a_source_when_its_checksum_is_right(
    factory_with: Callable[[str], Factory], tmp_path: Path
) -> None:
    content = _archive(tmp_path / "archive.tgz")
    with _served(tmp_path) as address:
        factory = factory_with(
            _ARCHIVED.format(url=f"{address}/archive.tgz", sha256=hashlib.sha256(content).hexdigest())
        )
        factory("release", "archived.al2-x86_64")
        assert factory.published("archived.al2-x86_64") is not None
        wrong = factory_with(_ARCHIVED.format(url=f"{address}/archive.tgz", sha256="0" * 64))
        refused = wrong("build", "archived.al2-x86_64", status=1)
        assert "digest mismatch" in refused.stderr


def test_the_labels_are_on_the_published_image_and_a_tag_that_the_registry_lost_is_set_again(factory: Factory) -> None:
    factory("release", "provided.al2-x86_64")
    first = factory.published("provided.al2-x86_64")
    assert first is not None
    _is_labelled(factory, first)
    fresh = Factory(
        factory.folder, factory.matrix, type(factory.repository)(LAB, f"{factory.repository.name}-b"), factory.lock
    )
    fresh("push", "provided.al2-x86_64")
    second = fresh.published("provided.al2-x86_64")
    assert second is not None
    assert second.digest == first.digest


def _is_labelled(factory: Factory, manifest: Manifest) -> None:
    config = Registry().config(factory.repository, manifest)["config"]
    key = factory.record("provided.al2-x86_64")["inputs_key"]
    assert config["Labels"]["io.github.lambda-factory.inputs-key"] == key
    assert config["Labels"]["org.opencontainers.image.title"] == "provided.al2"
    assert config["User"] == "sbx_user1051"
    assert config["WorkingDir"] == "/var/task"
    assert config["Entrypoint"] == ["/var/rapid/init"]


def test_only_tested_images_are_pushed_and_a_registry_that_does_not_answer_is_told(factory: Factory) -> None:
    factory("build", "provided.al2-x86_64")
    done = factory("push", "provided.al2-x86_64", status=1)
    assert "no smoke test passed" in done.stderr
    assert factory.published("provided.al2-x86_64") is None
    factory("test", "provided.al2-x86_64")
    nowhere = replace(factory, repository=type(factory.repository)("127.0.0.1:9", "nowhere"))
    assert "127.0.0.1:9" in nowhere("push", "provided.al2-x86_64", status=3).stderr
    factory("push", "provided.al2-x86_64")
    assert factory.published("provided.al2-x86_64") is not None


@pytest.mark.last
def test_building_again_from_nothing_gives_the_same_image(factory: Factory, tmp_path: Path) -> None:
    digests = []
    for attempt in ("a", "b"):
        again = Factory(tmp_path / attempt, factory.matrix, factory.repository, factory.lock)
        forget(BUILT)
        again("build", "python3.13-x86_64", "provided.al2-x86_64")
        digests.append({record["name"]: record["digest"] for record in again.records()})
    assert digests[0] == digests[1]


def test_the_bake_file_builds_the_same_images(factory: Factory) -> None:
    factory("build", "python3.13-x86_64")
    subprocess.run(
        ["docker", "buildx", "bake", "--file=docker-bake.json", "--metadata-file=bake.json", "python3_13-x86_64"],
        cwd=factory.folder / "build",
        capture_output=True,
        check=True,
    )
    built = json.loads((factory.folder / "build" / "bake.json").read_text())["python3_13-x86_64"]
    assert built["containerimage.digest"] == factory.record("python3.13-x86_64")["digest"]


def test_an_unlocked_reference_warns_or_with_locked_fails(factory: Factory) -> None:
    factory.lock = factory.folder / "none.lock"
    refused = factory("build", "provided.al2-x86_64", "--locked", status=2)
    assert "public.ecr.aws/lambda/provided:al2" in refused.stderr
    assert factory.records() == []
    warned = factory("build", "provided.al2-x86_64")
    assert "warning: public.ecr.aws/lambda/provided:al2" in warned.stderr


def test_a_builder_that_does_not_exist_is_told_as_such(factory: Factory) -> None:
    done = factory("build", "provided.al2-x86_64", "--builder", "no-such-builder", status=3)
    assert "docker buildx ls" in done.stderr


def _archive(file: Path) -> bytes:
    """A runtime whose bootstrap is the smoke tests' own, packed as upstream archives are."""
    bootstrap = ROOT / "smoke" / "provided" / "function" / "bootstrap"
    with tarfile.open(file, "w:gz") as tar:
        tar.add(bootstrap, "var/runtime/bootstrap")
        tar.add(ROOT / "LICENSE", "var/lang/LICENSE")
    return file.read_bytes()


@contextmanager
def _served(folder: Path) -> Iterator[str]:
    """The address of a web server on the loopback address with a folder's files."""
    handler = partial(SimpleHTTPRequestHandler, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
