"""Docker Content Trust, with Debian's two servers of Notary; the judge is docker itself."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import requests

from factory.registry.manifests import OCI_MANIFEST, Manifest
from factory.registry.references import Repository
from factory.trust.content import ContentTrust
from tests.lab.conftest import Factory
from tests.lab.servers import free_port, registry_over, running
from tools.lab import programs
from tools.lab.settings import Settings

IMAGE, STEM = "al2-x86_64", "al2"
PASSPHRASES = {
    "DOCKER_CONTENT_TRUST_ROOT_PASSPHRASE": "the root, for this test",
    "DOCKER_CONTENT_TRUST_REPOSITORY_PASSPHRASE": "the rest, for this test",
    "NOTARY_SIGNER_DEFAULT_ALIAS": "test",
    "NOTARY_SIGNER_TEST": "the signer's, for this test",
}


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """notary is on PATH, and docker's configuration is one of our own."""
    folder = programs.folder(Settings.from_environment())
    monkeypatch.setenv("PATH", os.pathsep.join((os.environ["PATH"], str(folder))))
    assert shutil.which("notary-server"), "run scripts/lab tools"
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))
    for name, value in PASSPHRASES.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def server(tmp_path: Path, tools: None) -> Iterator[str]:
    """The address of a trust server, whose certificate docker trusts."""
    folder = tmp_path / "notary"
    folder.mkdir()
    certificate, key = _certificate(folder)
    signer, port = free_port(), free_port()
    for name, config in _configurations(signer, port, str(certificate), str(key)).items():
        (folder / f"{name}.json").write_text(json.dumps(config))
    trusted = tmp_path / "docker" / "tls" / f"127.0.0.1:{port}"
    trusted.mkdir(parents=True)
    shutil.copy(certificate, trusted / "ca.crt")

    def healthy() -> bool:
        """Whether the server answers, and reaches its signer."""
        try:
            answer = requests.get(f"https://127.0.0.1:{port}/_notary_server/health", verify=str(certificate), timeout=5)
        except requests.ConnectionError:
            return False
        return answer.status_code == 200

    def command(name: str) -> list[str]:
        return [f"notary-{name}", "-config", str(folder / f"{name}.json")]

    with (
        running(command("signer"), folder / "signer.log", lambda: True),
        running(command("server"), folder / "server.log", healthy),
    ):
        yield f"https://127.0.0.1:{port}"


def _certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate of the loopback address that signs itself, and its key."""
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    made: list[str | Path] = ["-nodes", "-days", "2", "-subj", "/CN=127.0.0.1", "-keyout", key, "-out", certificate]
    extensions = ("-addext", "subjectAltName=IP:127.0.0.1", "-addext", "extendedKeyUsage=serverAuth,clientAuth")
    curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256")
    subprocess.run(["openssl", "req", "-x509", *curve, *made, *extensions], check=True, capture_output=True)
    return certificate, key


def _configurations(signer: int, port: int, certificate: str, key: str) -> dict[str, Any]:
    """What notary's signer and server are told, which know each other by the certificate of both."""
    tls = {"tls_cert_file": certificate, "tls_key_file": key}
    storage = {"backend": "memory"}
    trust = {
        "type": "remote",
        "hostname": "127.0.0.1",
        "port": str(signer),
        "key_algorithm": "ecdsa",
        "tls_ca_file": certificate,
        "tls_client_cert": certificate,
        "tls_client_key": key,
    }
    grpc = {"grpc_addr": f"127.0.0.1:{signer}", "client_ca_file": certificate, **tls}
    return {
        "signer": {"server": grpc, "storage": storage},
        "server": {"server": {"http_addr": f"127.0.0.1:{port}", **tls}, "trust_service": trust, "storage": storage},
    }


def test_docker_finds_every_tag_of_a_push_signed(factory: Factory, server: str, tmp_path: Path) -> None:
    with registry_over(tmp_path / "registry") as host:
        pushed = replace(factory, repository=Repository(host, "factory/lambda"), extra={"FACTORY_PIP_CONF": ""})
        pushed("release", IMAGE, "--content-trust", server)
        expected = _published(pushed)
        assert len(expected) == 3
        assert _signed(pushed, server) == expected
        pushed("push", IMAGE, "--content-trust", server)
        assert _signed(pushed, server) == expected
        moved = Manifest(OCI_MANIFEST, b'{"schemaVersion": 2}')
        ContentTrust(server, pushed.repository, tmp_path).sign(IMAGE, moved)
        assert _signed(pushed, server) == {**expected, IMAGE: moved.digest}
        assert not [file for file in (tmp_path / "build").rglob("*.json") if "for this test" in file.read_text()]


def _published(factory: Factory) -> dict[str, str]:
    """The digest of each tag that a user pulls."""
    tags = [*factory.record(IMAGE)["pushed"][str(factory.repository)], STEM]
    return {tag: manifest.digest for tag in tags if (manifest := factory.published(tag))}


def _signed(factory: Factory, server: str) -> dict[str, str]:
    """The digest of each signed tag, as docker tells it."""
    environment = {**os.environ, "DOCKER_CONTENT_TRUST_SERVER": server}
    done = subprocess.run(
        ["docker", "trust", "inspect", str(factory.repository)],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return {tag["SignedTag"]: f"sha256:{tag['Digest']}" for tag in json.loads(done.stdout)[0]["SignedTags"]}
