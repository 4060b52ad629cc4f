"""What buildx is asked for, without an engine."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from factory.build.builders import Builder
from factory.build.buildx import BuildFailedError, Buildx, UnverifiableError
from factory.build.engine import Engine
from factory.errors import MachineError, UsageError
from factory.matrix.lock import Lock
from factory.process import Processes
from tests.build.fake_engine import FakeEngine
from tests.support import contexts, full_lock, image, inputs_of, renderer_of, toolchains

TOOLS = "https://archive.example/package/tools?id=5"
MIRRORS = {"archive.example": "127.0.0.1:1"}


class Failing(Processes):
    """Notes what is started; all of it fails."""

    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []

    @contextmanager
    def start(
        self, command: Sequence[str], environment: Mapping[str, str] | None = None
    ) -> Iterator[subprocess.Popen[str]]:
        self.words += [*command, *(f"{name}={value}" for name, value in (environment or {}).items())]
        with super().start(["false"]) as process:
            yield process


class Saying(Processes):
    """Processes that say one thing and fail; `commands` is what was started."""

    def __init__(self, said: str) -> None:
        super().__init__()
        self.said, self.commands = said, list[Sequence[str]]()

    @contextmanager
    def start(
        self, command: Sequence[str], environment: Mapping[str, str] | None = None
    ) -> Iterator[subprocess.Popen[str]]:
        self.commands.append(command)
        with super().start(["echo", self.said], environment) as process:
            yield process


def _engines_own(_: str | None) -> Builder:
    return Builder("docker", frozenset())


def _buildx(folder: Path, lock: Lock, pip_conf: Path | None = None, processes: Processes | None = None) -> Buildx:
    """Builds of the toolchains' matrix with the engine's own builder; there is no image in the engine."""
    matrix = toolchains()
    leading = contexts(matrix, inputs_of(matrix, lock), MIRRORS, "host", pip_conf)
    engine = cast(Engine, FakeEngine({}))
    return Buildx(engine, processes or Failing(), renderer_of(matrix), leading, folder, look_at=_engines_own)


def test_an_image_with_an_archive_that_nobody_knows_the_checksum_of_is_not_built(tmp_path: Path) -> None:
    lock = Lock(images=full_lock(toolchains()).images)
    with pytest.raises(UnverifiableError) as caught:
        _buildx(tmp_path, lock).build(image("build-java21-x86_64", toolchains()), lambda _: None)
    assert str(caught.value) == (
        f"build-java21-x86_64: cannot be built, as nobody knows the checksum of {TOOLS}; declare its sha256 in the "
        "matrix, or run `factory lock` where it can be downloaded"
    )


def test_a_builder_with_its_own_storage_gets_the_parent_as_a_layout(tmp_path: Path) -> None:
    digest = f"sha256:{64 * 'e'}"
    matrix, processes = toolchains(), Failing()
    plain = _buildx(tmp_path, full_lock(matrix), processes=processes)
    this = image("build-python3.8-x86_64", matrix)
    assert this.parent
    engine = cast(Engine, FakeEngine({plain.contexts.local_name(this.parent): digest}))
    remote = replace(plain, engine=engine, look_at=lambda _: Builder("remote", frozenset()))
    with pytest.raises(BuildFailedError):
        remote.build(this, lambda _: None)
    asked, folder = processes.words, tmp_path / "layouts" / (64 * "e")
    assert (folder / "index.json").is_file()
    assert f"--build-context=registry.example/factory/lambda:build-al2=oci-layout://{folder}@{digest}" in asked
    assert not any("docker-image://factory.invalid" in word for word in asked)
    assert "--allow=network.host" in asked
    assert any(word.startswith("--output=type=docker,oci-mediatypes=false,name=factory.invalid/") for word in asked)
    (policy,) = (word.partition("=")[2] for word in asked if word.startswith("EXPERIMENTAL_BUILDKIT_SOURCE_POLICY="))
    allowed = [rule["selector"] for rule in json.loads(Path(policy).read_text())["rules"]]
    assert {"identifier": f"oci-layout://*@{digest}", "matchType": "WILDCARD"} in allowed


def test_the_engines_own_builder_finds_the_parent_there(tmp_path: Path) -> None:
    matrix, processes = toolchains(), Failing()
    buildx = _buildx(tmp_path, full_lock(matrix), processes=processes)
    this = image("build-python3.8-x86_64", matrix)
    assert this.parent
    with pytest.raises(BuildFailedError):
        buildx.build(this, lambda _: None)
    parent = buildx.contexts.local_name(this.parent)
    assert f"--build-context=registry.example/factory/lambda:build-al2=docker-image://{parent}" in processes.words
    assert not (tmp_path / "layouts").exists()


def test_mirrors_checksums_network_and_secret_reach_buildx(tmp_path: Path) -> None:
    lock = full_lock(toolchains())
    known = Lock(images=lock.images, archives={**lock.archives, TOOLS: "5" * 64})
    pip_conf, processes = tmp_path / "pip.conf", Failing()
    with pytest.raises(BuildFailedError):
        _buildx(tmp_path, known, pip_conf, processes).build(image("build-java21-x86_64", toolchains()), lambda _: None)
    asked = processes.words
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
    leading = contexts(matrix, mirrors=MIRRORS)
    this = image("build-python3.8-x86_64", matrix)
    deny, *rules = json.loads(leading.policy(this, leading.of(this)))["rules"]
    assert deny == {"action": "DENY", "selector": {"identifier": "*"}}
    assert {rule["action"] for rule in rules} == {"ALLOW"}
    allowed = {rule["selector"]["identifier"]: rule["selector"] for rule in rules}
    upstream = leading.of(this)["upstream.example/lambda/python:3.8"]
    assert "@sha256:" in upstream
    assert allowed[upstream]["matchType"] == "EXACT"
    parent = leading.of(this)["registry.example/factory/lambda:build-al2"]
    assert allowed.keys() == {"local://*", upstream, parent, f"{parent}@sha256:*"}


def test_an_archive_may_be_fetched_only_where_its_checksum_is_verified() -> None:
    matrix = toolchains()
    leading = contexts(matrix, mirrors=MIRRORS)
    this = image("build-archived1.x-x86_64", matrix)
    rules = json.loads(leading.policy(this, leading.of(this)))["rules"]
    [gradle] = [rule["selector"] for rule in rules if rule["selector"]["identifier"].endswith("gradle-8.14.zip")]
    assert gradle == {
        "identifier": "http://127.0.0.1:1/gradle-8.14.zip",
        "matchType": "EXACT",
        "constraints": [{"key": "http.checksum", "value": f"sha256:{'3' * 64}", "condition": "EQUAL"}],
    }


@pytest.mark.parametrize(
    ("said", "again"),
    [
        ("ERROR: failed to solve: Canceled: context canceled", [["--no-cache"]]),
        ("ERROR: failed to solve: snapshot x9 does not exist: not found", [["--no-cache"]]),
        ('ERROR: failed to solve: image "factory.invalid/python3.11-x86_64:0a1b": already exists', [[]]),
        ("ERROR: failed to solve: process did not complete successfully: exit code: 1", []),
    ],
)
def test_a_build_that_failed_by_no_fault_of_its_own_is_tried_once_more(
    tmp_path: Path, said: str, again: list[list[str]]
) -> None:
    matrix, processes = toolchains(), Saying(said)
    with pytest.raises(BuildFailedError):
        _buildx(tmp_path, full_lock(matrix), processes=processes).build(
            image("build-python3.8-x86_64", matrix), lambda _: None
        )
    first, *others = processes.commands
    assert [other[len(first) :] for other in others] == again


def test_pips_settings_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"pip\.conf: there is no such file; --pip-conf names"):
        _buildx(tmp_path, Lock(), tmp_path / "pip.conf").check()


def test_a_builder_that_was_named_must_be_there(tmp_path: Path) -> None:
    def nothing(name: str | None) -> Builder:
        raise MachineError(f"there is no builder {name!r}")

    buildx = replace(_buildx(tmp_path, Lock()), look_at=nothing)
    buildx.check()
    with pytest.raises(MachineError, match="there is no builder 'mine'"):
        replace(buildx, builder="mine").check()
