"""`scripts/lab lock`: a mirror that is no copy is locked as it is."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from factory.matrix import lock
from factory.matrix.lock import Replaced, Unresolved
from tests.fake_registry import FakeRegistry
from tests.file_server import FileServer
from tests.support import REAL, digest, small_text
from tools.lab.lock import main

NODE = "upstream.example/lambda/nodejs:22"
LEGACY = "https://archive.example/nodejs6.10.tgz"


@pytest.fixture
def files() -> Iterator[FileServer]:
    with FileServer() as server:
        yield server


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, registry: FakeRegistry, files: FileServer) -> Path:
    (tmp_path / "matrix.toml").write_text(small_text())
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FACTORY_MIRROR", f"upstream.example={registry.host},archive.example={files.host}")
    registry.index("lambda/nodejs", "22", "linux/amd64", "linux/arm64")
    return tmp_path


def test_what_the_lab_lacks_is_noted_and_what_is_another_file_too(
    folder: Path, capsys: pytest.CaptureFixture[str], registry: FakeRegistry, files: FileServer
) -> None:
    files.files["/nodejs6.10.tgz"] = b"another"
    assert main([]) == 0
    assert capsys.readouterr().out == "matrix.lock: 6 images, 5 of them unresolved, 3 archives, 2 of them unresolved\n"
    locked = lock.read(folder / "matrix.lock")
    assert locked.images[NODE].digests
    lacking = {entry.unresolved for reference, entry in locked.images.items() if reference != NODE}
    assert lacking == {f"{registry.host} has no such tag"}
    assert locked.archives.pop(LEGACY) == Replaced(instead=hashlib.sha256(b"another").hexdigest())
    assert set(locked.archives.values()) == {Unresolved(unresolved=f"{files.host} has no such file")}


def test_upgrade_tells_what_moved(folder: Path, capsys: pytest.CaptureFixture[str], registry: FakeRegistry) -> None:
    assert main(["--upgrade"]) == 0
    assert capsys.readouterr().out.startswith("Nothing moved upstream.\n")
    registry.index("lambda/nodejs", "22", "linux/amd64", "linux/arm64", "linux/s390x")
    assert main([]) == 0
    assert "|" not in capsys.readouterr().out
    text = (folder / "matrix.lock").read_text()
    known = lock.read(folder / "matrix.lock").images[NODE].digests
    (folder / "matrix.lock").write_text(text.replace(next(iter(known.values())), digest("old")))
    assert main(["--upgrade"]) == 0
    assert f"| nodejs22.x | `{NODE}` |" in capsys.readouterr().out


def test_nobody_who_answers_is_an_error_or_noted(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FACTORY_MIRROR", "upstream.example=127.0.0.1:1,archive.example=127.0.0.1:1")
    monkeypatch.setattr("factory.registry.client.Registry.__init__.__defaults__", (0, 0.0))
    monkeypatch.setattr("factory.registry.http.session.__defaults__", (0, 0.0))
    assert main([]) == 3
    assert "127.0.0.1:1" in capsys.readouterr().err
    monkeypatch.setenv("FACTORY_ALLOW_UNRESOLVED", "1")
    assert main(["--lock", "other.lock"]) == 0
    entries = lock.read(folder / "other.lock").images.values()
    assert all("could not be reached" in str(entry.unresolved) for entry in entries)


def test_a_lock_of_before_keeps_its_days(folder: Path, files: FileServer) -> None:
    files.files["/nodejs6.10.tgz"] = b"another"
    assert main([]) == 0
    file = folder / "matrix.lock"
    found = lock.read(file).images[NODE].resolved
    text = file.read_text().replace("{ instead =", "{ stand_in =").replace(str(found), "2026-11-01")
    assert "stand_in" in text
    file.write_text(text)
    assert main([]) == 0
    assert "stand_in" not in file.read_text()
    assert lock.read(file).images[NODE].resolved == date(2026, 11, 1)


def test_signatures_are_upstreams_business(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with (folder / "matrix.toml").open("a") as file:
        file.write('\n[signatures."upstream.example/lambda"]\nkey = "upstream.pub"\n')
    assert main([]) == 0
    assert "the lab's images are not asked for upstream's signatures" in capsys.readouterr().err


def test_without_a_word_the_lab_is_the_mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, str] = {}

    class Nobody:
        def lock(self, *_: object) -> lock.Lock:
            return lock.Lock()

    def resolver(mirrors: dict[str, str], *_: object, **__: object) -> Nobody:
        asked.update(mirrors)
        return Nobody()

    monkeypatch.setenv("LAB_PORT", "5432")
    monkeypatch.setattr("tools.lab.lock.resolver", resolver)
    assert main(["--matrix", str(REAL), "--lock", str(tmp_path / "lab.lock")]) == 0
    assert asked["public.ecr.aws"] == "127.0.0.1:5432"
    assert asked["services.gradle.org"] == "127.0.0.1:5433/services.gradle.org"
