"""Where a run's time went."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from factory.matrix.images import Image
from factory.plan.targets import Targets
from factory.plan.tasks import Step, Task, graph
from factory.report.timing import Span, Timing, busy_seconds
from tests.support import image

BASE, RUN, BUILD = image("al2-x86_64"), image("python3.11-x86_64"), image("build-python3.11-x86_64")
BUILD_BASE = image("build-al2-x86_64")
GRAPH = graph(Targets.of([RUN, BUILD], {BUILD: (RUN,)}), (Step.BUILD, Step.TEST))


def _timing(*spans: tuple[Image, Step, float, float], jobs: int = 4) -> Timing:
    timing = Timing(GRAPH, jobs, {Task(image, step): Span(start, end) for image, step, start, end in spans})
    timing.wall = max(end for _, _, _, end in spans)
    return timing


WIDE = _timing(
    (BASE, Step.BUILD, 0.0, 2.0),
    (BUILD_BASE, Step.BUILD, 0.0, 10.0),
    (RUN, Step.BUILD, 2.0, 3.0),
    (RUN, Step.TEST, 3.0, 4.0),
    (BUILD, Step.BUILD, 10.0, 15.0),
    (BUILD, Step.TEST, 15.0, 19.0),
)
NARROW = _timing(
    (BUILD_BASE, Step.BUILD, 0.0, 10.0),
    (BASE, Step.BUILD, 10.0, 12.0),
    (BUILD, Step.BUILD, 12.0, 17.0),
    (RUN, Step.BUILD, 17.0, 18.0),
    (BUILD, Step.TEST, 18.0, 20.0),
    (RUN, Step.TEST, 20.0, 21.0),
    jobs=1,
)


def test_the_critical_path_is_the_chain_that_decided_the_duration() -> None:
    assert WIDE.critical_path() == [Task(BUILD_BASE, Step.BUILD), Task(BUILD, Step.BUILD), Task(BUILD, Step.TEST)]


def test_with_too_few_jobs_it_leads_over_what_held_them() -> None:
    assert [(task.image, task.step) for task in NARROW.critical_path()] == [
        (BUILD_BASE, Step.BUILD),
        (BASE, Step.BUILD),
        (BUILD, Step.BUILD),
        (RUN, Step.BUILD),
        (BUILD, Step.TEST),
        (RUN, Step.TEST),
    ]


def test_an_image_waits_for_another_or_for_a_job() -> None:
    assert WIDE.waits(BUILD) == {"build-al2-x86_64": 10.0}
    assert WIDE.waits(BASE) == {}
    assert NARROW.waits(BASE) == {"a free job": 10.0}
    assert NARROW.waits(BUILD) == {"build-al2-x86_64": 10.0, "a free job": 2.0, "python3.11-x86_64": 1.0}


def test_seconds_by_step() -> None:
    assert WIDE.seconds(BUILD) == {Step.BUILD: 5.0, Step.TEST: 4.0}
    assert WIDE.seconds(BASE) == {Step.BUILD: 2.0}


def test_the_text_tells_it_all() -> None:
    WIDE.busy = 9.5
    lines = WIDE.text().splitlines()
    assert lines[0] == "critical path: 19.0 s of 19.0 s"
    assert [line.split() for line in lines[1:5]] == [
        ["FROM", "SECONDS", "STEP", "IMAGE"],
        ["0.0", "10.0", "build", "build-al2-x86_64"],
        ["10.0", "5.0", "build", "build-python3.11-x86_64"],
        ["15.0", "4.0", "test", "build-python3.11-x86_64"],
    ]
    assert ["build-python3.11-x86_64", "5.0", "4.0", "-", "build-al2-x86_64", "10.0", "s"] in map(str.split, lines)
    assert lines[-2] == "steps: 23.0 s in 19.0 s with 4 jobs at a time"
    assert lines[-1].startswith("processors: busy for 9.5 s of ")


def test_nothing_to_do() -> None:
    assert Timing().text() == "timing: there was nothing to do"


def test_a_task_is_timed_even_when_it_fails() -> None:
    timing = Timing(GRAPH)
    task = Task(BASE, Step.BUILD)

    def fail() -> None:
        with timing.task(task):
            time.sleep(0.02)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    timing.stop()
    assert 0.02 <= timing.spans[task].seconds <= timing.wall < 5


def test_steps_of_no_length_end_the_chain() -> None:
    flat = _timing((BASE, Step.BUILD, 0.0, 0.0), (RUN, Step.BUILD, 0.0, 0.0), (BUILD_BASE, Step.BUILD, 0.0, 0.0))
    assert flat.critical_path()


def test_processors_are_read_from_linux(tmp_path: Path) -> None:
    stat = tmp_path / "stat"
    stat.write_text("cpu  100 20 30 1000 500 6 4 7 0 0\ncpu0 1 2 3\n")
    assert busy_seconds(stat, 100) == 1.6
    timing = Timing(count=lambda: busy_seconds(stat, 100))
    stat.write_text("cpu  300 20 30 9000 900 6 4 7 0 0\ncpu0 1 2 3\n")
    timing.stop()
    assert timing.busy == pytest.approx(2.0)


def test_where_nobody_counts_the_processors_nothing_is_told(tmp_path: Path) -> None:
    stat = tmp_path / "stat"
    assert busy_seconds(stat, 100) is None
    stat.write_text("nothing of the kind\n")
    assert busy_seconds(stat, 100) is None
    timing = Timing(count=lambda: busy_seconds(stat, 100))
    timing.stop()
    assert timing.busy is None
