"""Keyless signing, with a Fulcio and an identity provider of our own. scripts/keyless compiles Fulcio and runs this."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from factory.matrix import lock
from factory.registry.references import Repository
from tests.lab import cosign
from tests.lab.conftest import ROOT, Factory
from tests.lab.servers import registry_over
from tests.lab.sigstore import Sigstore, sigstore

IMAGE = "al2-x86_64"
IDENTITY = "builder@factory.example"
MATRIX = """
[publish]
repository = "registry.example/keyless"
source = "https://git.example/keyless"
vendor = "keyless"
licenses = "MIT"

[signatures."up.example"]
identity = "^{identity}$"
issuer = "{issuer}"

[bases.al2]
title = "ours"
version = "2"
upstream = "up.example/factory/lambda:al2-x86_64"
package_manager = "yum"
architectures = ["x86_64"]
user = {{ name = "sbx_user1051", uid = 993, gid = 990 }}
"""


@dataclass(frozen=True)
class World:
    """An image that was released with `--sign keyless`."""

    factory: Factory
    servers: Sigstore

    def verify(self, identity: str, issuer: str, status: int) -> dict[str, dict[str, Any]]:
        """The findings by item."""
        words = ("--identity", identity, "--issuer", issuer, "--format", "json")
        done = self.factory("verify", IMAGE, *words, status=status)
        return {finding["item"]: finding for finding in json.loads(done.stdout)}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[World]:
    if not (fulcio := os.environ.get("FULCIO")):
        pytest.skip("FULCIO names no program: scripts/keyless compiles it, which takes minutes, and runs this")
    locked: Path = request.getfixturevalue("locked")
    folder = tmp_path_factory.mktemp("keyless")
    with sigstore(Path(fulcio), folder / "sigstore") as servers, registry_over(folder / "registry") as host:
        token = servers.token(IDENTITY)
        extra = {"PATH": cosign.path(), "SIGSTORE_ID_TOKEN": token, "FACTORY_PIP_CONF": "", **servers.environment}
        factory = Factory(folder, ROOT / "matrix.toml", Repository(host, "factory/lambda"), locked, extra)
        factory("release", IMAGE, "--attest", "--sign", "keyless")
        yield World(factory, servers)


def test_what_an_identity_signed_passes_for_that_identity_alone(world: World) -> None:
    issuer = world.servers.issuer
    findings = world.verify(f"^{IDENTITY}$", issuer, status=0)
    assert findings["signature"]["ok"]
    assert f"by ^{IDENTITY}$" in findings["signature"]["seen"]
    signed = {"signature", "provenance", "SBOM (SPDX)", "SBOM (CycloneDX)", "smoke record"}
    for identity, vouching in (("^somebody@", issuer), (f"^{IDENTITY}$", "https://token.example")):
        findings = world.verify(identity, vouching, status=1)
        assert {item for item, finding in findings.items() if not finding["ok"]} == signed
        assert "none of the expected identities matched" in findings["signature"]["seen"]


def test_an_identity_that_the_provider_does_not_vouch_for_signs_nothing(world: World, tmp_path: Path) -> None:
    header, claims, _ = world.servers.token(IDENTITY).split(".")
    forged = ".".join((header, claims, world.servers.token("somebody@factory.example").rpartition(".")[2]))
    other = Factory(
        world.factory.folder, world.factory.matrix, Repository(world.factory.repository.host, "not/signed"),
        world.factory.lock, {**world.factory.extra, "SIGSTORE_ID_TOKEN": forged},
    )  # fmt: skip
    done = other("push", IMAGE, "--sign", "keyless", status=1)
    assert "cosign could not sign" in done.stderr
    assert other.published(IMAGE) is None


def test_an_upstream_that_another_identity_signed_is_not_locked(world: World, tmp_path: Path) -> None:
    def locks(identity: str, status: int) -> subprocess.CompletedProcess[str]:
        matrix = tmp_path / "matrix.toml"
        matrix.write_text(MATRIX.format(identity=identity, issuer=world.servers.issuer))
        extra = {**world.factory.extra, "FACTORY_MIRROR": f"up.example={world.factory.repository.host}"}
        return Factory(tmp_path, matrix, world.factory.repository, tmp_path / "matrix.lock", extra)(
            "lock", status=status
        )

    done = locks("somebody@factory.example", status=2)
    assert "al2-x86_64: x86_64 has no good signature by ^somebody@" in done.stderr
    assert not (tmp_path / "matrix.lock").exists()
    locks(IDENTITY, status=0)
    [locked] = lock.read(tmp_path / "matrix.lock").images.values()
    assert list(locked.digests.values()) == [world.factory.record(IMAGE)["digest"]]
