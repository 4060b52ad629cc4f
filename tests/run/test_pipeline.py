"""Steps as a stream: order, parallelism, and failures that stay where they belong."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from factory.errors import FactoryError, Interrupted
from factory.matrix.images import Image, expand
from factory.plan.targets import Targets
from factory.plan.tasks import Graph, Outcome, Step, Task, graph
from factory.run.pipeline import run
from factory.smoke.recipe import peers
from tests.support import image, project, small

STEPS = (Step.BUILD, Step.TEST, Step.PUSH)
ALL = expand(small())


def _graph(selected: list[Image], steps: tuple[Step, ...] = STEPS) -> Graph:
    """What a command makes of a selection: ancestors and what it is tested with are built too."""
    return graph(Targets.of(selected, {one: peers(small(), one, project().smoke) for one in selected}), steps)


def _words(tasks: set[Task]) -> set[str]:
    return {f"{task.step} {task.image.name}" for task in tasks}


class Diary:
    """Notes the order of the work; fails where it is told to."""

    def __init__(self, *failing: str, error: type[FactoryError] = FactoryError) -> None:
        self.failing, self.error = failing, error
        self.done: list[str] = []
        self._lock = threading.Lock()

    def __call__(self, task: Task) -> None:
        word = f"{task.step} {task.image.name}"
        if word in self.failing:
            raise self.error(word)
        with self._lock:
            self.done.append(word)


@pytest.mark.parametrize("jobs", [1, 4, 64])
def test_everything_is_done_once_and_after_what_it_needs(jobs: int) -> None:
    tasks, diary = _graph(ALL), Diary()
    outcome = run(tasks, diary, jobs)
    assert outcome.ok
    assert outcome.done == set(tasks)
    assert sorted(diary.done) == sorted(_words(set(tasks)))
    for task, needed in tasks.items():
        for need in needed:
            assert diary.done.index(f"{need.step} {need.image.name}") < diary.done.index(
                f"{task.step} {task.image.name}"
            )


def test_independent_images_are_worked_on_at_the_same_time() -> None:
    roots = [image("al1-x86_64"), image("al2-x86_64"), image("al2023-x86_64")]
    meeting = threading.Barrier(3)

    def work(_: Task) -> None:
        meeting.wait(10)  # passes only when all three are here

    assert run(_graph(roots, (Step.BUILD,)), work, 3).ok


def test_no_more_jobs_than_allowed() -> None:
    running, most, lock = [0], [0], threading.Lock()
    pause = threading.Event()

    def work(_: Task) -> None:
        with lock:
            running[0] += 1
            most[0] = max(most[0], running[0])
        pause.wait(0.01)
        with lock:
            running[0] -= 1

    assert run(_graph(ALL, (Step.BUILD,)), work, 2).ok
    assert most == [2]


def test_a_quick_image_is_pushed_while_a_slow_one_builds() -> None:
    pushed = threading.Event()

    def work(task: Task) -> None:
        if task == Task(image("al2-x86_64"), Step.BUILD):
            assert pushed.wait(10), "the push of al1 waited for the build of al2"
        if task == Task(image("al1-x86_64"), Step.PUSH):
            pushed.set()

    assert run(_graph([image("al1-x86_64"), image("al2-x86_64")]), work, 2).ok


def _outcome(*failing: str, images: list[Image] | None = None) -> tuple[Outcome, Graph]:
    tasks = _graph(images or ALL)
    return run(tasks, Diary(*failing), 4), tasks


def test_a_failed_build_blocks_its_descendants_only() -> None:
    outcome, tasks = _outcome("build al2023-arm64")
    assert not outcome.ok
    assert _words(set(outcome.failed)) == {"build al2023-arm64"}
    # The build images' tests need the run images; of their own, they are built.
    assert {task.image.name for task in outcome.blocked} == {
        *("al2023-arm64", "nodejs22.x-arm64", "nodejs26.x-arm64"),
        *("build-nodejs22.x-arm64", "build-nodejs26.x-arm64"),
    }
    assert "build build-nodejs22.x-arm64" in _words(outcome.done)
    assert set(outcome.blocked.values()) == {image("al2023-arm64")}
    assert outcome.done | set(outcome.failed) | set(outcome.blocked) == set(tasks)
    assert "push nodejs22.x-x86_64" in _words(outcome.done)


def test_a_failed_test_keeps_the_image_and_its_children_from_being_pushed() -> None:
    outcome, _ = _outcome("test al1-x86_64")
    assert _words(set(outcome.blocked)) == {"push al1-x86_64", "push nodejs6.10-x86_64"}
    assert "test nodejs6.10-x86_64" in _words(outcome.done)


def test_a_failed_push_blocks_nothing() -> None:
    outcome, _ = _outcome("push al1-x86_64")
    assert outcome.blocked == {}
    assert not outcome.ok


def test_two_failures_are_two_failures() -> None:
    outcome, _ = _outcome("build al1-x86_64", "test nodejs22.x-x86_64")
    assert _words(set(outcome.failed)) == {"build al1-x86_64", "test nodejs22.x-x86_64"}
    assert str(outcome.failed[Task(image("al1-x86_64"), Step.BUILD)]) == "build al1-x86_64"


def test_the_cause_is_the_image_that_failed_not_the_one_between() -> None:
    outcome, _ = _outcome("build build-al1-x86_64")
    assert outcome.blocked[Task(image("build-nodejs6.10-x86_64"), Step.PUSH)] == image("build-al1-x86_64")


def test_an_interrupt_ends_the_run() -> None:
    with pytest.raises(Interrupted):
        run(_graph(ALL), Diary("build al2-x86_64", error=Interrupted), 2)


def _bug(_: Task) -> None:
    raise ZeroDivisionError("a bug")


def test_a_bug_is_no_verdict_on_an_image() -> None:
    work: Callable[[Task], None] = _bug
    with pytest.raises(ZeroDivisionError, match="a bug"):
        run(_graph([image("al1-x86_64")]), work, 1)


def test_nothing_to_do_is_done() -> None:
    assert run({}, Diary(), 1).ok
