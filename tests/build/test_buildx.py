"""What buildx is asked for, without an engine."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from factory.build import builders
from factory.build import buildx as build
from factory.build.builders import BuilderInfo
from factory.build.buildx import Builder, UnverifiableError
from factory.build.contexts import Contexts
from factory.build.engine import Engine
from factory.build.layouts import Layouts
from factory.errors import UsageError
from factory.matrix.lock import Lock
from factory.process import Processes
from factory.render.dockerfile import Renderer
from tests.support import full_lock, image, inputs_of, toolchains

TOOLS = "https://archive.example/package/tools?id=5"


def _builder(folder: Path, lock: Lock, pip_conf: Path | None = None) -> Builder:
    matrix = toolchains()
    contexts = Contexts(Renderer(matrix), inputs_of(matrix, lock), {"archive.example": "127.0.0.1:1"}, "host", pip_conf)
    return Builder(Engine.__new__(Engine), Processes(), contexts, folder)


@pytest.fixture(autouse=True)
def engines_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """The builder is the engine's own, unless a test says otherwise."""
    monkeypatch.setattr(builders, "inspect", lambda _: BuilderInfo("docker", frozenset()))


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What buildx is called with; it fails."""
    words: list[str] = []

    def start(_: Processes, command: list[str], environment: dict[str, str]) -> subprocess.Popen[str]:
        words.extend([*command, *(f"{name}={value}" for name, value in environment.items())])
        return subprocess.Popen(["false"], stdout=subprocess.PIPE, text=True)

    monkeypatch.setattr(Processes, "start", start)
    return words


def test_an_image_with_an_archive_that_nobody_knows_the_checksum_of_is_not_built(tmp_path: Path) -> None:
    lock = Lock(images=full_lock(toolchains()).images)
    with pytest.raises(UnverifiableError) as caught:
        _builder(tmp_path, lock).build(image("build-java21-x86_64", toolchains()), lambda _: None)
    assert str(caught.value) == (
        f"build-java21-x86_64: cannot be built, as nobody knows the checksum of {TOOLS}; declare its sha256 in the "
        "matrix, or run `factory lock` where it can be downloaded"
    )


def test_a_builder_with_its_own_storage_gets_the_parent_as_a_layout(
    tmp_path: Path, asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(builders, "inspect", lambda _: BuilderInfo("remote", frozenset()))
    digest = f"sha256:{64 * 'e'}"
    monkeypatch.setattr(Layouts, "context", lambda self, name: f"oci-layout://{self.folder / name[-4:]}@{digest}")
    matrix = toolchains()
    builder = _builder(tmp_path, full_lock(matrix))
    this = image("build-python3.8-x86_64", matrix)
    assert this.parent
    with pytest.raises(build.BuildFailedError):
        builder.build(this, lambda _: None)
    folder = tmp_path / "layouts" / builder.contexts.local_name(this.parent)[-4:]
    assert f"--build-context=registry.example/factory/lambda:build-al2=oci-layout://{folder}@{digest}" in asked
    assert not any("docker-image://factory.invalid" in word for word in asked)
    assert "--allow=network.host" in asked
    assert any(word.startswith("--output=type=docker,oci-mediatypes=false,name=factory.invalid/") for word in asked)
    (policy,) = (word.partition("=")[2] for word in asked if word.startswith("EXPERIMENTAL_BUILDKIT_SOURCE_POLICY="))
    allowed = [rule["selector"] for rule in json.loads(Path(policy).read_text())["rules"]]
    assert {"identifier": f"oci-layout://*@{digest}", "matchType": "WILDCARD"} in allowed


def test_mirrors_checksums_network_and_secret_reach_buildx(tmp_path: Path, asked: list[str]) -> None:
    lock = full_lock(toolchains())
    known = Lock(images=lock.images, archives={**lock.archives, TOOLS: "5" * 64})
    pip_conf = tmp_path / "pip.conf"
    with pytest.raises(build.BuildFailedError):
        _builder(tmp_path, known, pip_conf).build(image("build-java21-x86_64", toolchains()), lambda _: None)
    assert "--network=host" in asked
    assert f"--secret=id=pip,src={pip_conf}" in asked
    assert f"--build-arg=TOOLS_SHA256={'5' * 64}" in asked
    assert "--build-arg=TOOLS_URL=http://127.0.0.1:1/package/tools?id=5" in asked
    assert any(word.startswith("--build-arg=SOURCE_DATE_EPOCH=") for word in asked)
    assert asked[-2] == str(tmp_path / "empty")
    assert asked[-1].startswith("EXPERIMENTAL_BUILDKIT_SOURCE_POLICY=")
    policy = json.loads(Path(asked[-1].partition("=")[2]).read_text())
    assert policy["rules"][0] == {"action": "DENY", "selector": {"identifier": "*"}}


def test_a_build_may_fetch_what_the_plan_names_and_nothing_else() -> None:
    matrix = toolchains()
    contexts = Contexts(Renderer(matrix), inputs_of(matrix), {"archive.example": "127.0.0.1:1"})
    this = image("build-python3.8-x86_64", matrix)
    deny, *rules = json.loads(contexts.policy(this, contexts.of(this)))["rules"]
    assert deny == {"action": "DENY", "selector": {"identifier": "*"}}
    assert {rule["action"] for rule in rules} == {"ALLOW"}
    allowed = {rule["selector"]["identifier"]: rule["selector"] for rule in rules}
    upstream = contexts.of(this)["upstream.example/lambda/python:3.8"]
    assert "@sha256:" in upstream
    assert allowed[upstream]["matchType"] == "EXACT"
    parent = contexts.of(this)["registry.example/factory/lambda:build-al2"]
    assert allowed.keys() == {"local://*", upstream, parent, f"{parent}@sha256:*"}


def test_an_archive_may_be_fetched_only_where_its_checksum_is_verified() -> None:
    matrix = toolchains()
    contexts = Contexts(Renderer(matrix), inputs_of(matrix), {"archive.example": "127.0.0.1:1"})
    this = image("build-archived1.x-x86_64", matrix)
    rules = json.loads(contexts.policy(this, contexts.of(this)))["rules"]
    [gradle] = [rule["selector"] for rule in rules if rule["selector"]["identifier"].endswith("gradle-8.14.zip")]
    assert gradle == {
        "identifier": "http://127.0.0.1:1/gradle-8.14.zip",
        "matchType": "EXACT",
        "constraints": [{"key": "http.checksum", "value": f"sha256:{'3' * 64}", "condition": "EQUAL"}],
    }


def test_pips_settings_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"pip\.conf: there is no such file; --pip-conf names"):
        _builder(tmp_path, Lock(), tmp_path / "pip.conf").check()
