"""The vulnerability gate, with a stand-in scanner that prints reports of the shapes that scanners document."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from factory.cli import main as cli
from factory.errors import MachineError
from factory.trust.scanner import Gate, Severity, VulnerableError, parse
from factory.trust.tools import TrustError

REFERENCE = "127.0.0.1:5000/factory/lambda@sha256:00"


def _grype(*severities: str) -> dict[str, Any]:
    """As grype's `--output json`, what is read of it."""
    return {
        "matches": [
            {
                "vulnerability": {"id": f"CVE-2026-000{number}", "severity": severity},
                "artifact": {"name": "bash", "version": "5.1"},
            }
            for number, severity in enumerate(severities)
        ],
        "source": {"type": "image"},
    }


def _sarif(properties: dict[str, str], **result: str) -> dict[str, Any]:
    """As SARIF 2.1.0 with the scores that GitHub's code scanning reads."""
    rule = {"id": "CVE-2026-1", "properties": properties}
    found = {"ruleId": "CVE-2026-1", "message": {"text": "Package: bash\nmore"}, **result}
    return {"version": "2.1.0", "runs": [{"tool": {"driver": {"name": "x", "rules": [rule]}}, "results": [found]}]}


def _gate(folder: Path, report: object, limit: str = "high", status: int = 0) -> Gate:
    """A gate whose scanner prints a report and keeps what it was asked."""
    text = report if isinstance(report, str) else json.dumps(report)
    (folder / "report").write_text(text)
    scanner = folder / "scanner"
    scanner.write_text(f'#!/bin/sh\necho "$*" > {folder}/asked\ncat {folder}/report\nexit {status}\n')
    scanner.chmod(0o755)
    return Gate.of(f"{scanner} --as 'of old'", limit)


@pytest.mark.parametrize("severities", [(), ("Medium", "Low", "Negligible", "Unknown")])
def test_what_is_below_the_limit_passes(tmp_path: Path, severities: tuple[str, ...]) -> None:
    _gate(tmp_path, _grype(*severities)).check(REFERENCE)
    assert (tmp_path / "asked").read_text() == f"--as of old {REFERENCE}\n"


@pytest.mark.parametrize(("limit", "count"), [("critical", 1), ("high", 2), ("medium", 3), ("low", 4)])
def test_what_is_at_the_limit_or_worse_stops(tmp_path: Path, limit: str, count: int) -> None:
    gate = _gate(tmp_path, _grype("Low", "Critical", "Medium", "High"), limit)
    with pytest.raises(
        VulnerableError, match=rf"{count} findings of severity {limit} or worse: CVE-2026-0001 \(critical"
    ):
        gate.check(REFERENCE)


def test_the_scanners_own_verdict_changes_nothing(tmp_path: Path) -> None:
    """Many scanners end with another status when they find something."""
    _gate(tmp_path, _grype("Low"), status=1).check(REFERENCE)


@pytest.mark.parametrize(
    ("document", "severity"),
    [
        (_sarif({"security-severity": "9.8"}), Severity.CRITICAL),
        (_sarif({"security-severity": "7.0"}), Severity.HIGH),
        (_sarif({"security-severity": "4.3"}), Severity.MEDIUM),
        (_sarif({"security-severity": "0.5"}), Severity.LOW),
        (_sarif({"security-severity": "0.0"}), Severity.UNKNOWN),
        (_sarif({}, level="error"), Severity.HIGH),
        (_sarif({}, level="note"), Severity.LOW),
        (_sarif({}), Severity.MEDIUM),
    ],
)
def test_sarif_is_read_by_score_else_by_level(document: dict[str, Any], severity: Severity) -> None:
    [found] = parse(json.dumps(document))
    assert (found.name, found.severity, found.where) == ("CVE-2026-1", severity, "Package: bash")


@pytest.mark.parametrize("report", ["", "no such image", "{}", "[]", '{"matches": 1}', '{"runs": [{}]}'])
def test_a_report_that_cannot_be_read_is_no_clean_one(tmp_path: Path, report: str) -> None:
    with pytest.raises(TrustError, match="printed neither grype's JSON nor SARIF"):
        _gate(tmp_path, report, status=1).check(REFERENCE)


def test_no_scanner_is_told_with_what_would_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MachineError, match=r"there is no grype; install grype, or name another in FACTORY_SCANNER"):
        Gate.of(None, "critical")


def test_a_severity_that_there_is_not_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["push", "--fail-on", "terrible"]) == 2
    assert "terrible" in capsys.readouterr().err
