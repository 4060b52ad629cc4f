"""What a lock's update tells a reviewer."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from factory.app.outside import Outside
from factory.build.records import Record
from factory.cli.main import main
from factory.matrix import lock
from factory.matrix.images import Image, expand
from factory.registry.client import Registry
from factory.upstream.summary import Move, moves, summary
from tests.support import SMALL, digest, full_lock, image, inputs_of, record, small

PYTHON = "upstream.example/lambda/python:3.11"
RUN = image("python3.11-x86_64")
OLD = full_lock(small())
NEW = full_lock(small(), changes={PYTHON: "moved"})


def made_from(which: lock.Lock, *packages: str) -> Record:
    return replace(record(RUN.name, inputs_of(lock=which)(RUN)), packages=packages)


def upstreams(image_: Image) -> list[str]:
    return list(inputs_of()(image_).upstreams)


def told(*records: Record) -> str:
    return summary(moves(OLD, NEW), expand(small()), upstreams, lambda image_: records if image_ == RUN else ())


def test_a_move_is_told_for_each_architecture() -> None:
    assert moves(OLD, NEW) == [
        Move(PYTHON, str(arch), OLD.images[PYTHON].digests[arch], NEW.images[PYTHON].digests[arch])
        for arch in sorted(OLD.images[PYTHON].digests)
    ]


def test_equal_locks_have_nothing_to_tell() -> None:
    assert summary(moves(OLD, OLD), expand(small()), upstreams, lambda _: ()) == "Nothing moved upstream.\n"


def test_the_runtimes_that_use_it_are_named() -> None:
    row = next(line for line in told().splitlines() if "x86_64" in line)
    old, new = (side.images[PYTHON].digests[RUN.architecture].removeprefix("sha256:")[:12] for side in (OLD, NEW))
    assert row == f"| python3.11 | `{PYTHON}` | x86_64 | `{old}` | `{new}` |"


def test_what_moved_under_a_base_names_the_runtimes_on_it_that_have_the_architecture() -> None:
    base = "upstream.example/lambda/provided:al2"
    moved = moves(OLD, full_lock(small(), changes={base: "moved"}))
    rows = [line.split("|") for line in summary(moved, expand(small()), upstreams, lambda _: ()).splitlines()[2:4]]
    assert {row[3].strip(): row[1].strip() for row in rows} == {
        "arm64": "al2, provided.al2, python3.9",
        "x86_64": "al2, provided.al2, python3.11, python3.9",
    }


def test_packages_of_images_from_before_and_after() -> None:
    text = told(
        made_from(NEW, "bash-5.2-1.x86_64", "zlib-1-1.x86_64"), made_from(OLD, "bash-5.1-1.x86_64", "zlib-1-1.x86_64")
    )
    assert "**python3.11-x86_64**: 1 packages" in text
    assert "| bash | 5.1-1.x86_64 | 5.2-1.x86_64 |" in text
    assert "zlib" not in text


def test_equal_packages_are_told_as_such() -> None:
    assert "**python3.11-x86_64**: no package differs" in told(made_from(NEW, "a-1-1"), made_from(OLD, "a-1-1"))


@pytest.mark.parametrize("known", [(), (OLD,), (NEW,)])
def test_what_was_never_built_is_not_compared(known: tuple[lock.Lock, ...]) -> None:
    assert "is known when the images are built" in told(*(made_from(each, "a-1-1") for each in known))


def test_archives_are_told_by_their_checksums() -> None:
    old = lock.Lock(archives={"https://a": "0" * 64, "https://b": lock.Unresolved(unresolved="no answer")})
    new = lock.Lock(
        archives={"https://a": "1" * 64, "https://b": lock.Replaced(instead="2" * 64), "https://c": "3" * 64}
    )
    assert [(move.upstream, move.old, move.new) for move in moves(old, new)] == [
        ("https://a", "0" * 64, "1" * 64),
        ("https://b", "unresolved", "2" * 64),
    ], "what the old lock did not know is no move"


def test_since_a_revision(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FACTORY_REGISTRY", "127.0.0.1:1/nowhere/at-all")
    impatient = Outside(registry=lambda: Registry(retries=0))
    Path("matrix.toml").write_text(SMALL.read_text())
    lock.write(Path("matrix.lock"), OLD)
    for words in (["init", "-q"], ["add", "."], ["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "one"]):
        subprocess.run(["git", *words], check=True)
    lock.write(Path("matrix.lock"), NEW)
    before = Path("matrix.lock").read_text()
    assert main(["lock", "--since", "HEAD"], impatient) == 0
    assert f"| python3.11 | `{PYTHON}` | x86_64 |" in capsys.readouterr().out
    assert Path("matrix.lock").read_text() == before
    assert main(["lock", "--since", "no-such-revision"], impatient) == 2


def test_a_digest_is_shortened() -> None:
    assert digest("x").removeprefix("sha256:")[:12] in summary(
        [Move("u", "x86_64", None, digest("x"))], [], upstreams, lambda _: ()
    )
