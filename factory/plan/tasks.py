"""The tasks of a run: the steps of images, and which of them must be done before which. Pure values."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from factory.errors import FactoryError
from factory.matrix.images import Image
from factory.plan.targets import Targets


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
    """How the tasks of a run ended. `blocked` says for each that was not tried which failed image is the cause."""

    done: set[Task] = field(default_factory=set)
    failed: dict[Task, FactoryError] = field(default_factory=dict)
    blocked: dict[Task, Image] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        return not self.failed and not self.blocked


def graph(targets: Targets, steps: Sequence[Step]) -> Graph:
    """The tasks of the selected images, and the builds of what they need.

    A child is built once its parent is, tested once built, and pushed once its parent passed too. The images that an
    image is tested with are built before.
    """
    chosen = set(targets.selected)
    tasks: dict[Task, set[Task]] = {}
    for image in [*targets.ancestors, *targets.selected]:
        for step in steps if image in chosen else tuple(step for step in steps if step is Step.BUILD):
            tasks[Task(image, step)] = set()
    for task, needed in tasks.items():
        needed.update(need for need in _needs(task, targets) if need in tasks)
    return tasks


def without(tasks: Graph, complete: Container[Task]) -> Graph:
    """The tasks that remain when some are complete already."""
    return {
        task: {need for need in needs if need not in complete} for task, needs in tasks.items() if task not in complete
    }


def _needs(task: Task, targets: Targets) -> Iterator[Task]:
    image, parent = task.image, task.image.parent
    if task.step is Step.TEST:
        yield Task(image, Step.BUILD)
        yield from (Task(peer, Step.BUILD) for peer in targets.peers.get(image, ()))
    elif parent:
        yield Task(parent, Step.BUILD if task.step is Step.BUILD else Step.TEST)
    if task.step is Step.PUSH:
        yield Task(image, Step.TEST)
