"""The tasks of a run, and what each of them needs."""

from __future__ import annotations

from factory.errors import FactoryError
from factory.matrix.images import Image, expand
from factory.plan.targets import Targets
from factory.plan.tasks import Graph, Outcome, Step, Task, graph, without
from factory.smoke.recipe import peers
from tests.support import image, project, small

STEPS = (Step.BUILD, Step.TEST, Step.PUSH)
ALL = expand(small())
NODE, TOOLS, BASE = image("nodejs22.x-arm64"), image("build-nodejs22.x-arm64"), image("al2023-arm64")


def _graph(selected: list[Image], steps: tuple[Step, ...] = STEPS) -> Graph:
    """What a command makes of a selection: ancestors and what it is tested with are built too."""
    return graph(Targets.of(selected, {one: peers(small(), one, project().smoke) for one in selected}), steps)


def _words(tasks: set[Task]) -> set[str]:
    return {f"{task.step} {task.image.name}" for task in tasks}


def test_what_each_step_needs() -> None:
    tasks = _graph(ALL)
    assert _words(tasks[Task(NODE, Step.BUILD)]) == {"build al2023-arm64"}
    assert _words(tasks[Task(NODE, Step.TEST)]) == {"build nodejs22.x-arm64"}
    assert _words(tasks[Task(NODE, Step.PUSH)]) == {"test nodejs22.x-arm64", "test al2023-arm64"}
    assert _words(tasks[Task(TOOLS, Step.TEST)]) == {"build build-nodejs22.x-arm64", "build nodejs22.x-arm64"}
    assert tasks[Task(BASE, Step.BUILD)] == set()
    assert len(tasks) == 3 * len(ALL)


def test_ancestors_and_peers_are_built_only() -> None:
    tasks = _graph([TOOLS])
    assert _words(set(tasks)) == {
        *(f"{step} build-nodejs22.x-arm64" for step in STEPS),
        *(f"build {name}" for name in ("build-al2023-arm64", "nodejs22.x-arm64", "al2023-arm64")),
    }


def test_a_single_step_needs_nothing_that_is_not_asked_for() -> None:
    assert _graph([NODE], (Step.PUSH,)) == {Task(NODE, Step.PUSH): set()}
    assert _graph([NODE, BASE], (Step.PUSH,)) == {Task(NODE, Step.PUSH): set(), Task(BASE, Step.PUSH): set()}


def test_what_is_complete_is_needed_by_nobody() -> None:
    tasks = _graph([NODE])
    complete = {Task(BASE, Step.BUILD), Task(NODE, Step.BUILD)}
    rest = without(tasks, complete)
    assert rest.keys() == tasks.keys() - complete
    assert rest[Task(NODE, Step.TEST)] == set()
    assert rest[Task(NODE, Step.PUSH)] == {Task(NODE, Step.TEST)}
    assert without(tasks, ()) == tasks
    assert without(tasks, set(tasks)) == {}


def test_a_run_is_well_when_nothing_failed_or_was_kept_from_being_done() -> None:
    task = Task(NODE, Step.BUILD)
    assert Outcome(done={task}).ok
    assert not Outcome(failed={task: FactoryError("no")}).ok
    assert not Outcome(blocked={task: BASE}).ok
