"""Upstream's signatures, as `factory lock` asks for them, with a stand-in for cosign: tests/lab calls the real one."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from factory.app.project import load_matrix as load
from factory.build.buildx import Buildx, UnverifiableError
from factory.build.engine import Engine
from factory.cli.main import main
from factory.matrix import lock
from factory.matrix.lock import Lock, Locked
from factory.matrix.schema import signatures_of
from factory.matrix.words import Architecture
from factory.plan.planner import Action, Standard, plan
from factory.plan.present import There
from factory.process import Processes
from factory.registry.client import Registry
from factory.upstream.resolve import Resolver
from tests.fake_registry import FakeRegistry
from tests.support import contexts, full_lock, image, inputs_of, renderer_of, small, small_text, small_with

X86, ARM = Architecture.X86_64, Architecture.ARM64
UP = "upstream.example/lambda"
BOTH = ("linux/amd64", "linux/arm64")
TABLE = """
[signatures."upstream.example/lambda/nodejs"]
key = "keys/upstream.pub"
transparency_log = false
"""
COSIGN = """#!/bin/sh
# Knows which digests are signed; refuses the others, as the real one does.
echo "$*" >> calls
for word; do last=$word; done
grep -qx "${last#*@}" signed || { echo "Error: no signatures found" >&2; echo "main.go:74: error" >&2; exit 10; }
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The small matrix that wants signatures of Node.js, no lock, and cosign on PATH; we are elsewhere."""
    home = tmp_path / "home"
    (home / "keys").mkdir(parents=True)
    (home / "keys" / "upstream.pub").touch()
    (home / "matrix.toml").write_text(small_text() + TABLE)
    for name in ("bin", "run"):
        (tmp_path / name).mkdir()
    (tmp_path / "bin" / "cosign").write_text(COSIGN)
    (tmp_path / "bin" / "cosign").chmod(0o755)
    (tmp_path / "run" / "signed").touch()
    monkeypatch.chdir(tmp_path / "run")
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:/usr/bin:/bin")
    monkeypatch.setenv("FACTORY_MATRIX", str(home / "matrix.toml"))
    return home


@pytest.fixture
def upstream(registry: FakeRegistry, monkeypatch: pytest.MonkeyPatch) -> FakeRegistry:
    """All that the small matrix names, behind a mirror."""
    for name, tag in (("provided", "al2"), ("provided", "al2023"), ("nodejs", "22"), ("nodejs", "26-preview")):
        registry.index(f"lambda/{name}", tag, *BOTH, salt=tag)
    for name, tag in (("provided", "alami"), ("python", "3.11")):
        registry.image(f"lambda/{name}", tag)
    monkeypatch.setenv("FACTORY_MIRROR", f"upstream.example={registry.host}")
    return registry


def _sign(*digests: str) -> None:
    with Path("signed").open("a") as stream:
        stream.writelines(f"{digest}\n" for digest in digests)


def _calls() -> list[str]:
    file = Path("calls")
    calls = file.read_text().splitlines() if file.exists() else []
    file.unlink(missing_ok=True)
    return calls


def _tagged(registry: FakeRegistry, tag: str, name: str = "nodejs") -> str:
    return registry.manifests[f"lambda/{name}", tag].digest


def _members(registry: FakeRegistry, tag: str) -> dict[str, str]:
    entries = registry.manifests["lambda/nodejs", tag].json()["manifests"]
    return {entry["platform"]["architecture"]: entry["digest"] for entry in entries}


def test_what_upstream_signed_is_locked(folder: Path, upstream: FakeRegistry) -> None:
    _sign(_tagged(upstream, "22"), _tagged(upstream, "26-preview"))
    assert main(["lock"]) == 0
    locked = lock.read(folder / "matrix.lock").images
    assert locked[f"{UP}/nodejs:22"].digests == {
        X86: _members(upstream, "22")["amd64"],
        ARM: _members(upstream, "22")["arm64"],
    }
    assert len(locked) == 6
    calls = _calls()
    options = f"--key={folder}/keys/upstream.pub --insecure-ignore-tlog=true --private-infrastructure=true"
    assert sorted(calls) == sorted(
        f"verify {options} {upstream.host}/lambda/nodejs@{_tagged(upstream, tag)}" for tag in ("22", "26-preview")
    )


def test_each_manifest_may_have_its_own_signature_instead(folder: Path, upstream: FakeRegistry) -> None:
    _sign(_tagged(upstream, "26-preview"), *_members(upstream, "22").values())
    assert main(["lock"]) == 0


def test_what_has_no_good_signature_is_named_and_nothing_is_written(
    folder: Path, upstream: FakeRegistry, capsys: pytest.CaptureFixture[str]
) -> None:
    _sign(_members(upstream, "22")["amd64"])
    assert main(["lock"]) == 2
    ending = f"has no good signature by keys/upstream.pub, asked at {upstream.host}/lambda/nodejs: no signatures found"
    assert capsys.readouterr().err.splitlines() == [
        f"{UP}/nodejs:22: arm64 {ending}",
        f"{UP}/nodejs:26-preview: arm64 {ending}",
        f"{UP}/nodejs:26-preview: x86_64 {ending}",
        "the lock was not changed; if upstream signs otherwise now, change `signatures` in the matrix",
    ]
    assert not (folder / "matrix.lock").exists()


def test_losses_are_named_beside_it(folder: Path, upstream: FakeRegistry, capsys: pytest.CaptureFixture[str]) -> None:
    del upstream.manifests["lambda/python", "3.11"]
    _sign(_tagged(upstream, "22"))
    assert main(["lock"]) == 2
    told = capsys.readouterr().err
    assert f"{UP}/python:3.11: upstream has no such tag" in told
    assert f"{UP}/nodejs:26-preview: x86_64 has no good signature" in told


def test_what_is_locked_is_not_asked_for_until_it_moves(
    folder: Path, upstream: FakeRegistry, capsys: pytest.CaptureFixture[str]
) -> None:
    _sign(_tagged(upstream, "22"), _tagged(upstream, "26-preview"))
    assert main(["lock"]) == 0
    Path("signed").write_text("")
    _calls()
    assert main(["lock"]) == 0
    assert main(["lock", "--upgrade"]) == 0
    assert _calls() == []
    before = (folder / "matrix.lock").read_bytes()
    upstream.index("lambda/nodejs", "22", *BOTH, salt="moved")
    assert main(["lock", "--upgrade"]) == 2
    told = capsys.readouterr().err
    assert (folder / "matrix.lock").read_bytes() == before
    assert f"{UP}/nodejs:22: arm64 has no good signature" in told
    assert "26-preview" not in told


def test_only_the_digest_that_is_new_is_asked_for(folder: Path, upstream: FakeRegistry) -> None:
    """An architecture that a lock lacks, beside one that it has."""
    known = {X86: _members(upstream, "22")["amd64"]}
    both = {X86: _members(upstream, "26-preview")["amd64"], ARM: _members(upstream, "26-preview")["arm64"]}
    lock.write(
        folder / "matrix.lock",
        Lock(images={f"{UP}/nodejs:22": Locked(digests=known), f"{UP}/nodejs:26-preview": Locked(digests=both)}),
    )
    _sign(_members(upstream, "22")["arm64"])
    assert main(["lock"]) == 0


def test_a_single_manifest_is_asked_for_once(folder: Path, upstream: FakeRegistry) -> None:
    (folder / "matrix.toml").write_text(small_text() + TABLE.replace("nodejs", "python"))
    assert main(["lock"]) == 2
    assert [call.rpartition("@")[2] for call in _calls()] == [_tagged(upstream, "3.11", "python")]


def test_without_a_declaration_cosign_is_not_needed(
    folder: Path, upstream: FakeRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "matrix.toml").write_text(small_text())
    monkeypatch.setenv("PATH", "")
    assert main(["lock"]) == 0


def test_without_cosign_the_machine_lacks_it(
    folder: Path, upstream: FakeRegistry, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    assert main(["lock"]) == 3
    assert "cosign is not installed, and it checks signatures" in capsys.readouterr().err
    assert not (folder / "matrix.lock").exists()


def test_an_incomplete_mirror_is_not_asked_for_upstreams_signatures(folder: Path, upstream: FakeRegistry) -> None:
    mirrors = {"upstream.example": upstream.host}
    resolver = Resolver(Registry(retries=0), mirrors, date(2026, 11, 23), incomplete=mirrors, folder=folder)
    assert resolver.lock(load(folder / "matrix.toml"), full_lock(small()), upgrade=True)
    assert _calls() == []


def test_a_key_that_is_not_there_is_a_slip_in_the_matrix(
    folder: Path, registry: FakeRegistry, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "keys" / "upstream.pub").unlink()
    monkeypatch.setenv("FACTORY_MIRROR", f"upstream.example={registry.host}")
    assert main(["lock"]) == 2
    line = (folder / "matrix.toml").read_text().splitlines().index('key = "keys/upstream.pub"') + 1
    assert capsys.readouterr().err == (
        f'{folder}/matrix.toml:{line}: signatures."upstream.example/lambda/nodejs".key: there is no file '
        f"{folder}/keys/upstream.pub\n    name a public key, from the matrix's folder\n"
        f"{folder}/matrix.toml: 1 error, nothing was done\n"
    )
    assert registry.requests == []


def test_a_key_of_a_service_is_cosigns_business(folder: Path, upstream: FakeRegistry) -> None:
    matrix = folder / "matrix.toml"
    matrix.write_text(matrix.read_text().replace("keys/upstream.pub", "awskms:///alias/upstream"))
    assert main(["lock"]) == 2
    assert all("--key=awskms:///alias/upstream " in call for call in _calls())


def test_an_identity_and_its_issuer(folder: Path, upstream: FakeRegistry, capsys: pytest.CaptureFixture[str]) -> None:
    table = TABLE.partition("key")[0] + 'identity = "^https://git.example/up/"\nissuer = "https://token.example"\n'
    (folder / "matrix.toml").write_text(small_text() + table)
    assert main(["lock"]) == 2
    assert "has no good signature by ^https://git.example/up/" in capsys.readouterr().err
    options = "--certificate-identity-regexp=^https://git.example/up/ --certificate-oidc-issuer=https://token.example"
    assert all(call.startswith(f"verify {options} {upstream.host}/") for call in _calls())


@pytest.mark.parametrize(
    ("prefixes", "found"),
    [
        (["upstream.example"], "upstream.example"),
        (["upstream.example", "upstream.example/lambda"], "upstream.example/lambda"),
        (["upstream.example/lambda", "upstream.example/lambda/nodejs"], "upstream.example/lambda/nodejs"),
        (["upstream.example/lambda/node"], None),
        (["upstream.example/lambda/nodejs/x"], None),
        ([], None),
    ],
)
def test_the_narrowest_table_counts(prefixes: list[str], found: str | None) -> None:
    tables = {prefix: {"key": prefix} for prefix in prefixes}
    matrix = type(small()).model_validate(small().model_dump(exclude_unset=True) | {"signatures": tables})
    assert getattr(signatures_of(matrix, f"{UP}/nodejs:22"), "key", None) == found


def test_what_was_never_checked_is_not_built(tmp_path: Path) -> None:
    """A tag without a digest may mean anything: where a signature is wanted that is too little."""
    matrix = small_with(("[extras.headers]", f"{TABLE}\n[extras.headers]"))
    whole = full_lock(matrix)
    partly = Lock(
        images={ref: one for ref, one in whole.images.items() if ref != f"{UP}/nodejs:22"}, archives=whole.archives
    )
    of, one = inputs_of(matrix, partly), image("nodejs22.x-x86_64", matrix)
    item = plan([one], of, {one: There(lacking="never built")}, Standard())[one]
    assert (item.action, item.reason) == (
        Action.BLOCKED, f"the signature of {UP}/nodejs:22 is unchecked; run `factory lock`"
    )  # fmt: skip
    engine = Engine.__new__(Engine)  # it is never asked
    buildx = Buildx(engine, Processes(), renderer_of(matrix), contexts(matrix, of), tmp_path)
    with pytest.raises(UnverifiableError, match=rf"nobody checked the signature of {UP}/nodejs:22; run `factory lock`"):
        buildx.build(one, lambda _: None)
    other = image("python3.11-x86_64", matrix)
    unlocked = inputs_of(matrix, Lock(archives=whole.archives))
    [item] = plan([other], unlocked, {other: There(lacking="never built")}, Standard()).values()
    assert (item.action, item.reason) == (Action.BUILD, "never built")
