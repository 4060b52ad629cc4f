"""Skipped tests: which images cannot be executed here, and why, as the file of `--skip-tests` says.

Such an image is built, and given the checks that need no invocation. It never counts as tested, and it may be pushed
to a registry on the loopback address only.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from factory.errors import did_you_mean
from factory.matrix.images import Image, architectures_of
from factory.matrix.loading import refusal, toml
from factory.matrix.problems import Problem
from factory.matrix.schema import Matrix
from factory.matrix.words import Architecture

_KEYS = ("runtimes",)
_REASON = 'write "runtime" = "reason", or "runtime" = { arm64 = "reason" } where only that architecture is not executed'


@dataclass(frozen=True)
class SkippedTests:
    """Why which images are not executed, by runtime and architecture; by default all are."""

    runtimes: Mapping[str, Mapping[Architecture, str]] = field(default_factory=dict)

    def reason(self, image: Image) -> str | None:
        """Why an image is not executed; None for one that is."""
        return self.runtimes.get(image.runtime or "", {}).get(image.architecture)


def parse(text: str, name: str, matrix: Matrix) -> SkippedTests:
    """The tests that a file of this name and text says to skip.

    Raises:
        MatrixError: with all that is wrong.
    """
    raw = toml(text, name)
    problems = list(_problems(raw, matrix))
    if problems:
        raise refusal(text, name, problems)
    return SkippedTests({runtime: _reasons(runtime, said, matrix) for runtime, said in raw["runtimes"].items()})


def _reasons(name: str, said: str | Mapping[str, str], matrix: Matrix) -> dict[Architecture, str]:
    """The reason by architecture: a reason alone is that of all."""
    if isinstance(said, str):
        return dict.fromkeys(architectures_of(matrix, matrix.runtimes[name]), said)
    return {Architecture(architecture): reason for architecture, reason in said.items()}


def _problems(raw: Mapping[str, Any], matrix: Matrix) -> Iterator[Problem]:
    for key in raw.keys() - set(_KEYS):
        yield Problem((key,), "is no key of this file", did_you_mean(key, _KEYS))
    runtimes = raw.get("runtimes")
    if not isinstance(runtimes, Mapping):
        yield Problem(("runtimes",), "is missing", "add the table `[runtimes]`, empty where all are executed")
        return
    for name, said in runtimes.items():
        if name not in matrix.runtimes:
            yield Problem(("runtimes", name), f"unknown runtime {name!r}", did_you_mean(name, matrix.runtimes))
        else:
            yield from _problems_of(name, said, matrix)


def _problems_of(name: str, said: object, matrix: Matrix) -> Iterator[Problem]:
    by_architecture = said if isinstance(said, Mapping) else {}
    known = architectures_of(matrix, matrix.runtimes[name])
    for architecture, reason in by_architecture.items():
        path = ("runtimes", name, architecture)
        if architecture not in known:
            yield Problem(path, f"{name} has no image for {architecture!r}", did_you_mean(architecture, known))
        elif not _is_reason(reason):
            yield Problem(path, "says no reason", _REASON)
    if not by_architecture and not _is_reason(said):
        yield Problem(("runtimes", name), "says no reason", _REASON)


def _is_reason(value: object) -> bool:
    return isinstance(value, str) and value.strip() != "" and "\n" not in value
