"""Sharing images out over CI jobs: about the same time in each, bases before runtimes, each on its own architecture.

Pure functions; `docs/scale.md` tells what it comes to at two thousand images.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from statistics import median
from typing import Any

from factory.errors import UsageError
from factory.matrix.images import Image
from factory.matrix.words import Architecture

MOST_JOBS = 256
"""What GitHub takes in one job matrix ("Usage limits" of GitHub Actions)."""

RUNNERS = {Architecture.X86_64: "ubuntu-24.04", Architecture.ARM64: "ubuntu-24.04-arm"}
"""GitHub's hosted runners, native for each architecture: emulation takes several times as long."""

_GUESS = 120.0  # seconds for an image when nothing at all was recorded


class Wave(StrEnum):
    """What is built after what, told apart for job matrices."""

    BASES = "bases"
    RUNTIMES = "runtimes"

    def has(self, image: Image) -> bool:
        """Whether an image belongs to this wave."""
        return (image.runtime is None) is (self is Wave.BASES)


@dataclass(frozen=True)
class Part:
    """`--shard`: the `number`-th of `of` parts, or with number 0 all of them."""

    number: int
    of: int

    @staticmethod
    def parse(text: str) -> Part:
        """Reads `I/N`, or `N`.

        Raises:
            UsageError: it is neither.
        """
        number, _, of = text.partition("/") if "/" in text else ("0", "", text)
        least = 1 if "/" in text else 0
        if not (number.isdecimal() and of.isdecimal() and least <= int(number) <= int(of) and int(of)):
            raise UsageError(f"--shard {text!r} is no part of a whole; write I/N with 1 <= I <= N, for example 1/4")
        return Part(int(number), int(of))


@dataclass
class Job:
    """What one job does; `seconds` is how long that took before."""

    architecture: Architecture
    images: list[Image] = field(default_factory=list)
    seconds: float = 0.0


def seconds_of(known: Mapping[Image, float]) -> Callable[[Image], float]:
    """How long an image takes, as it did last; the median of its variant where that is not known."""

    def seconds(image: Image) -> float:
        if image in known:
            return known[image]
        alike = [value for other, value in known.items() if other.variant is image.variant]
        return median(alike or known.values() or [_GUESS])

    return seconds


def share(images: Sequence[Image], jobs: int, seconds: Callable[[Image], float]) -> list[Job]:
    """At most so many jobs, none of them empty, of about equal length: the longest piece goes where least is.

    The variants of one runtime and architecture stay together: one is tested with the other.
    """
    pieces: dict[tuple[Architecture, str], list[Image]] = {}
    for image in images:
        pieces.setdefault((image.architecture, image.declared), []).append(image)
    lengths = {key: sum(map(seconds, piece)) for key, piece in pieces.items()}
    shares = [Job(architecture) for architecture in _jobs_by_architecture(lengths, jobs)]
    for key in sorted(pieces, key=lambda key: -lengths[key]):
        job = min((job for job in shares if job.architecture is key[0]), key=lambda job: job.seconds)
        job.images += pieces[key]
        job.seconds += lengths[key]
    return [job for job in shares if job.images]


def _jobs_by_architecture(lengths: Mapping[tuple[Architecture, str], float], jobs: int) -> Iterable[Architecture]:
    """The architecture of each job: one each, then one more wherever a job would take longest."""
    totals: dict[Architecture, float] = {}
    counts: dict[Architecture, int] = {}
    for (architecture, _), length in lengths.items():
        totals[architecture] = totals.get(architecture, 0.0) + length
        counts[architecture] = counts.get(architecture, 0) + 1
    given = dict.fromkeys(totals, 1)
    while sum(given.values()) < jobs and any(given[each] < counts[each] for each in given):
        open_ = [each for each in given if given[each] < counts[each]]
        given[max(open_, key=lambda each: totals[each] / given[each])] += 1
    return [architecture for architecture, number in given.items() for _ in range(number)]


def job_matrix(jobs: Sequence[Job]) -> dict[str, Any]:
    """GitHub's job matrix, a job a shard: `images` are the selectors of its `factory release`.

    `name` is for people; `slug` fits the name of a file.
    """
    return {
        "include": [
            {
                "name": f"{job.architecture} {number}/{len(jobs)}",
                "slug": f"{job.architecture}-{number}-of-{len(jobs)}",
                "architecture": job.architecture.value,
                "runner": RUNNERS[job.architecture],
                "images": " ".join(image.name for image in job.images),
                "seconds": round(job.seconds),
            }
            for number, job in enumerate(jobs, 1)
        ]
    }
