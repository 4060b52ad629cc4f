"""Files that are whole or not there, folders as values, and locks between processes."""

from __future__ import annotations

import errno
import multiprocessing
import os
import signal
import time
from collections.abc import Callable
from multiprocessing.synchronize import Event
from pathlib import Path, PurePosixPath

import pytest

from factory.errors import ExitCode
from factory.files import DiskError, File, Folder, exclusive, read_folder, write_if_changed, write_text

_FORK = multiprocessing.get_context("fork")


def test_a_file_and_its_folders_are_made(tmp_path: Path) -> None:
    file = tmp_path / "a" / "b" / "c.txt"
    write_text(file, "héllo\n")
    assert file.read_bytes() == "héllo\n".encode()
    assert file.stat().st_mode & 0o777 == 0o644
    assert [entry.name for entry in file.parent.iterdir()] == ["c.txt"]


def test_a_reader_sees_the_old_text_or_the_new_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "a.txt"
    write_text(file, "old")
    seen: list[str] = []
    replace = os.replace

    def watched(source: str, target: Path) -> None:
        seen.append(file.read_text())
        replace(source, target)
        seen.append(file.read_text())

    monkeypatch.setattr(os, "replace", watched)
    write_text(file, "new")
    assert seen == ["old", "new"]


def test_an_interrupted_write_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_text(tmp_path / "a.txt", "text")
    assert list(tmp_path.iterdir()) == []


def test_an_unchanged_file_keeps_its_time(tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    assert write_if_changed(file, "text")
    os.utime(file, (1, 1))
    assert not write_if_changed(file, "text")
    assert file.stat().st_mtime == 1
    assert write_if_changed(file, "other")
    assert file.read_text() == "other"


def _hold(file: Path, holding: Event, release: Event) -> None:
    with exclusive(file):
        holding.set()
        release.wait(20)


def _count(file: Path, counter: Path, turns: int) -> None:
    for _ in range(turns):
        with exclusive(file):
            value = int(counter.read_text())
            time.sleep(0.001)
            counter.write_text(str(value + 1))


def test_nobody_waits_for_a_free_lock(tmp_path: Path) -> None:
    for _ in range(2):
        with exclusive(tmp_path / "locks" / "a.lock") as waited:
            assert not waited


def test_one_process_at_a_time(tmp_path: Path) -> None:
    counter = tmp_path / "counter"
    counter.write_text("0")
    workers = [_FORK.Process(target=_count, args=(tmp_path / "a.lock", counter, 25)) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(30)
    assert counter.read_text() == "100"


def test_a_second_process_waits_and_knows_it(tmp_path: Path) -> None:
    holding, release = _FORK.Event(), _FORK.Event()
    other = _FORK.Process(target=_hold, args=(tmp_path / "a.lock", holding, release))
    other.start()
    assert holding.wait(20)
    with exclusive(tmp_path / "b.lock") as waited:
        assert not waited, "another lock is another matter"
    watcher = _FORK.Process(target=_release_later, args=(release,))
    watcher.start()
    with exclusive(tmp_path / "a.lock") as waited:
        assert waited
        assert release.is_set()
    other.join(20)
    watcher.join(20)


def _release_later(release: Event) -> None:
    time.sleep(0.2)
    release.set()


def test_a_killed_process_holds_nothing(tmp_path: Path) -> None:
    holding, release = _FORK.Event(), _FORK.Event()
    other = _FORK.Process(target=_hold, args=(tmp_path / "a.lock", holding, release))
    other.start()
    assert holding.wait(20)
    assert other.pid
    os.kill(other.pid, signal.SIGKILL)
    other.join(20)
    with exclusive(tmp_path / "a.lock"):
        pass


def test_an_error_inside_lets_go(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="mine"), exclusive(tmp_path / "a.lock"):
        raise ValueError("mine")
    with exclusive(tmp_path / "a.lock") as waited:
        assert not waited


def test_a_full_disk_is_the_machines_lack_and_leaves_the_old_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "record.json"
    write_text(file, "old")

    def full(_handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(
        DiskError, match=r"record.json: No space left on device: the file system at /.* is full"
    ) as told:
        write_text(file, "new")
    assert told.value.exit_code == ExitCode.MACHINE
    assert [(found.name, found.read_text()) for found in tmp_path.iterdir()] == [("record.json", "old")]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of a program and a text further down."""
    top = tmp_path / "folder"
    (top / "lib").mkdir(parents=True)
    (top / "run").write_bytes(b"#!/bin/sh\n")
    (top / "run").chmod(0o755)
    (top / "lib" / "text").write_bytes(b"one\n")
    (top / "lib" / "text").chmod(0o644)
    return top


def test_a_folder_is_its_files_by_path(folder: Path) -> None:
    assert read_folder(folder) == Folder(
        (
            File(PurePosixPath("lib/text"), program=False, content=b"one\n"),
            File(PurePosixPath("run"), program=True, content=b"#!/bin/sh\n"),
        )
    )
    assert [file.mode for file in read_folder(folder).files] == [0o644, 0o755]


@pytest.mark.parametrize(
    "change",
    [
        lambda top: (top / "lib" / "text").write_text("two\n"),
        lambda top: (top / "lib" / "text").rename(top / "lib" / "other"),
        lambda top: (top / "lib").rename(top / "bin"),
        lambda top: (top / "lib" / "text").chmod(0o744),
        lambda top: (top / "run").chmod(0o644),
        lambda top: (top / "lib" / "text").unlink(),
        lambda top: (top / "more").touch(),
    ],
    ids=["content", "name", "folder", "made a program", "no program any more", "gone", "new"],
)
def test_the_key_tells_another_folder(folder: Path, change: Callable[[Path], object]) -> None:
    before = read_folder(folder)
    change(folder)
    assert read_folder(folder) != before
    assert read_folder(folder).key() != before.key()


@pytest.mark.parametrize(
    "change",
    [
        lambda top: os.utime(top / "run", (1, 1)),
        lambda top: (top / "lib" / "text").chmod(0o664),
        lambda top: (top / "run").chmod(0o700),
        lambda top: (top / "empty").mkdir(),
        lambda top: [(top / "lib" / "__pycache__").mkdir(), (top / "lib" / "__pycache__" / "a.pyc").touch()],
    ],
    ids=["time", "mode of the group", "mode of the others", "empty folder", "what Python leaves"],
)
def test_the_key_tells_nothing_that_a_checkout_does_not_keep(folder: Path, change: Callable[[Path], object]) -> None:
    before = read_folder(folder)
    change(folder)
    assert read_folder(folder) == before
    assert read_folder(folder).key() == before.key()


def test_the_key_does_not_depend_on_the_order_in_which_files_were_made(tmp_path: Path) -> None:
    names = ["b", "a/x", "a.x", "c"]
    for top, order in ((tmp_path / "one", names), (tmp_path / "two", names[::-1])):
        for name in order:
            (top / name).parent.mkdir(parents=True, exist_ok=True)
            (top / name).write_text(name)
    one, two = read_folder(tmp_path / "one"), read_folder(tmp_path / "two")
    assert one == two
    assert one.key() == two.key()
    assert sorted(str(file.path) for file in one.files) == sorted(names)


def test_a_key_may_begin_with_something_else(folder: Path) -> None:
    keys = {read_folder(folder).key(begin) for begin in ("", "one", "two")}
    assert len(keys) == 3
    assert all(len(key) == 64 for key in keys)


def test_only_what_is_wanted_is_read(folder: Path) -> None:
    found = read_folder(folder, lambda file: file.name == "run")
    assert [str(file.path) for file in found.files] == ["run"]


def test_no_folder_has_no_files(tmp_path: Path) -> None:
    assert read_folder(tmp_path / "nowhere") == Folder(())
