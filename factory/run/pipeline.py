"""Running steps of images as a stream: each as soon as what it needs is done; a failure blocks its descendants only."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from enum import StrEnum
from graphlib import TopologicalSorter

from factory.errors import FactoryError, Interrupted
from factory.matrix.images import Image
from factory.matrix.words import Variant


class Step(StrEnum):
    """What is done to an image, in this order."""

    BUILD = "build"
    TEST = "test"
    PUSH = "push"


@dataclass(frozen=True)
class Task:
    """One step of one image."""

    image: Image
    step: Step


Graph = Mapping[Task, set[Task]]
"""The tasks, each with those that must be done before it."""


@dataclass
class Outcome:
    """How a run ended. `blocked` says for each task that was not tried which failed image is the cause."""

    done: set[Task] = field(default_factory=set)
    failed: dict[Task, FactoryError] = field(default_factory=dict)
    blocked: dict[Task, Image] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Whether everything was done."""
        return not self.failed and not self.blocked


Companions = Callable[[Image], Iterable[Image]]
"""The other images that an image's test needs."""


def graph(images: list[Image], ancestors: list[Image], steps: tuple[Step, ...], companions: Companions) -> Graph:
    """The tasks of the selected images, and the builds of `ancestors` that they need.

    A child is built once its parent is, tested once built, and pushed once its parent passed too. The images that an
    image is tested with are built before.
    """
    tasks: dict[Task, set[Task]] = {}
    for image in [*ancestors, *images]:
        for step in steps if image in images else tuple(step for step in steps if step is Step.BUILD):
            tasks[Task(image, step)] = set()
    for task, needed in tasks.items():
        needed.update(need for need in _needs(task, companions) if need in tasks)
    return tasks


def without(tasks: Graph, complete: Container[Task]) -> Graph:
    """The tasks that remain when some are complete already."""
    return {
        task: {need for need in needs if need not in complete} for task, needs in tasks.items() if task not in complete
    }


def run(tasks: Graph, work: Callable[[Task], None], jobs: int) -> Outcome:
    """Runs all tasks, `jobs` at a time.

    Raises:
        Interrupted: as soon as some task was; the others are waited for.
    """
    sorter = TopologicalSorter(tasks)
    sorter.prepare()
    outcome = Outcome()
    running: dict[Future[None], Task] = {}
    with ThreadPoolExecutor(jobs, thread_name_prefix="factory") as pool:
        while sorter.is_active():
            for task in sorted(sorter.get_ready(), key=_rank):
                if cause := _cause(task, tasks, outcome):
                    outcome.blocked[task] = cause
                    sorter.done(task)
                else:
                    running[pool.submit(work, task)] = task
            finished = wait(running, return_when=FIRST_COMPLETED).done if running else set()
            for future in finished:
                task = running.pop(future)
                _settle(task, future, outcome)
                sorter.done(task)
    return outcome


def _rank(task: Task) -> bool:
    """Build images first: their packages make them the longest, and a long task begun last is waited for alone."""
    return task.image.variant is not Variant.BUILD


def _needs(task: Task, companions: Companions) -> list[Task]:
    image, parent = task.image, task.image.parent
    if task.step is Step.BUILD:
        return [Task(parent, Step.BUILD)] if parent else []
    if task.step is Step.TEST:
        return [Task(image, Step.BUILD), *(Task(other, Step.BUILD) for other in companions(image))]
    return [Task(image, Step.TEST), *([Task(parent, Step.TEST)] if parent else [])]


def _cause(task: Task, tasks: Graph, outcome: Outcome) -> Image | None:
    """The failed image that a task must not go on without."""
    for need in tasks[task]:
        if need in outcome.failed:
            return need.image
        if need in outcome.blocked:
            return outcome.blocked[need]
    return None


def _settle(task: Task, future: Future[None], outcome: Outcome) -> None:
    try:
        future.result()
    except Interrupted:
        raise
    except FactoryError as error:
        outcome.failed[task] = error
    else:
        outcome.done.add(task)
