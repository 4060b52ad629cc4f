"""Where a run's time went: seconds by image and step, who waited for whom, and the chain that decided the duration."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from factory.matrix.images import Image
from factory.plan.tasks import Graph, Step, Task
from factory.report.tables import table

_JOB = "a free job"
_NOTICED = 0.05  # seconds: what is shorter is not waiting, but the program's own pace


@dataclass(frozen=True)
class Span:
    """When a task ran, in seconds since the run began."""

    started: float
    ended: float

    @property
    def seconds(self) -> float:
        return self.ended - self.started


@dataclass
class Timing:
    """The clock of one run over the tasks of a graph. Safe for use by several threads: each task is its own key."""

    graph: Graph = field(default_factory=dict)
    jobs: int = 1
    spans: dict[Task, Span] = field(default_factory=dict)
    wall: float = 0.0
    busy: float | None = None
    """Seconds that the machine's processors worked during the run, for whomever; None where nobody counts them."""
    count: Callable[[], float | None] = field(default_factory=lambda: busy_seconds)
    """What counts how long all processors have worked so far; None where nobody counts."""
    _began: float = field(default_factory=time.monotonic)
    _busy_before: float | None = None

    def __post_init__(self) -> None:
        self._busy_before = self.count()

    @contextmanager
    def task(self, task: Task) -> Iterator[None]:
        """Takes the time of a task, however it ends."""
        started = time.monotonic() - self._began
        try:
            yield
        finally:
            self.spans[task] = Span(started, time.monotonic() - self._began)

    def stop(self) -> None:
        self.wall = time.monotonic() - self._began
        after = self.count()
        if after is not None and self._busy_before is not None:
            self.busy = after - self._busy_before

    def seconds(self, image: Image) -> dict[Step, float]:
        """How long each step of an image took, of those that were taken."""
        return {step: self.spans[task].seconds for step in Step if (task := Task(image, step)) in self.spans}

    def waits(self, image: Image) -> dict[str, float]:
        """What an image waited for between its own steps, and how long."""
        found: dict[str, float] = {}
        for step in Step:
            for cause, seconds in self._waits_of(Task(image, step)):
                if seconds >= _NOTICED:
                    found[cause] = found.get(cause, 0.0) + seconds
        return found

    def critical_path(self) -> list[Task]:
        """The chain of tasks, first to last, each of which began when the one before it ended."""
        chain: list[Task] = []
        task = max(self.spans, key=lambda task: self.spans[task].ended, default=None)
        while task is not None:
            chain.append(task)
            task = self._before(task, chain)
        return chain[::-1]

    def text(self) -> str:
        """All of it for people."""
        chain = self.critical_path()
        if not chain:
            return "timing: there was nothing to do"
        took = sum(self.spans[task].seconds for task in chain)
        return "\n".join(
            [
                f"critical path: {took:.1f} s of {self.wall:.1f} s",
                _indented(table(("FROM", "SECONDS", "STEP", "IMAGE"), [self._link(task) for task in chain])),
                "",
                table(("IMAGE", *(step.upper() for step in Step), "WAITED FOR"), self._rows()),
                "",
                f"steps: {sum(span.seconds for span in self.spans.values()):.1f} s in {self.wall:.1f} s with "
                f"{self.jobs} jobs at a time",
                *self._processors(),
            ]
        )

    def _waits_of(self, task: Task) -> Iterator[tuple[str, float]]:
        if task not in self.spans:
            return
        needs = {need: self.spans[need].ended for need in self.graph.get(task, ()) if need in self.spans}
        own = max((ended for need, ended in needs.items() if need.image == task.image), default=0.0)
        last = max(needs, key=needs.__getitem__, default=None)
        ready = max(own, needs[last]) if last else own
        if last and last.image != task.image:
            yield last.image.name, ready - own
        yield _JOB, self.spans[task].started - ready

    def _before(self, task: Task, seen: list[Task]) -> Task | None:
        """The task whose end let this one begin: what it needs, or, when it waited for a job, what held that."""
        started = self.spans[task].started
        needs = {need for need in self.graph.get(task, ()) if need in self.spans}
        ready = max((self.spans[need].ended for need in needs), default=0.0)
        known = self.spans.keys() if started - ready >= _NOTICED else needs
        return max(
            (other for other in known if self.spans[other].ended <= started and other not in seen),
            key=lambda other: self.spans[other].ended,
            default=None,
        )

    def _link(self, task: Task) -> tuple[str, str, str, str]:
        span = self.spans[task]
        return f"{span.started:.1f}", f"{span.seconds:.1f}", task.step, task.image.name

    def _rows(self) -> Iterator[tuple[str, ...]]:
        for image in dict.fromkeys(task.image for task in self.graph if task in self.spans):
            seconds = self.seconds(image)
            steps = (f"{seconds[step]:.1f}" if step in seconds else "-" for step in Step)
            yield image.name, *steps, _waited(self.waits(image))

    def _processors(self) -> list[str]:
        if self.busy is None:
            return []
        count = os.cpu_count() or 1
        share = self.busy / (count * self.wall) if self.wall else 0.0
        return [f"processors: busy for {self.busy:.1f} s of {count} × {self.wall:.1f} s ({share:.0%}), by all programs"]


def _waited(waits: Mapping[str, float]) -> str:
    longest_first = sorted(waits.items(), key=lambda wait: -wait[1])
    return ", ".join(f"{cause} {seconds:.1f} s" for cause, seconds in longest_first) or "-"


def _indented(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.splitlines())


def busy_seconds(stat: Path = Path("/proc/stat"), ticks: int | None = None) -> float | None:
    """Seconds that all processors have worked since the machine started, as Linux counts them, in `ticks` a second."""
    try:
        user, nice, system, _idle, _iowait, *interrupts = map(int, stat.read_text().split("\n", 1)[0].split()[1:8])
    except (OSError, ValueError):
        return None
    return (user + nice + system + sum(interrupts)) / (ticks or os.sysconf("SC_CLK_TCK"))
