"""Running tasks as a stream: each as soon as what it needs is done; a failure blocks its descendants only."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from graphlib import TopologicalSorter

from factory.errors import FactoryError, Interrupted
from factory.matrix.images import Image
from factory.matrix.words import Variant
from factory.plan.tasks import Graph, Outcome, Task


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
