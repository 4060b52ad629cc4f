"""Building, testing and pushing the selected images as a stream: what `build`, `test`, `push` and `release` do."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from types import FrameType

from factory.app.options import Publishing
from factory.app.session import Session
from factory.build.records import Record
from factory.build.sizes import with_packages
from factory.errors import ExitCode, FactoryError, Interrupted, MachineError, UsageError
from factory.files import DiskError, exclusive, told
from factory.matrix.images import Image, status_on
from factory.matrix.words import Status
from factory.plan.keys import local_name
from factory.plan.planner import current
from factory.report.progress import Progress, State, choose
from factory.report.timing import Timing
from factory.run import pipeline
from factory.run.pipeline import Graph, Outcome, Step, Task
from factory.smoke.container import clear_orphans, clear_own
from factory.smoke.packages import installed_packages
from factory.smoke.recipe import recipe
from factory.smoke.specimen import Subject
from factory.smoke.suite import SmokeFailedError, run_checks

_WORKING = {Step.BUILD: State.BUILDING, Step.TEST: State.TESTING, Step.PUSH: State.PUSHING}
_DONE = {Step.BUILD: State.BUILT, Step.TEST: State.TESTED, Step.PUSH: State.PUSHED}


class NotBuiltError(FactoryError):
    """A step was asked for that needs an image which is not there."""


@dataclass
class Report:
    """How the run ended for each selected image: its record, what failed, and what was done anew."""

    outcome: Outcome
    records: dict[Image, Record]
    changed: set[Task] = field(default_factory=set)
    timing: Timing = field(default_factory=Timing)


@dataclass
class Run:
    """One run over the selected images of a session."""

    session: Session
    progress: Progress
    steps: tuple[Step, ...]
    timing: Timing = field(default_factory=Timing)
    records: dict[Image, Record] = field(default_factory=dict)
    changed: set[Task] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def work(self, task: Task) -> None:
        """Does one task unless it is done already; two runs never do the same one at once."""
        step = {Step.BUILD: self._build, Step.TEST: self._test, Step.PUSH: self._push}[task.step]
        name = task.image.name
        try:
            with self.timing.task(task), exclusive(self.session.options.build_dir / "locks" / f"{name}.lock"):
                self.session.processes.check()
                did = step(task.image)
        except Interrupted:
            raise
        except Exception as error:
            # A cancelled step fails in whatever way its tools do: that is no verdict on the image.
            self.session.processes.check()
            self.progress.state(name, State.FAILED, str(task.step))
            raise self._told(task, error) from error
        if did:
            with self._lock:
                self.changed.add(task)
        self.progress.state(
            name, _DONE[task.step] if did else State.UNCHANGED, self._detail(task) if did else task.step
        )

    def _told(self, task: Task, error: Exception) -> FactoryError:
        """An error that says what is to blame: not the image, when the disk is full or the engine gone."""
        if isinstance(error, OSError):
            try:
                with told(self.session.options.build_dir):
                    raise error
            except DiskError as full:
                return full
            except OSError:
                pass
        if not isinstance(error, MachineError) and not self.session.engine.answers():
            return MachineError(
                f"{task.image.name}: {task.step}: the Docker engine stopped answering; start it, and run the same "
                "command again: what is complete is kept"
            )
        if isinstance(error, FactoryError):
            return error
        return FactoryError(f"{task.image.name}: {task.step} failed: {type(error).__name__}: {error}")

    def _detail(self, task: Task) -> str:
        tests = self.records[task.image].tests if task.step is Step.TEST else None
        return "not executed here" if tests and tests.not_executed else ""

    def _begin(self, image: Image, step: Step) -> Callable[[str], None]:
        self.progress.state(image.name, _WORKING[step])
        return lambda text: self.progress.step(image.name, text)

    def _build(self, image: Image) -> bool:
        if self._current(image):
            return False
        if self._adopt(image):
            return False
        record = self.session.builder.build(image, self._begin(image, Step.BUILD), self.session.is_fresh(image))
        self._keep(image, self.session.records.save(record))
        return True

    def _adopt(self, image: Image) -> bool:
        """With --stale, takes an image from the registry that has it with the present inputs."""
        session = self.session
        if not session.options.stale:
            return False
        self._begin(image, Step.BUILD)("taking it from the registry")
        inputs = session.inputs_of(image)
        for there in session.offered(image):
            if record := session.adopter.adopt(image, inputs, there, lambda known: session.serves(image, known)):
                self._keep(image, record)
                return True
        return False

    def _test(self, image: Image) -> bool:
        session, record = self.session, self._needed(image)
        if record.tests and record.tests.sound and record.tests.key == session.tests_key(image):
            return False
        subject = self._subject(image, record)
        result = run_checks(subject, self._begin(image, Step.TEST))
        session.processes.check()
        if not result.sound and not session.engine.answers():
            raise SmokeFailedError(image, result)  # no verdict on the image, and so nothing to keep
        if not record.packages:
            record = with_packages(record, installed_packages(subject), session.matrix, image)
        tested = replace(record, tests=result)
        self._keep(image, session.records.save(tested))
        if not result.sound:
            raise SmokeFailedError(image, result)
        return True

    def _push(self, image: Image) -> bool:
        record = self._needed(image)
        publisher, renew = self.session.publisher, self.session.is_fresh(image)
        push = publisher.push if self.session.options.publishing is Publishing.EACH else publisher.stage
        pushed = push(image, record, self._begin(image, Step.PUSH), renew)
        self._keep(image, self.session.records.save(pushed))
        return pushed.pushed != record.pushed

    def _subject(self, image: Image, record: Record) -> Subject:
        session = self.session
        found = session.engine.inspect(record.digest)
        if found is None:
            raise NotBuiltError(f"{image.name}: {record.digest} is gone from the engine; run `factory build`")
        others = {other: self._find(other) for other in session.companions(image)}
        return Subject(
            matrix=session.matrix,
            image=image,
            record=record,
            found=found,
            client=session.engine.client,
            recipe=recipe(session.matrix.families[image.family].smoke) if image.family else None,
            digests={other: known.digest for other, known in [*others.items(), (image, record)] if known},
            scratch=session.options.build_dir / "smoke",
            not_executed=session.not_executed(image),
            network=session.options.network,
            pip_conf=session.options.pip_conf,
        )

    def _needed(self, image: Image) -> Record:
        record = self._current(image)
        if record is None:
            raise NotBuiltError(f"{image.name}: not built with the present inputs; run `factory build {image.name}`")
        return record

    def _current(self, image: Image) -> Record | None:
        """The finished image of this task, kept for the report: only who holds its lock may keep it."""
        record = self._find(image)
        if record:
            self._keep(image, record)
        return record

    def _find(self, image: Image) -> Record | None:
        """The finished image with the present inputs, if there is one, as another run may just have left it."""
        inputs_key = self.session.inputs_of(image).key
        found = self.session.engine.inspect(local_name(image.name, inputs_key))
        record = self.session.records.refresh(found.digest) if found else None
        good = record and record.inputs_key == inputs_key and self.session.serves(image, record)
        return record if good else None

    def promote_together(self, outcome: Outcome) -> None:
        """Lets the tags that move stand for all selected images, which are in the registry; if one failed, for none."""
        if not outcome.ok:
            print("no tag was moved, because not all images passed", file=sys.stderr)
            return
        for image in self.session.selected:
            self.session.processes.check()
            promoted = self.session.publisher.promote(image, self.records[image], self._begin(image, Step.PUSH))
            self._keep(image, self.session.records.save(promoted))

    def _keep(self, image: Image, record: Record) -> None:
        with self._lock:
            self.records[image] = record


def run(session: Session, steps: tuple[Step, ...]) -> Report:
    """Runs the steps for the selected images.

    Raises:
        Interrupted: by the user; all that was complete is kept.
        MachineError: the engine or the registry does not answer.
        UsageError: with --locked, a reference has no digest.
    """
    tasks = pipeline.graph(session.selected, session.ancestors, steps, session.companions)
    _check_lock(session, tasks)
    complete = _complete(session, tasks)
    rest = pipeline.without(tasks, complete)
    if rest:
        _prepare(session, steps)
    _tell_blocked(session, rest)
    names = list(dict.fromkeys(task.image.name for task in tasks))
    with choose(names, session.options.quiet, session.options.verbose) as progress, _interruptible(session):
        this = Run(session, progress, steps, Timing(rest, session.options.jobs))
        for task, record in complete.items():
            this.records[task.image] = record
            progress.state(task.image.name, State.UNCHANGED, f"{task.step}")
        outcome = pipeline.run(rest, this.work, session.options.jobs)
        if Step.PUSH in steps and session.options.publishing is Publishing.TOGETHER:
            this.promote_together(outcome)
        this.timing.stop()
        for image, cause in {task.image: cause for task, cause in outcome.blocked.items()}.items():
            if image != cause:
                progress.state(image.name, State.BLOCKED, f"{cause.name} failed")
    lacking = [error for error in outcome.failed.values() if isinstance(error, MachineError)]
    if lacking and len(lacking) == len(outcome.failed):
        raise lacking[0]  # no image is at fault
    return Report(outcome, this.records, this.changed, this.timing)


def _complete(session: Session, tasks: Graph) -> dict[Task, Record]:
    """The builds and tests that need not be done, found with one question to the engine. Pushes ask the registry."""
    world = session.world()
    found: dict[Task, Record] = {}
    for task in tasks:
        record = current(task.image, session.inputs_of(task.image), world)
        tested = record and record.tests and record.tests.sound and record.tests.key == world.tests_key(task.image)
        if (
            record
            and session.serves(task.image, record)
            and (task.step is Step.BUILD or (task.step is Step.TEST and tested))
        ):
            found[task] = record
    return found


def _prepare(session: Session, steps: tuple[Step, ...]) -> None:
    """All that can be found wrong before the first image is worked on."""
    session.engine.check()
    if Step.TEST in steps:
        session.check_recipes()
    if Step.BUILD in steps:
        session.builder.check()
        session.write_rendered()
        session.compile_emulator()
    clear_orphans(session.engine.client)


def _check_lock(session: Session, tasks: Graph) -> None:
    """An unlocked reference is told once; with --locked it ends the run."""
    unlocked = session.unlocked({task.image for task in tasks if task.step is Step.BUILD})
    if not unlocked:
        return
    told = f"{', '.join(unlocked)}: no digest in {session.options.lock}"
    if session.options.locked:
        raise UsageError(f"{told}; run `factory lock`")
    print(f"warning: {told}, so whatever the tag means now is used; `factory lock` pins it", file=sys.stderr)


def _tell_blocked(session: Session, tasks: Graph) -> None:
    """Runtimes that Lambda takes no more are told, once: they may be wanted with docker, or be a mistake."""
    built = [task.image for task in tasks if task.step is Step.BUILD]
    of_status: dict[Status | None, dict[str, None]] = {}
    for image in built:
        of_status.setdefault(status_on(session.matrix, session.today)(image), {}).setdefault(image.subject)
    told = [
        f"{verb} no function with {', '.join(of_status[status])}"
        for status, verb in ((Status.CREATE_BLOCKED, "creates"), (Status.UPDATE_BLOCKED, "creates or updates"))
        if status in of_status
    ]
    if told and not session.options.quiet:
        print(f"note: blocked runtimes are built; Lambda {', and '.join(told)} any more", file=sys.stderr)


@contextmanager
def _interruptible(session: Session) -> Iterator[None]:
    """Ctrl-C and SIGTERM end the engine's work too, then the run; a second one changes nothing."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        session.processes.cancel()
        threading.Thread(target=lambda: clear_own(session.engine.client), daemon=True).start()

    before = {number: signal.signal(number, interrupt) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def exit_code(report: Report) -> ExitCode:
    """0 when everything was done, else 1."""
    return ExitCode.DONE if report.outcome.ok else ExitCode.IMAGE_FAILED
