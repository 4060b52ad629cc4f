"""Locking against a registry that really answers, or does not."""

from __future__ import annotations

import json
import socket
from datetime import date

import pytest

from factory.errors import UsageError
from factory.matrix.lock import Lock, Locked
from factory.matrix.schema import Matrix
from factory.matrix.words import Architecture
from factory.registry.client import Registry
from factory.registry.errors import RegistryError, RegistryUnreachableError
from factory.registry.manifests import OCI_INDEX, OCI_MANIFEST
from factory.upstream.resolve import Resolver
from tests.fake_registry import Answer, FakeRegistry
from tests.support import digest, small

X86, ARM = Architecture.X86_64, Architecture.ARM64
TODAY = date(2026, 11, 23)
UP = "upstream.example"
BOTH = ("linux/amd64", "linux/arm64")


def _resolver(registry: FakeRegistry, tolerant: bool = False, today: date = TODAY) -> Resolver:
    return Resolver(Registry(retries=1, backoff=0.01), {UP: registry.host}, today, tolerant)


def _fill(registry: FakeRegistry, salt: str = "") -> None:
    """All that the small matrix names, as upstream has it: single-architecture images are plain manifests."""
    for name, tag in (("provided", "al2"), ("provided", "al2023"), ("nodejs", "22"), ("nodejs", "26-preview")):
        registry.index(f"lambda/{name}", tag, *BOTH, "windows/amd64", "unknown/unknown", salt=salt)
    registry.image("lambda/provided", "alami", salt=salt)
    registry.index("lambda/python", "3.11", *BOTH, salt=salt)


def _lock(registry: FakeRegistry, old: Lock | None = None, upgrade: bool = False, matrix: Matrix | None = None) -> Lock:
    return _resolver(registry).lock(matrix or small(), old or Lock(), upgrade)


def test_an_index_gives_a_digest_for_each_architecture(registry: FakeRegistry) -> None:
    _fill(registry)
    members = registry.index("lambda/nodejs", "22", *BOTH, salt="again")
    locked = _lock(registry).images[f"{UP}/lambda/nodejs:22"]
    assert locked.digests == {X86: members["linux/amd64"], ARM: members["linux/arm64"]}
    assert locked.resolved == TODAY


def test_a_plain_manifest_gives_its_own_digest_for_its_own_architecture(registry: FakeRegistry) -> None:
    _fill(registry)
    manifest = registry.image("lambda/provided", "alami", salt="again")
    assert _lock(registry).images[f"{UP}/lambda/provided:alami"].digests == {X86: manifest.digest}


def test_only_wanted_architectures_are_locked(registry: FakeRegistry) -> None:
    _fill(registry)
    lock = _lock(registry)
    assert lock.images[f"{UP}/lambda/python:3.11"].digests.keys() == {X86}
    assert lock.images.keys() == {
        *(f"{UP}/lambda/provided:{tag}" for tag in ("alami", "al2", "al2023")),
        *(f"{UP}/lambda/nodejs:{tag}" for tag in ("22", "26-preview")),
        f"{UP}/lambda/python:3.11",
    }
    assert lock.archives["https://archive.example/nodejs6.10.tgz"] == "6" * 64


def test_what_is_locked_is_neither_asked_for_nor_moved(registry: FakeRegistry) -> None:
    _fill(registry)
    first = _lock(registry)
    registry.requests.clear()
    _fill(registry, salt="moved")
    assert _lock(registry, first) == first
    assert registry.requests == []


def test_upgrade_moves_what_moved_and_leaves_the_day_of_the_rest(registry: FakeRegistry) -> None:
    _fill(registry)
    first = _lock(registry)
    moved = registry.index("lambda/nodejs", "22", *BOTH, salt="moved")
    second = _resolver(registry, today=date(2026, 12, 1)).lock(small(), first, upgrade=True)
    reference = f"{UP}/lambda/nodejs:22"
    assert second.images[reference].digests[ARM] == moved["linux/arm64"]
    assert second.images[reference].resolved == date(2026, 12, 1)
    assert {name for name in second.images if second.images[name] != first.images[name]} == {reference}


def test_what_was_unresolved_is_asked_for_again(registry: FakeRegistry) -> None:
    _fill(registry)
    reference = f"{UP}/lambda/nodejs:22"
    old = Lock(images={**_lock(registry).images, reference: Locked(unresolved="no answer")})
    assert _lock(registry, old).images[reference].digests.keys() == {X86, ARM}


def test_references_that_the_matrix_no_longer_names_leave_the_lock(registry: FakeRegistry) -> None:
    _fill(registry)
    old = Lock(images={"gone.example/a/b:c": Locked(digests={X86: digest("x")}, resolved=TODAY)})
    assert "gone.example/a/b:c" not in _lock(registry, old).images


def test_lost_and_missing_architectures_and_tags_stop_it_all_named_at_once(registry: FakeRegistry) -> None:
    _fill(registry)
    first = _lock(registry)
    registry.index("lambda/nodejs", "22", "linux/amd64")
    registry.index("lambda/provided", "al2", "linux/arm64", "windows/amd64")
    del registry.manifests["lambda/python", "3.11"]
    without = Lock(images={name: entry for name, entry in first.images.items() if not name.endswith("provided:al2")})
    with pytest.raises(UsageError) as caught:
        _lock(registry, without, upgrade=True)
    assert str(caught.value).splitlines() == [
        f"{UP}/lambda/nodejs:22: upstream lost arm64",
        f"{UP}/lambda/provided:al2: upstream has no x86_64",
        f"{UP}/lambda/python:3.11: upstream has no such tag",
        "the lock was not changed; if this is meant, change `architectures` or the reference in the matrix",
    ]


def test_a_plain_manifest_of_the_wrong_architecture_is_a_loss(registry: FakeRegistry) -> None:
    _fill(registry)
    registry.image("lambda/provided", "alami", "arm64")
    with pytest.raises(UsageError, match=r"lambda/provided:alami: upstream has no x86_64"):
        _lock(registry)


def test_a_registry_that_wants_a_token_gets_one(registry: FakeRegistry) -> None:
    _fill(registry)
    registry.demand_token()
    assert len(_lock(registry).images) == 6


def test_a_busy_registry_is_asked_again(registry: FakeRegistry) -> None:
    _fill(registry)
    registry.failures.append(Answer(429, {"Retry-After": "0"}))
    registry.failures.append(Answer(500))
    resolver = Resolver(Registry(retries=4, backoff=0.01), {UP: registry.host}, TODAY)
    assert len(resolver.lock(small(), Lock(), upgrade=False).images) == 6


def _nobody() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


def test_no_answer_is_raised() -> None:
    resolver = Resolver(Registry(retries=0), {UP: _nobody()}, TODAY)
    with pytest.raises(RegistryUnreachableError):
        resolver.lock(small(), Lock(), upgrade=False)


def test_no_answer_is_noted_when_that_is_allowed() -> None:
    resolver = Resolver(Registry(retries=0), {UP: _nobody()}, TODAY, tolerant=True)
    lock = resolver.lock(small(), Lock(), upgrade=False)
    assert {locked.unresolved for locked in lock.images.values()} == {f"{UP} could not be reached on 2026-11-23"}


def test_no_answer_does_not_forget_what_was_locked(registry: FakeRegistry) -> None:
    _fill(registry)
    first = _lock(registry)
    resolver = Resolver(Registry(retries=0), {UP: _nobody()}, TODAY, tolerant=True)
    assert resolver.lock(small(), first, upgrade=True) == first


def test_tolerance_does_not_cover_what_upstream_lost(registry: FakeRegistry) -> None:
    _fill(registry)
    del registry.manifests["lambda/python", "3.11"]
    with pytest.raises(UsageError, match="upstream has no such tag"):
        _resolver(registry, tolerant=True).lock(small(), Lock(), upgrade=False)


@pytest.mark.parametrize(
    ("media_type", "body"),
    [
        ("text/html", b"<html>Please log in to the guest network</html>"),
        ("application/vnd.docker.distribution.manifest.v1+prettyjws", b'{"schemaVersion": 1}'),
        (OCI_MANIFEST, b"[]"),
        (OCI_INDEX, b"{}"),
        (OCI_INDEX, json.dumps({"manifests": [{"platform": {"os": "linux", "architecture": "amd64"}}]}).encode()),
        (
            OCI_INDEX,
            json.dumps(
                {
                    "manifests": [
                        {"digest": f"md5:{n}", "platform": {"os": "linux", "architecture": n}}
                        for n in ("amd64", "arm64")
                    ]
                }
            ).encode(),
        ),
    ],
    ids=["a page", "schema 1", "a list", "nothing", "no digest", "another digest"],
)
def test_an_answer_that_is_no_manifest_is_an_error_in_words(
    registry: FakeRegistry, media_type: str, body: bytes
) -> None:
    registry.failures.extend(Answer(200, {"Content-Type": media_type}, body) for _ in range(6))
    with pytest.raises(RegistryError, match="lambda/"):
        _lock(registry)
