"""Locking archives: what is copied, what is downloaded, and what is refused."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import date

import pytest
from pydantic import ValidationError

from factory.errors import UsageError
from factory.matrix.loading import parse
from factory.matrix.lock import Lock, Locked, Replaced, Unresolved
from factory.matrix.words import Architecture
from factory.registry import http as web
from factory.registry.client import Registry
from factory.upstream.resolve import Resolver
from tests.fake_registry import FakeRegistry
from tests.file_server import FileServer
from tests.support import digest

TODAY = date(2026, 11, 23)
HOST = "archive.example"
UPSTREAM_HOST = "127.0.0.1:1"
"""Where nobody answers."""

UPSTREAM = "upstream.example/lambda/provided:al2"
DECLARED, UNDECLARED, LONG = (f"https://{HOST}/{name}" for name in ("declared.zip", "undeclared.zip", "long.zip"))
CONTENT = b"what upstream has"
SHA256, SHA512 = hashlib.sha256(CONTENT).hexdigest(), hashlib.sha512(CONTENT).hexdigest()

MATRIX = parse(
    f"""
[publish]
repository = "registry.example/factory/lambda"
source = "https://git.example/factory"
vendor = "v"
licenses = "MIT"

[bases.al2]
title = "Amazon Linux 2"
version = "2"
upstream = "{UPSTREAM}"
package_manager = "yum"
architectures = ["x86_64"]
user = {{ name = "u", uid = 1, gid = 1 }}

[extras.declared]
summary = "s"
archive = {{ any = {{ url = "{DECLARED}", sha256 = "{SHA256}" }} }}
into = "/a"

[extras.undeclared]
summary = "s"
archive = {{ any = {{ url = "{UNDECLARED}" }} }}
into = "/a"

[extras.long]
summary = "s"
archive = {{ any = {{ url = "{LONG}", sha512 = "{SHA512}" }} }}
into = "/a"
"""
)
IMAGES = {UPSTREAM: Locked(digests={Architecture.X86_64: digest("al2")}, resolved=TODAY)}
LOCKED = Lock(images=IMAGES, archives={DECLARED: SHA256, UNDECLARED: SHA256, LONG: SHA512})


@pytest.fixture
def server() -> Iterator[FileServer]:
    with FileServer() as fake:
        fake.files |= {f"/files/{name}.zip": CONTENT for name in ("declared", "undeclared", "long")}
        yield fake


def _lock(
    server: FileServer | str,
    old: Lock | None = None,
    upgrade: bool = False,
    incomplete: bool = False,
    tolerant: bool = False,
) -> Lock:
    host = server if isinstance(server, str) else f"{server.host}/files"
    http = web.session(retries=1, backoff=0.01)
    mirrors = {HOST: host, "upstream.example": UPSTREAM_HOST}
    resolver = Resolver(Registry(retries=0), mirrors, TODAY, tolerant, mirrors if incomplete else (), http)
    return resolver.lock(MATRIX, old or Lock(images=IMAGES), upgrade)


def test_what_is_not_declared_is_downloaded_and_pinned(server: FileServer) -> None:
    assert _lock(server).archives == {DECLARED: SHA256, UNDECLARED: SHA256, LONG: SHA512}


def test_what_is_locked_is_not_downloaded_again(server: FileServer) -> None:
    assert _lock(server, LOCKED) == LOCKED
    assert server.requests == []


def test_upgrade_asks_again(server: FileServer) -> None:
    server.files["/files/undeclared.zip"] = b"another"
    assert _lock(server, LOCKED).archives == LOCKED.archives
    moved = _lock(server, LOCKED, upgrade=True, tolerant=True)
    assert moved.archives[UNDECLARED] == hashlib.sha256(b"another").hexdigest()
    assert len(server.requests) == 3


def test_without_a_mirror_what_is_declared_is_copied() -> None:
    old = Lock(images=IMAGES, archives={UNDECLARED: "5" * 64})
    locked = Resolver(Registry(), {}, TODAY, http=web.session(retries=0)).lock(MATRIX, old, upgrade=False)
    assert locked.archives == {DECLARED: SHA256, UNDECLARED: "5" * 64, LONG: SHA512}


@pytest.mark.parametrize(("name", "checksum"), [("declared", SHA256), ("long", SHA512)])
def test_a_mirror_that_has_another_file_is_refused_and_told_with_both_checksums(
    server: FileServer, name: str, checksum: str
) -> None:
    server.files[f"/files/{name}.zip"] = b"evil"
    with pytest.raises(UsageError) as caught:
        _lock(server)
    algorithm = "sha256" if checksum == SHA256 else "sha512"
    found = hashlib.new(algorithm, b"evil").hexdigest()
    assert str(caught.value).splitlines() == [
        f"https://{HOST}/{name}.zip, asked at http://{server.host}/files/{name}.zip: "
        f"its {algorithm} is {found}, the matrix says {checksum}",
        "the lock was not changed; if this is meant, change the address or the checksum in the matrix",
    ]


def test_an_incomplete_mirrors_own_files_are_noted_as_such(server: FileServer) -> None:
    server.files["/files/declared.zip"] = server.files["/files/long.zip"] = b"another"
    locked = _lock(server, LOCKED, incomplete=True).archives
    assert locked == {
        DECLARED: Replaced(instead=hashlib.sha256(b"another").hexdigest()),
        UNDECLARED: SHA256,
        LONG: Replaced(instead=hashlib.sha512(b"another").hexdigest()),
    }


def test_what_replaced_an_archive_is_not_taken_for_it_later(server: FileServer) -> None:
    replaced = Lock(images=IMAGES, archives={DECLARED: Replaced(instead="1" * 64)})
    assert _lock(server, replaced).archives[DECLARED] == SHA256


def test_a_file_that_is_not_there_is_an_error_or_of_an_incomplete_mirror_noted(server: FileServer) -> None:
    del server.files["/files/undeclared.zip"]
    with pytest.raises(UsageError, match=r"undeclared\.zip: there is no such file"):
        _lock(server)
    with pytest.raises(UsageError, match=r"undeclared\.zip: there is no such file"):
        _lock(server, tolerant=True)
    locked = _lock(server, incomplete=True).archives[UNDECLARED]
    assert locked == Unresolved(unresolved=f"{server.host} has no such file")


def test_a_tag_that_an_incomplete_mirror_lacks_is_noted(registry: FakeRegistry) -> None:
    mirrors = {"upstream.example": registry.host}
    http = web.session(retries=0)
    old = Lock(archives=LOCKED.archives)
    with pytest.raises(UsageError, match="upstream has no such tag"):
        Resolver(Registry(retries=0), mirrors, TODAY, http=http).lock(MATRIX, old, upgrade=False)
    locked = Resolver(Registry(retries=0), mirrors, TODAY, incomplete=mirrors, http=http).lock(
        MATRIX, old, upgrade=False
    )
    assert locked.images[UPSTREAM] == Locked(unresolved=f"{registry.host} has no such tag")


def test_an_architecture_that_an_incomplete_mirror_lacks_is_left_out_until_it_is_there(registry: FakeRegistry) -> None:
    repository = UPSTREAM.partition("/")[2].partition(":")[0]
    mirrors = {"upstream.example": registry.host}
    both = MATRIX.model_copy(
        update={"bases": {"al2": MATRIX.bases["al2"].model_copy(update={"architectures": tuple(Architecture)})}}
    )
    old = Lock(archives=LOCKED.archives)
    registry.index(repository, "al2", "linux/amd64")
    with pytest.raises(UsageError, match="upstream has no arm64"):
        Resolver(Registry(retries=0), mirrors, TODAY).lock(both, old, upgrade=False)
    resolver = Resolver(Registry(retries=0), mirrors, TODAY, incomplete=mirrors)
    partly = resolver.lock(both, old, upgrade=False)
    assert partly.images[UPSTREAM].digests.keys() == {Architecture.X86_64}
    registry.index(repository, "al2", "linux/amd64", "linux/arm64")
    assert resolver.lock(both, partly, upgrade=False).images[UPSTREAM].digests.keys() == set(Architecture)


def test_only_a_mirror_can_be_incomplete() -> None:
    resolver = Resolver(Registry(retries=0), {}, TODAY, incomplete=(HOST, "upstream.example"))
    assert resolver.lock(MATRIX, LOCKED, upgrade=False) == LOCKED, "what is declared is copied, and nobody is asked"


def test_half_a_file_is_no_file(server: FileServer) -> None:
    server.broken.add("/files/undeclared.zip")
    with pytest.raises(web.UnreachableError, match=r"undeclared\.zip"):
        _lock(server)


def test_no_answer_is_raised_or_noted_but_forgets_nothing() -> None:
    nobody = UPSTREAM_HOST
    with pytest.raises(web.UnreachableError):
        _lock(nobody)
    assert _lock(nobody, tolerant=True).archives == {
        DECLARED: SHA256,
        UNDECLARED: Unresolved(unresolved=f"{HOST} could not be reached on 2026-11-23"),
        LONG: SHA512,
    }
    assert _lock(nobody, LOCKED, upgrade=True, tolerant=True) == LOCKED


@pytest.mark.parametrize("text", ["abc", {"instead": "abc"}, {"unresolved": 3}, {"other": "x"}, 3])
def test_a_lock_says_nothing_else(text: object) -> None:
    with pytest.raises(ValidationError):
        Lock.model_validate({"archives": {"https://a.example": text}})
