"""The registry's HTTP interface against a real server on the loopback address."""

from __future__ import annotations

import base64
import json
import socket
from pathlib import Path

import pytest

from factory.errors import ExitCode
from factory.registry.client import Registry
from factory.registry.errors import RegistryError, RegistryUnreachableError
from factory.registry.manifests import OCI_INDEX, OCI_MANIFEST, Manifest, digest_of
from factory.registry.references import Repository
from tests.fake_registry import Answer, FakeRegistry


def _client() -> Registry:
    return Registry(retries=2, backoff=0.01)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def test_a_manifests_digest_is_computed_not_believed() -> None:
    empty = Manifest(OCI_MANIFEST, b"")
    assert empty.digest == "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert not empty.is_index
    assert Manifest(OCI_INDEX, b"{}").is_index


def test_a_manifest_comes_as_it_is(registry: FakeRegistry) -> None:
    kept = registry.image("factory/lambda", "python3.13-x86_64")
    assert _client().manifest(registry.repository(), "python3.13-x86_64") == kept
    assert _client().manifest(registry.repository(), kept.digest) == kept


def test_a_content_type_may_have_parameters(registry: FakeRegistry) -> None:
    registry.failures.append(Answer(200, {"Content-Type": f"{OCI_INDEX}; charset=utf-8"}, b'{"manifests": []}'))
    found = _client().manifest(registry.repository(), "x")
    assert found is not None
    assert found.is_index


def test_no_such_tag_is_none(registry: FakeRegistry) -> None:
    assert _client().manifest(registry.repository(), "nothing") is None
    assert len(registry.requests) == 1


def test_content_that_is_not_what_its_digest_says_is_refused(registry: FakeRegistry) -> None:
    wanted = registry.image("factory/lambda", "a")
    registry.manifests["factory/lambda", wanted.digest] = registry.image("factory/lambda", "b", salt="other")
    with pytest.raises(RegistryError, match=f"{wanted.digest}: the registry sent sha256:.*do not trust it"):
        _client().manifest(registry.repository(), wanted.digest)


def test_the_configuration_of_an_image(registry: FakeRegistry) -> None:
    manifest = registry.image("factory/lambda", "a", "arm64")
    assert _client().config(registry.repository(), manifest)["architecture"] == "arm64"


def test_a_missing_configuration_is_an_error(registry: FakeRegistry) -> None:
    manifest = registry.image("factory/lambda", "a")
    registry.blobs.clear()
    with pytest.raises(RegistryError, match="was answered 404"):
        _client().config(registry.repository(), manifest)


def test_what_is_put_is_there_byte_for_byte(registry: FakeRegistry) -> None:
    manifest = Manifest(OCI_INDEX, b'{"manifests":[]}')
    _client().put(registry.repository(), "python3.13", manifest)
    assert registry.manifests["factory/lambda", "python3.13"] == manifest


def test_a_refused_put_says_what_was_answered(registry: FakeRegistry) -> None:
    registry.failures.append(Answer(400, body=b'{"errors": [{"code":\n "MANIFEST_INVALID"}]}'))
    with pytest.raises(
        RegistryError, match=r'PUT http://.*/manifests/x was answered 400: .*"MANIFEST_INVALID"'
    ) as caught:
        _client().put(registry.repository(), "x", Manifest(OCI_INDEX, b"{}"))
    assert caught.value.exit_code == ExitCode.IMAGE_FAILED


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_what_may_pass_is_tried_again(registry: FakeRegistry, status: int) -> None:
    kept = registry.image("factory/lambda", "a")
    registry.failures.extend([Answer(status), Answer(status)])
    assert _client().manifest(registry.repository(), "a") == kept
    assert len(registry.requests) == 3


def test_retry_after_is_honoured(registry: FakeRegistry) -> None:
    kept = registry.image("factory/lambda", "a")
    registry.failures.append(Answer(429, {"Retry-After": "0"}))
    assert Registry(retries=1, backoff=30).manifest(registry.repository(), "a") == kept


def test_a_put_is_tried_again_too(registry: FakeRegistry) -> None:
    registry.failures.append(Answer(503))
    _client().put(registry.repository(), "x", Manifest(OCI_INDEX, b"{}"))
    assert registry.written() == ["x", "x"]
    assert registry.tags() == {"x": Manifest(OCI_INDEX, b"{}").digest}


def test_errors_that_stay_are_reported_after_all_tries(registry: FakeRegistry) -> None:
    registry.failures.extend(Answer(500, body=b"out of order") for _ in range(9))
    with pytest.raises(RegistryError, match="was answered 500: out of order"):
        _client().manifest(registry.repository(), "a")
    assert len(registry.requests) == 3


def test_no_registry_at_all_is_the_machines_lack() -> None:
    host = f"127.0.0.1:{_free_port()}"
    with pytest.raises(RegistryUnreachableError) as caught:
        Registry(retries=1, backoff=0.01).manifest(Repository(host, "a/b"), "c")
    assert str(caught.value).startswith(f"{host} does not answer (")
    assert "is the registry up, and its name right?" in str(caught.value)
    assert caught.value.exit_code == ExitCode.MACHINE


def test_a_challenge_is_answered_with_a_token_once(registry: FakeRegistry) -> None:
    kept = registry.image("factory/lambda", "a")
    registry.demand_token()
    client = _client()
    assert client.manifest(registry.repository(), "a") == kept
    assert client.manifest(registry.repository(), "a") == kept
    tokens = [line for line in registry.requests if line.startswith("GET /token")]
    assert len(tokens) == 1
    assert "service=fake" in tokens[0]
    assert "scope=repository%3Afactory%2Flambda%3Apull" in tokens[0]
    assert len(registry.requests) == 4


def test_writing_asks_for_the_right_to_write(registry: FakeRegistry) -> None:
    registry.demand_token()
    _client().put(registry.repository(), "x", Manifest(OCI_INDEX, b"{}"))
    (token,) = [line for line in registry.requests if line.startswith("GET /token")]
    assert "pull%2Cpush" in token
    assert "x" in registry.tags()


def test_no_token_means_no_access(registry: FakeRegistry) -> None:
    registry.demand_token()
    registry.token_status = 403
    with pytest.raises(
        RegistryError, match=rf"{registry.host} refuses access \(401\); run `docker login {registry.host}`"
    ):
        _client().manifest(registry.repository(), "a")


def test_a_token_service_that_is_down_is_told(registry: FakeRegistry) -> None:
    registry.challenge = f'Bearer realm="http://127.0.0.1:{_free_port()}/token",service="x"'
    with pytest.raises(RegistryUnreachableError, match="its token service does not answer"):
        Registry(retries=0).manifest(registry.repository(), "a")


def test_docker_logins_are_used(registry: FakeRegistry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    auth = base64.b64encode(b"somebody:password").decode()
    (tmp_path / "config.json").write_text(json.dumps({"auths": {registry.host: {"auth": auth}}}))
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    registry.challenge = 'Basic realm="registry"'
    kept = registry.image("factory/lambda", "a")
    assert _client().manifest(registry.repository(), "a") == kept
    assert registry.authorizations == ["", f"Basic {auth}"]


def test_denied_is_final(registry: FakeRegistry) -> None:
    registry.failures.extend([Answer(403), Answer(403)])
    with pytest.raises(RegistryError, match=r"refuses access \(403\)"):
        _client().manifest(registry.repository(), "a")
    assert len(registry.requests) == 1


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1:5000", "http://127.0.0.1:5000/v2/a/b"),
        ("localhost:5000", "http://localhost:5000/v2/a/b"),
        ("localhost", "http://localhost/v2/a/b"),
        ("[::1]:5000", "http://[::1]:5000/v2/a/b"),
        ("ghcr.io", "https://ghcr.io/v2/a/b"),
        ("127.example.org", "https://127.example.org/v2/a/b"),
        ("registry.example:5000", "https://registry.example:5000/v2/a/b"),
    ],
)
def test_only_loopback_registries_are_spoken_to_without_tls(host: str, url: str) -> None:
    assert Repository(host, "a/b").url == url


def test_a_server_that_asks_for_more_patience_than_there_is_is_left_alone(registry: FakeRegistry) -> None:
    registry.failures.append(Answer(429, {"Retry-After": "86400"}))
    with pytest.raises(RegistryError, match=r"answered 429: come back later \(Retry-After: 86400\)"):
        _client().manifest(registry.repository(), "a")
    assert len(registry.requests) == 1


def test_an_answer_that_breaks_off_is_asked_for_again(registry: FakeRegistry) -> None:
    kept = registry.image("factory/lambda", "a")
    registry.failures.append(Answer(200, {"Content-Length": "999"}, b"half"))
    assert _client().manifest(registry.repository(), "a") == kept


def test_a_blob_that_is_there_although_the_answer_was_lost_is_stored(registry: FakeRegistry) -> None:
    content = b"stored by the first try"
    missing, begun = Answer(404), Answer(202, {"Location": "/v2/factory/lambda/blobs/uploads/1?state=x"})
    registry.blobs[digest_of(content)] = content
    registry.failures.extend([missing, begun, Answer(404)])
    assert _client().put_blob(registry.repository(), content) == digest_of(content)


def test_a_token_goes_to_the_registrys_own_host_alone(registry: FakeRegistry) -> None:
    """An upload's place, or what a blob is redirected to, may be a storage somewhere: it gets no credentials."""
    content = b"a document"
    with FakeRegistry() as storage:
        registry.demand_token()
        registry.elsewhere = f"http://{storage.host}"
        client = _client()
        assert client.put_blob(registry.repository(), content) == digest_of(content)
        assert client.blob(registry.repository(), digest_of(content)) == content
        assert any(line.startswith("PUT ") for line in storage.requests)
        assert any(line.startswith("GET ") for line in storage.requests)
        assert set(storage.authorizations) == {""}
        assert any(sent.startswith("Bearer ") for sent in registry.authorizations)


def test_another_host_that_asks_for_a_token_gets_none(registry: FakeRegistry) -> None:
    with FakeRegistry() as storage:
        storage.demand_token()
        registry.elsewhere = f"http://{storage.host}"
        with pytest.raises(RegistryError, match=f"{storage.host} refuses access"):
            _client().put_blob(registry.repository(), b"a document")
        assert not any("/token" in line for line in storage.requests)
