"""Building, testing and pushing the selected images as a stream: what `build`, `test`, `push` and `release` do."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from factory.build.buildx import Tell
from factory.build.engine import Engine
from factory.errors import ExitCode, FactoryError, Interrupted, MachineError
from factory.files import DiskError, exclusive, told
from factory.plan.targets import Targets
from factory.plan.tasks import Outcome, Step, Task, graph, without
from factory.process import Processes
from factory.report.progress import Progress, choose
from factory.report.results import Result
from factory.report.states import State
from factory.report.timing import Timing
from factory.run import pipeline
from factory.run.finished import Finished
from factory.run.preparation import Preparation
from factory.run.steps import Doing, Pushing
from factory.smoke.container import clear_own

_WORKING = {Step.BUILD: State.BUILDING, Step.TEST: State.TESTING, Step.PUSH: State.PUSHING}
_DONE = {Step.BUILD: State.BUILT, Step.TEST: State.TESTED, Step.PUSH: State.PUSHED}


@dataclass(frozen=True)
class Release:
    """The parts of a run over the selected images.

    `doing` has the steps that are taken. With `together` the tags that move come to stand for all selected images when
    all have passed, and for none else.
    """

    targets: Targets
    finished: Finished
    doing: Mapping[Step, Doing]
    preparation: Preparation
    engine: Engine
    processes: Processes
    build_dir: Path
    jobs: int
    together: bool = False
    quiet: bool = False
    verbose: bool = False

    def run(self) -> Result:
        """Runs the steps for the selected images.

        Raises:
            Interrupted: by the user; all that was complete is kept.
            MachineError: the engine or the registry does not answer.
            UsageError: with --locked, a reference has no digest.
        """
        steps = tuple(self.doing)
        tasks = graph(self.targets, steps)
        self.preparation.check_lock({task.image for task in tasks if task.step is Step.BUILD})
        complete = self.finished.complete(tasks)
        rest = without(tasks, complete)
        if rest:
            self.preparation.prepare(steps, self.targets.selected)
        if not self.quiet:
            self.preparation.tell_blocked([task.image for task in rest if task.step is Step.BUILD])
        names = list(dict.fromkeys(task.image.name for task in tasks))
        with choose(names, self.quiet, self.verbose) as progress, self._interruptible():
            work = Work(self, progress, Timing(rest, self.jobs))
            for task, record in complete.items():
                self.finished.keep(task.image, record)
                progress.state(task.image.name, State.UNCHANGED, f"{task.step}")
            outcome = pipeline.run(rest, work.do, self.jobs)
            self._finish(outcome, work)
        lacking = [error for error in outcome.failed.values() if isinstance(error, MachineError)]
        if lacking and len(lacking) == len(outcome.failed):
            raise lacking[0]  # no image is at fault
        return Result(outcome, self.finished.records, work.changed, work.timing)

    def _finish(self, outcome: Outcome, work: Work) -> None:
        pushing = self.doing.get(Step.PUSH)
        if self.together and isinstance(pushing, Pushing):
            self._promote_together(outcome, work, pushing)
        work.timing.stop()
        for image, cause in {task.image: cause for task, cause in outcome.blocked.items()}.items():
            if image != cause:
                work.progress.state(image.name, State.BLOCKED, f"{cause.name} failed")

    def _promote_together(self, outcome: Outcome, work: Work, pushing: Pushing) -> None:
        """Lets the tags that move stand for all selected images, which are in the registry; if one failed, for none."""
        if not outcome.ok:
            print("no tag was moved, because not all images passed", file=sys.stderr)
            return
        for image in self.targets.selected:
            self.processes.check()
            pushing.promote(image, work.begin(Task(image, Step.PUSH)))

    @contextmanager
    def _interruptible(self) -> Iterator[None]:
        """Ctrl-C and SIGTERM end the engine's work too, then the run; a second one changes nothing."""

        def interrupt(_number: int, _frame: FrameType | None) -> None:
            self.processes.cancel()
            threading.Thread(target=lambda: clear_own(self.engine.client), daemon=True).start()

        before = {number: signal.signal(number, interrupt) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


@dataclass
class Work:
    """What is done to one task after the other, by several threads."""

    release: Release
    progress: Progress
    timing: Timing
    changed: set[Task] = field(default_factory=set)

    def do(self, task: Task) -> None:
        """Does one task unless it is done already; two runs never do the same one at once."""
        name, processes = task.image.name, self.release.processes
        try:
            with self.timing.task(task), exclusive(self.release.build_dir / "locks" / f"{name}.lock"):
                processes.check()
                did = self.release.doing[task.step].do(task.image, self.begin(task))
        except Interrupted:
            raise
        except Exception as error:
            # A cancelled step fails in whatever way its tools do: that is no verdict on the image.
            processes.check()
            self.progress.state(name, State.FAILED, str(task.step))
            raise self._told(task, error) from error
        if did:
            self.changed.add(task)
        self.progress.state(
            name, _DONE[task.step] if did else State.UNCHANGED, self._detail(task) if did else task.step
        )

    def begin(self, task: Task) -> Tell:
        """Tells what a task is at, from the first word on as one that is worked on."""
        name, begun = task.image.name, False

        def tell(text: str) -> None:
            nonlocal begun
            if not begun:
                self.progress.state(name, _WORKING[task.step])
                begun = True
            self.progress.step(name, text)

        return tell

    def _told(self, task: Task, error: Exception) -> FactoryError:
        """An error that says what is to blame: not the image, when the disk is full or the engine gone."""
        if isinstance(error, OSError):
            try:
                with told(self.release.build_dir):
                    raise error
            except DiskError as full:
                return full
            except OSError:
                pass
        if not isinstance(error, MachineError) and not self.release.engine.answers():
            return MachineError(
                f"{task.image.name}: {task.step}: the Docker engine stopped answering; start it, and run the same "
                "command again: what is complete is kept"
            )
        if isinstance(error, FactoryError):
            return error
        return FactoryError(f"{task.image.name}: {task.step} failed: {type(error).__name__}: {error}")

    def _detail(self, task: Task) -> str:
        tests = self.release.finished.records[task.image].tests if task.step is Step.TEST else None
        return "not executed here" if tests and tests.not_executed else ""


def exit_code(result: Result) -> ExitCode:
    """0 when everything was done, else 1."""
    return ExitCode.DONE if result.outcome.ok else ExitCode.IMAGE_FAILED
