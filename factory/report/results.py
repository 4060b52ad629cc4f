"""What a run leaves: a table for people, JUnit XML for CI."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree as Xml

from factory.build.records import Record
from factory.files import write_text
from factory.matrix.images import Image
from factory.plan.tasks import Outcome, Step, Task
from factory.report.tables import megabytes, table
from factory.report.timing import Timing


@dataclass
class Result:
    """How a run ended for each image: its record, what failed, and what was done anew."""

    outcome: Outcome
    records: dict[Image, Record]
    changed: set[Task] = field(default_factory=set)
    timing: Timing = field(default_factory=Timing)


def run_text(images: Sequence[Image], result: Result) -> str:
    """The table, and what in it was not executed, by reason."""
    reasons: dict[str, list[str]] = {}
    for image in images:
        record = result.records.get(image)
        if record and record.tests and record.tests.not_executed:
            reasons.setdefault(record.tests.not_executed, []).append(image.name)
    lines = [f"not executed here: {', '.join(names)}: {reason}" for reason, names in reasons.items()]
    return "\n".join([run_table(images, result), *(["", *lines] if lines else [])])


def run_table(images: Sequence[Image], result: Result) -> str:
    """One line an image: its digest, size, checks, and how it ended."""
    rows = []
    for image in images:
        record = result.records.get(image)
        rows.append(
            (
                image.name,
                record.digest.removeprefix("sha256:")[:12] if record else "-",
                megabytes(record.size) if record else "-",
                _checks(record),
                _ending(image, result),
            )
        )
    return table(("IMAGE", "DIGEST", "SIZE", "CHECKS", "OUTCOME"), rows)


def failures_text(result: Result) -> str:
    """Every failure with its last lines, then what it kept from being done."""
    lines = [str(error) for error in result.outcome.failed.values()]
    blocked: dict[Image, list[str]] = {}
    for task, cause in result.outcome.blocked.items():
        if task.image != cause:
            blocked.setdefault(cause, []).append(task.image.name)
    lines += [
        f"{cause.name} failed, so these were not finished: {', '.join(dict.fromkeys(names))}"
        for cause, names in blocked.items()
    ]
    return "\n".join(lines)


def write_junit(file: Path, records: Mapping[Image, Record], result: Result) -> None:
    """JUnit XML: a suite an image, a case a check; an image without any check is a suite that failed."""
    root = Xml.Element("testsuites")
    for image, record in sorted(records.items(), key=lambda item: item[0].name):
        if record.tests:
            _suite(root, image, record)
    for task, error in result.outcome.failed.items():
        if task.step is Step.BUILD:
            suite = Xml.SubElement(root, "testsuite", name=task.image.name, tests="1", failures="1")
            case = Xml.SubElement(suite, "testcase", classname=task.image.name, name="build")
            Xml.SubElement(case, "failure", message="the build failed").text = _clean(str(error))
    write_text(file, Xml.tostring(root, encoding="unicode", xml_declaration=True) + "\n")


def _suite(root: Xml.Element, image: Image, record: Record) -> None:
    assert record.tests
    checks = record.tests.checks
    failures = sum(not check.passed for check in checks) + (not checks)
    suite = Xml.SubElement(
        root,
        "testsuite",
        name=image.name,
        tests=str((len(checks) or 1) + len(record.tests.skipped)),
        failures=str(failures),
        skipped=str(len(record.tests.skipped)),
        time=f"{sum(check.seconds for check in checks):.3f}",
        timestamp=record.tests.finished,
    )
    for check in checks:
        case = Xml.SubElement(suite, "testcase", classname=image.name, name=check.name, time=f"{check.seconds:.3f}")
        if not check.passed:
            failure = Xml.SubElement(case, "failure", message=_clean(check.headline))
            failure.text = _clean(check.message)
    for name in record.tests.skipped:
        case = Xml.SubElement(suite, "testcase", classname=image.name, name=name)
        Xml.SubElement(case, "skipped", message=_clean(f"not executed here: {record.tests.not_executed}"))
    if not checks:
        case = Xml.SubElement(suite, "testcase", classname=image.name, name="any check")
        Xml.SubElement(case, "failure", message="no check ran")


def _checks(record: Record | None) -> str:
    if record is None or record.tests is None:
        return "-"
    checks = record.tests.checks
    return f"{sum(check.passed for check in checks)}/{len(checks)}"


def _ending(image: Image, result: Result) -> str:
    failed = next((task for task in result.outcome.failed if task.image == image), None)
    if failed:
        return f"{failed.step} failed"
    if cause := next((cause for task, cause in result.outcome.blocked.items() if task.image == image), None):
        return f"blocked by {cause.name}"
    record = result.records.get(image)
    words = _DID | ({Step.TEST: "not executed"} if record and record.tests and record.tests.not_executed else {})
    did = [word for step, word in words.items() if Task(image, step) in result.changed]
    return ", ".join(did) or "unchanged"


_DID = {Step.BUILD: "built", Step.TEST: "tested", Step.PUSH: "pushed"}


def _clean(text: str) -> str:
    """Without what XML 1.0 cannot hold: control characters, surrogates, noncharacters."""
    return re.sub("[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "", text)
