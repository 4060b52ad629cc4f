"""Coverage: which runtimes cannot be executed where the lab stands in for upstream, as `coverage.toml` says it.

The lab has no interpreter of some versions. Images of such runtimes are built from stand-ins of the same layout, so all
but an invocation is checked; none of them ever counts as having passed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from factory.errors import did_you_mean
from factory.matrix.images import Image, architectures_of
from factory.matrix.loading import MatrixError, read_text, toml
from factory.matrix.positions import line_of, positions
from factory.matrix.problems import Problem
from factory.matrix.schema import Matrix
from factory.matrix.words import Architecture
from factory.registry.references import host_name, mirrored, split_reference

_KEYS = ("mirror", "runtimes")
_REASON = 'write "runtime" = "reason", or "runtime" = { arm64 = "reason" } where only that architecture is not executed'


@dataclass(frozen=True)
class Coverage:
    """Why which images cannot be executed where upstream is mirrored to the host `mirror`."""

    mirror: str = ""
    runtimes: Mapping[str, Mapping[Architecture, str]] = field(default_factory=dict)

    def reason(self, image: Image) -> str | None:
        """Why an image is not executed in the lab; None for one that is."""
        return self.runtimes.get(image.runtime or "", {}).get(image.architecture)

    def reason_behind(self, image: Image, matrix: Matrix, mirrors: Mapping[str, str]) -> str | None:
        """The same with these mirrors: only where they lead to the lab are there stand-ins."""
        upstream, _, _ = split_reference(matrix.bases[image.base].upstream)
        return self.reason(image) if host_name(mirrored(upstream, mirrors)) == self.mirror else None


def read(file: Path, matrix: Matrix) -> Coverage:
    """The coverage in a file; where there is none, everything is executed.

    Raises:
        MatrixError: with all that is wrong.
        UsageError: the file cannot be read.
    """
    if not file.exists():
        return Coverage()
    text = read_text(file)
    raw = toml(text, str(file))
    problems = list(_problems(raw, matrix))
    if problems:
        found = positions(text)
        raise MatrixError(str(file), [problem.at(line_of(problem.path, found)) for problem in problems])
    return Coverage(raw["mirror"], {name: _reasons(name, said, matrix) for name, said in raw["runtimes"].items()})


def _reasons(name: str, said: str | Mapping[str, str], matrix: Matrix) -> dict[Architecture, str]:
    """The reason by architecture: a reason alone is that of all."""
    if isinstance(said, str):
        return dict.fromkeys(architectures_of(matrix, matrix.runtimes[name]), said)
    return {Architecture(architecture): reason for architecture, reason in said.items()}


def _problems(raw: Mapping[str, Any], matrix: Matrix) -> Iterator[Problem]:
    for key in raw.keys() - set(_KEYS):
        yield Problem((key,), "is no key of the coverage", did_you_mean(key, _KEYS))
    if not isinstance(raw.get("mirror"), str):
        yield Problem(("mirror",), "is missing", 'name the host that holds the stand-ins: mirror = "127.0.0.1"')
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
