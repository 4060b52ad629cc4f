"""What a run leaves: the table, the failures, and JUnit XML that every reader takes."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest

from factory.build.records import CheckResult, Record
from factory.build.records import TestResult as SmokeResult
from factory.errors import FactoryError
from factory.matrix.images import Image
from factory.plan.tasks import Outcome, Step, Task
from factory.report.results import Result, failures_text, run_table, run_text, write_junit
from tests.support import failed, image, inputs_of, not_executed, passed, record

PYTHON, NODE, BASE = image("python3.11-x86_64"), image("nodejs22.x-arm64"), image("al2023-arm64")


def _record(of: Image, tests: SmokeResult | None) -> Record:
    return record(of.name, inputs_of()(of), tests)


def _result(records: dict[Image, Record], outcome: Outcome | None = None, changed: set[Task] | None = None) -> Result:
    return Result(outcome or Outcome(), records, changed or set())


def _junit(folder: Path, records: dict[Image, Record], outcome: Outcome | None = None) -> ElementTree.Element:
    write_junit(folder / "reports" / "junit.xml", records, _result(records, outcome))
    return ElementTree.parse(folder / "reports" / "junit.xml").getroot()


def _suites(root: ElementTree.Element) -> dict[str, tuple[str | None, str | None]]:
    return {suite.get("name", ""): (suite.get("tests"), suite.get("failures")) for suite in root}


def test_a_suite_an_image_and_a_case_a_check(tmp_path: Path) -> None:
    root = _junit(tmp_path, {PYTHON: _record(PYTHON, passed()), NODE: _record(NODE, failed())})
    assert root.tag == "testsuites"
    assert _suites(root) == {"nodejs22.x-arm64": ("2", "1"), "python3.11-x86_64": ("1", "0")}
    node = root[0]
    assert [(case.get("name"), case.get("classname")) for case in node] == [("runs", NODE.name), ("starts", NODE.name)]
    failure = node[0].find("failure")
    assert failure is not None
    assert failure.get("message") == "it does not run"
    assert node[1].find("failure") is None
    assert node.get("time") == "0.750"
    assert node.get("timestamp") == "2026-11-23T12:00:00+00:00"


def test_an_image_without_any_check_is_a_failure(tmp_path: Path) -> None:
    root = _junit(tmp_path, {PYTHON: _record(PYTHON, SmokeResult("tests", "now", ()))})
    assert _suites(root) == {PYTHON.name: ("1", "1")}
    failure = root.find("./testsuite/testcase/failure")
    assert failure is not None
    assert failure.get("message") == "no check ran"


def test_an_untested_image_has_no_suite(tmp_path: Path) -> None:
    assert list(_junit(tmp_path, {PYTHON: _record(PYTHON, None)})) == []


def test_a_failed_build_is_a_failure(tmp_path: Path) -> None:
    outcome = Outcome(failed={Task(NODE, Step.BUILD): FactoryError("no such \x1b[31mpackage\x1b[0m")})
    root = _junit(tmp_path, {}, outcome)
    assert _suites(root) == {NODE.name: ("1", "1")}
    failure = root.find("./testsuite/testcase[@name='build']/failure")
    assert failure is not None
    assert failure.text == "no such [31mpackage[0m"


@pytest.mark.parametrize("nasty", ["\x00", "\x08", "\x0c", "\x1b", "\x1f", "\ufffe", "\uffff", "\ud800"])
def test_what_xml_cannot_hold_is_left_out(tmp_path: Path, nasty: str) -> None:
    tests = failed(message=f"be{nasty}fore <&>\n\tafter]]>")
    root = _junit(tmp_path, {PYTHON: _record(PYTHON, tests)})
    failure = root.find("./testsuite/testcase/failure")
    assert failure is not None
    assert failure.text == "before <&>\n\tafter]]>"


def test_a_check_that_failed_without_a_word(tmp_path: Path) -> None:
    tests = SmokeResult("tests", "now", (CheckResult("runs", False, 0.1, ""),))
    assert _suites(_junit(tmp_path, {PYTHON: _record(PYTHON, tests)})) == {PYTHON.name: ("1", "1")}


def test_the_table_says_how_each_image_ended() -> None:
    records = {PYTHON: _record(PYTHON, passed()), NODE: _record(NODE, failed())}
    outcome = Outcome(
        failed={Task(NODE, Step.TEST): FactoryError("no")},
        blocked={Task(NODE, Step.PUSH): NODE, Task(BASE, Step.PUSH): NODE},
    )
    changed = {Task(PYTHON, Step.BUILD), Task(PYTHON, Step.TEST), Task(PYTHON, Step.PUSH)}
    lines = run_table([PYTHON, NODE, BASE], _result(records, outcome, changed)).splitlines()
    assert [line.split()[0] for line in lines] == ["IMAGE", PYTHON.name, NODE.name, BASE.name]
    digest = records[PYTHON].digest.removeprefix("sha256:")[:12]
    assert lines[1].split(maxsplit=5) == [PYTHON.name, digest, "12.3", "MB", "1/1", "built, tested, pushed"]
    assert lines[2].endswith("1/2     test failed")
    assert lines[3].split(maxsplit=4) == [BASE.name, "-", "-", "-", f"blocked by {NODE.name}"]


def test_an_image_with_which_nothing_was_done_is_unchanged() -> None:
    assert run_table([PYTHON], _result({PYTHON: _record(PYTHON, passed())})).splitlines()[1].endswith("unchanged")


def test_failures_are_told_with_what_they_kept_from_being_done() -> None:
    outcome = Outcome(
        failed={Task(BASE, Step.BUILD): FactoryError("al2023-arm64: the build failed")},
        blocked={
            Task(BASE, Step.TEST): BASE,
            Task(NODE, Step.BUILD): BASE,
            Task(NODE, Step.TEST): BASE,
        },
    )
    assert failures_text(_result({}, outcome)).splitlines() == [
        "al2023-arm64: the build failed",
        "al2023-arm64 failed, so these were not finished: nodejs22.x-arm64",
    ]
    assert failures_text(_result({})) == ""


def test_what_was_not_executed_is_skipped_with_the_reason(tmp_path: Path) -> None:
    root = _junit(tmp_path, {PYTHON: _record(PYTHON, not_executed())})
    (suite,) = root
    assert {key: suite.get(key) for key in ("tests", "failures", "skipped")} == {
        "tests": "3",
        "failures": "0",
        "skipped": "2",
    }
    told = {case.get("name"): case.find("skipped") for case in suite}
    assert told["is plain"] is None
    for name in ("runs", "answers"):
        skipped = told[name]
        assert skipped is not None
        assert skipped.get("message") == "not executed here: no interpreter"


def test_what_was_not_executed_is_told_at_the_end_and_never_as_tested() -> None:
    records = {PYTHON: _record(PYTHON, not_executed()), NODE: _record(NODE, passed())}
    changed = {Task(image, step) for image in records for step in Step}
    lines = run_text([PYTHON, NODE], _result(records, changed=changed)).splitlines()
    assert lines[1].endswith("built, not executed, pushed")
    assert lines[2].endswith("built, tested, pushed")
    assert lines[3:] == ["", f"not executed here: {PYTHON.name}: no interpreter"]
    assert run_text([NODE], _result({NODE: records[NODE]})).count("\n") == 1
