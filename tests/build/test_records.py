"""Records: whole or not there, and damage counts as missing."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from factory.build.records import CheckResult, Record, Records
from factory.build.records import TestResult as SmokeResult
from factory.files import DiskError
from tests.support import digest, failed, image, inputs_of, not_executed, passed, record

NAME = "nodejs22.x-arm64"
INPUTS = inputs_of()(image(NAME))


def _made(**changes: object) -> Record:
    made = record(NAME, INPUTS, passed(), {"ghcr.io/a/b": [NAME, "nodejs22.x"]})
    return replace(made, **changes)  # type: ignore[arg-type]


def _file(folder: Path, made: Record) -> Path:
    return folder / "records" / f"{made.digest.replace(':', '-')}.json"


@pytest.mark.parametrize(
    "tests",
    [None, passed(), failed(message="first\nsecond"), not_executed()],
    ids=["untested", "passed", "failed", "not executed"],
)
def test_what_is_saved_is_what_is_read(tmp_path: Path, tests: SmokeResult | None) -> None:
    made = _made(tests=tests)
    assert Records(tmp_path).save(made) is made
    again = Records(tmp_path)
    assert again.get(made.digest) == made
    assert again.damaged == []
    assert list(again) == [made]


def test_what_was_not_executed_has_not_passed() -> None:
    assert (not_executed().sound, not_executed().passed) == (True, False)
    assert (passed().sound, passed().passed) == (True, True)
    assert (failed().sound, failed().passed) == (False, False)


def test_there_is_one_readable_file_for_each_digest(tmp_path: Path) -> None:
    records = Records(tmp_path)
    made = records.save(_made())
    records.save(replace(made, size=7))
    assert [file.name for file in (tmp_path / "records").iterdir()] == [_file(tmp_path, made).name]
    assert json.loads(_file(tmp_path, made).read_text())["size"] == 7
    assert _file(tmp_path, made).stat().st_mode & 0o777 == 0o644


def test_no_records_at_all(tmp_path: Path) -> None:
    records = Records(tmp_path / "nowhere")
    assert list(records) == []
    assert records.get(digest("x")) is None
    assert records.latest(NAME) is None


def test_a_write_that_fails_leaves_the_old_record_and_no_litter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = Records(tmp_path)
    made = records.save(_made())

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DiskError, match="No space left"):
        records.save(replace(made, size=7))
    assert Records(tmp_path).get(made.digest) == made
    assert len(list((tmp_path / "records").iterdir())) == 1


def _without(key: str) -> str:
    document = json.loads(_saved_text())
    del document[key]
    return json.dumps(document)


def _saved_text() -> str:
    with TemporaryDirectory() as folder:
        made = Records(Path(folder)).save(_made())
        return _file(Path(folder), made).read_text()


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        _saved_text()[:-20],
        "[]",
        "{}",
        "5",
        "null",
        '"text"',
        '{"format": 2}',
        _without("inputs"),
        _without("tests"),
        _without("digest"),
        _saved_text().replace('"size"', '"sighs"'),
        _saved_text().replace('"platform"', '"platfrom"'),
        _saved_text().replace('"checks": [', '"checks": [5,'),
        "\ufffd\x00",
    ],
    ids=range(16),
)
def test_a_damaged_file_counts_as_missing_and_is_named(tmp_path: Path, content: str) -> None:
    made = _made()
    file = _file(tmp_path, made)
    file.parent.mkdir()
    file.write_text(content)
    records = Records(tmp_path)
    assert records.get(made.digest) is None
    assert records.damaged == [file]
    records.save(made)
    assert Records(tmp_path).damaged == []


def test_damage_is_told_once(tmp_path: Path) -> None:
    (tmp_path / "records").mkdir()
    (tmp_path / "records" / "sha256-0.json").write_text("{")
    records = Records(tmp_path)
    assert len(records.damaged) == 1


def test_other_files_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "records").mkdir()
    (tmp_path / "records" / ".sha256-1.json.half").write_text("{")
    (tmp_path / "records" / "notes.txt").write_text("mine")
    assert Records(tmp_path).damaged == []


def test_the_youngest_record_of_a_name(tmp_path: Path) -> None:
    records = Records(tmp_path)
    records.save(_made(digest=digest("old"), built="2026-11-01T00:00:00+00:00"))
    new = records.save(_made(digest=digest("new"), built="2026-11-02T00:00:00+00:00"))
    records.save(_made(digest=digest("other"), name="other", inputs_key="k", built="2026-11-03T00:00:00+00:00"))
    assert records.latest(NAME) == new
    assert records.latest("nothing") is None


def test_another_runs_record_is_seen_after_a_refresh(tmp_path: Path) -> None:
    mine, theirs = Records(tmp_path), Records(tmp_path)
    made = theirs.save(_made())
    assert mine.get(made.digest) is None
    assert mine.refresh(made.digest) == made
    assert mine.get(made.digest) == made
    assert mine.refresh(digest("nothing")) is None


def test_a_smoke_test_without_checks_has_not_passed() -> None:
    good, bad = CheckResult("a", True, 0.1), CheckResult("b", False, 0.1, "no")
    assert not SmokeResult("k", "now", ()).passed
    assert SmokeResult("k", "now", (good, good)).passed
    assert not SmokeResult("k", "now", (good, bad)).passed
    assert not SmokeResult("k", "now", (bad, good)).passed
