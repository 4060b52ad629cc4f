"""What `factory doctor` says of a machine; the programs it calls are scripts here."""

from __future__ import annotations

from pathlib import Path

import pytest

from factory.cli.main import main
from tests.fake_registry import FakeRegistry

BUILDER = "Driver: docker\nPlatforms: linux/amd64, linux/amd64/v2"


def _program(folder: Path, name: str, script: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is the whole PATH, with a docker whose builder lacks arm64; no engine answers."""
    folder = tmp_path / "bin"
    folder.mkdir()
    _program(folder, "git", "echo git version 2.40")
    _program(
        folder,
        "docker",
        'case "$*" in\n'
        "  --version) echo Docker version 26 ;;\n"
        "  'buildx version') echo buildx 0.13 ;;\n"
        f"  'buildx inspect') printf '%s\\n' '{BUILDER}' ;;\n"
        "  *) echo no such builder >&2; exit 1 ;;\n"
        "esac",
    )
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/docker.sock")
    return folder


def _doctor(capsys: pytest.CaptureFixture[str], *options: str) -> tuple[int, str]:
    status = main(["doctor", *options])
    return status, capsys.readouterr().out


def _state(out: str, what: str) -> str:
    (line,) = (line for line in out.splitlines() if f" {what} " in line)
    return line.split()[0]


def test_what_is_lacking_is_told_with_the_command_that_mends_it(
    machine: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with FakeRegistry() as registry:
        status, out = _doctor(capsys, "--registry", str(registry.repository()))
    assert status == 3
    states = {what: _state(out, what) for what in ("git", "docker", "engine", "linux/amd64", "linux/arm64", "registry")}
    assert states == {
        "git": "ok",
        "docker": "ok",
        "engine": "lacks",
        "linux/amd64": "ok",
        "linux/arm64": "lacks",
        "registry": "ok",
    }
    assert "the builder does not build for linux/arm64" in out
    assert "\nlinux/arm64: install qemu-user-static and register it" in out
    assert "\nengine: start the Docker engine, or run `scripts/engine up`\n" in out


def test_what_only_an_option_needs_is_no_lack(machine: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _program(machine, "cosign", "exit 1")
    with FakeRegistry() as registry:
        _, out = _doctor(capsys, "--registry", str(registry.repository()))
    assert _state(out, "cosign") == "ok"
    assert _state(out, "syft") == "optional"
    assert "\nsyft: install syft: --attest calls it\n" in out


def test_a_builder_that_is_not_there_is_told(machine: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with FakeRegistry() as registry:
        status, out = _doctor(capsys, "--registry", str(registry.repository()), "--builder", "mine")
    assert status == 3
    assert _state(out, "linux/amd64") == "lacks"
    assert "there is no builder 'mine'" in out


def test_a_registry_that_does_not_answer_is_told(machine: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, out = _doctor(capsys, "--registry", "127.0.0.1:1/factory/lambda")
    assert status == 3
    assert _state(out, "registry") == "lacks"
    assert "\nregistry: start 127.0.0.1:1, name another with --registry, or log in\n" in out
