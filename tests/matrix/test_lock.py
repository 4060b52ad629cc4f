"""The lock as text, and what of the matrix it must hold."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from factory.errors import UsageError
from factory.matrix.lock import (
    Lock,
    Locked,
    Replaced,
    Unresolved,
    read,
    source_reference,
    text,
    wanted_archives,
    wanted_images,
    write,
)
from factory.matrix.words import Architecture
from tests.support import ROOT, digest, full_lock, real, small, small_with

X86, ARM = Architecture.X86_64, Architecture.ARM64


def test_the_text_is_sorted_one_fact_a_line() -> None:
    lock = Lock(
        images={
            "b.example/z:1": Locked(unresolved='b.example said "no" \\ nothing'),
            "a.example/y:1": Locked(digests={X86: digest("x"), ARM: digest("a")}, resolved=date(2026, 11, 23)),
        },
        archives={"https://z.example/b": "b" * 64, "https://a.example/a": "a" * 64},
    )
    assert text(lock) == (
        "# Written by `factory lock`; do not edit.\n"
        "version = 1\n"
        "\n"
        '[images."a.example/y:1"]\n'
        "resolved = 2026-11-23\n"
        f'digests.arm64 = "{digest("a")}"\n'
        f'digests.x86_64 = "{digest("x")}"\n'
        "\n"
        '[images."b.example/z:1"]\n'
        'unresolved = "b.example said \\"no\\" \\\\ nothing"\n'
        "\n"
        "[archives]\n"
        f'"https://a.example/a" = "{"a" * 64}"\n'
        f'"https://z.example/b" = "{"b" * 64}"\n'
    )


def test_what_is_written_is_what_is_read(tmp_path: Path) -> None:
    lock = Lock(
        images={**full_lock(small()).images, "c.example/d:1": Locked(unresolved='"quoted" and \\ escaped')},
        archives={
            "https://a.example/a": "a" * 64,
            "https://a.example/b": Replaced(instead="b" * 128),
            "https://a.example/c": Unresolved(unresolved='a "reason"'),
        },
    )
    write(tmp_path / "matrix.lock", lock)
    assert read(tmp_path / "matrix.lock") == lock
    assert text(read(tmp_path / "matrix.lock")) == text(lock)


def test_no_file_is_an_empty_lock(tmp_path: Path) -> None:
    assert read(tmp_path / "none.lock") == Lock()


@pytest.mark.parametrize(
    "content",
    [
        b"version = 2\n",
        b"version = ",
        b"\xff",
        b'[images."a.b/c:d"]\ndigests.x86_64 = "sha256:short"\n',
        b'[images."a.b/c:d"]\ndigests.i386 = "sha256:short"\n',
        b'[images."a.b/c:d"]\nsurprise = 1\n',
        b"archives = 3\n",
    ],
)
def test_what_no_command_wrote_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "matrix.lock"
    file.write_bytes(content)
    with pytest.raises(UsageError, match=r"is no lock \(.*\); it is written by a command.*run `factory lock`"):
        read(file)


def test_a_folder_is_no_lock(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read: Is a directory"):
        read(tmp_path)


def test_digests_are_found_by_reference_and_architecture() -> None:
    lock = Lock(images={"a.b/c:d": Locked(digests={X86: digest("x")}, resolved=date(2026, 1, 1))})
    assert lock.digest("a.b/c:d", X86) == digest("x")
    assert lock.digest("a.b/c:d", ARM) is None
    assert lock.digest("a.b/other:d", X86) is None


def test_the_epoch_is_the_youngest_references_day() -> None:
    lock = Lock(
        images={
            "a.b/c:old": Locked(digests={X86: digest("o")}, resolved=date(2026, 1, 1)),
            "a.b/c:new": Locked(digests={X86: digest("n")}, resolved=date(2026, 11, 23)),
            "a.b/c:none": Locked(unresolved="no"),
        }
    )
    young = int(datetime(2026, 11, 23, tzinfo=UTC).timestamp())
    assert lock.epoch(("a.b/c:old", "a.b/c:new", "a.b/c:none")) == young
    assert lock.epoch(("a.b/c:old",)) == int(datetime(2026, 1, 1, tzinfo=UTC).timestamp())
    assert lock.epoch(("a.b/c:none", "a.b/c:unknown")) == 0
    assert lock.epoch(()) == 0


def test_every_reference_is_wanted_for_the_architectures_that_need_it() -> None:
    up = "upstream.example/lambda"
    both = frozenset((X86, ARM))
    assert dict(wanted_images(small())) == {
        f"{up}/nodejs:22": both,
        f"{up}/nodejs:26-preview": both,
        f"{up}/provided:al2": both,
        f"{up}/provided:al2023": both,
        f"{up}/provided:alami": {X86},
        f"{up}/python:3.11": {X86},
    }
    assert list(wanted_images(small())) == sorted(wanted_images(small()))


def test_a_reference_of_two_runtimes_is_wanted_for_the_architectures_of_both() -> None:
    matrix = small_with(('version = "3.11"\narchitectures = ["x86_64"]', 'version = "3.11"\narchitectures = ["arm64"]'))
    assert wanted_images(matrix)["upstream.example/lambda/python:3.11"] == {ARM}
    assert wanted_images(matrix)["upstream.example/lambda/provided:al2"] == {X86, ARM}


def test_archives_are_pinned_by_the_matrix() -> None:
    assert {url: artifact.digits for url, artifact in wanted_archives(small()).items()} == {
        "https://archive.example/nodejs6.10.tgz": "6" * 64,
        "https://archive.example/x86_64/python3.9.tgz": "a" * 64,
        "https://archive.example/arm64/python3.9.tgz": "b" * 64,
    }


def test_where_a_runtimes_content_comes_from() -> None:
    runtimes, families = small().runtimes, small().families
    found = {name: source_reference(runtime, families[runtime.family]) for name, runtime in runtimes.items()}
    assert found == {
        "provided.al2": None,
        "nodejs22.x": "upstream.example/lambda/nodejs:22",
        "nodejs26.x": "upstream.example/lambda/nodejs:26-preview",
        "nodejs6.10": None,
        "python3.11": "upstream.example/lambda/python:3.11",
        "python3.9": None,
    }


def test_the_repositorys_lock_speaks_of_every_reference() -> None:
    lock = read(ROOT / "matrix.lock")
    assert lock.images.keys() == wanted_images(real()).keys()
    assert lock.archives.keys() == wanted_archives(real()).keys()
    for locked in lock.images.values():
        assert locked.digests or locked.unresolved
