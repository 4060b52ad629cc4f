"""The vulnerability gate: reads the report of whatever scanner is there, and stops what is too bad to be published."""

from __future__ import annotations

import json
import shlex
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from factory.errors import FactoryError, MachineError
from factory.trust.tools import TrustError, call, tail

_DEFAULT = "grype --quiet --output json"
_TOLD = 5  # findings that an error names


class Severity(IntEnum):
    """How bad a finding is; whatever a scanner calls otherwise is unknown."""

    UNKNOWN = 0
    LOW = 1
    MEDIUM = 2
    HIGH = 3
    CRITICAL = 4


@dataclass(frozen=True)
class Vulnerability:
    """One finding of a scanner."""

    name: str
    severity: Severity
    where: str


class VulnerableError(FactoryError):
    """An image has what must not be published."""


@dataclass(frozen=True)
class Gate:
    """Lets no image pass in which `command` finds something of severity `limit` or worse.

    The command is called with the image's reference as its last word, and prints grype's JSON or SARIF.
    """

    command: tuple[str, ...]
    limit: Severity

    @staticmethod
    def of(command: str | None, limit: str) -> Gate:
        """From the options; without a command grype, where it is installed.

        Raises:
            MachineError: there is no such program.
        """
        words = tuple(shlex.split(command or _DEFAULT))
        if shutil.which(words[0]) is None:
            raise MachineError(
                f"--fail-on needs a scanner, and there is no {words[0]}; install grype, or name another in "
                "FACTORY_SCANNER: a command that prints grype's JSON or SARIF for the image that is its last word"
            )
        return Gate(words, Severity[limit.upper()])

    def check(self, reference: str) -> None:
        """Scans an image in its registry.

        Raises:
            VulnerableError: something is too bad.
            TrustError: the scanner failed, or what it printed cannot be read: that is no clean report.
        """
        done = call([*self.command, reference])
        try:
            found = parse(done.stdout)
        except (ValueError, KeyError, TypeError, AttributeError):
            raise TrustError(
                f"{reference}: {self.command[0]} printed neither grype's JSON nor SARIF (status {done.status}):\n"
                f"{tail(done.stderr or done.stdout)}"
            ) from None
        bad = sorted({one for one in found if one.severity >= self.limit}, key=lambda one: (-one.severity, one.name))
        if bad:
            raise VulnerableError(
                f"{reference}: {len(bad)} findings of severity {self.limit.name.lower()} or worse: {_told(bad)}"
            )


def parse(report: str) -> list[Vulnerability]:
    """The findings in a report.

    Raises:
        ValueError, KeyError, TypeError, AttributeError: it is neither grype's JSON nor SARIF.
    """
    document = json.loads(report)
    return list(_sarif(document["runs"]) if "runs" in document else _grype(document["matches"]))


def _grype(matches: Iterable[dict[str, Any]]) -> Iterator[Vulnerability]:
    for match in matches:
        vulnerability, artifact = match["vulnerability"], match["artifact"]
        severity = Severity.__members__.get(vulnerability["severity"].upper(), Severity.UNKNOWN)
        yield Vulnerability(vulnerability["id"], severity, f"{artifact['name']} {artifact['version']}")


def _sarif(runs: Iterable[dict[str, Any]]) -> Iterator[Vulnerability]:
    for run in runs:
        rules = {rule["id"]: rule for rule in run["tool"]["driver"].get("rules", ())}
        for result in run["results"]:
            name = result["ruleId"]
            where = result.get("message", {}).get("text", "").partition("\n")[0]
            yield Vulnerability(name, _rated(rules.get(name, {}), result), where)


def _rated(rule: dict[str, Any], result: dict[str, Any]) -> Severity:
    """By the score that GitHub's code scanning reads, else by SARIF's own level."""
    score = rule.get("properties", {}).get("security-severity")
    if score is None:
        levels = {"error": Severity.HIGH, "warning": Severity.MEDIUM, "note": Severity.LOW}
        return levels.get(result.get("level", "warning"), Severity.UNKNOWN)
    limits = ((9.0, Severity.CRITICAL), (7.0, Severity.HIGH), (4.0, Severity.MEDIUM), (0.1, Severity.LOW))
    return next((severity for least, severity in limits if float(score) >= least), Severity.UNKNOWN)


def _told(bad: list[Vulnerability]) -> str:
    more = f" and {len(bad) - _TOLD} more" if len(bad) > _TOLD else ""
    return ", ".join(f"{one.name} ({one.severity.name.lower()}, {one.where})" for one in bad[:_TOLD]) + more
