"""`build`, `test`, `push`, `release`: what works on images."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from factory.app.app import App
from factory.app.options import Caching, Entering, Logging, Moving, Printing, Publishing, Running, Selecting, Staleness
from factory.cli.options import Given, takes
from factory.cli.options import selectors as named
from factory.cli.output import selection, show
from factory.matrix.images import Image
from factory.plan.targets import Targets
from factory.plan.tasks import Step
from factory.publish.adopt import Adopter
from factory.publish.present import InRegistry
from factory.report import results
from factory.run.finished import Finished
from factory.run.release import Release, exit_code
from factory.run.steps import Building, Doing, Pushing, Testing


def _command(steps: tuple[Step, ...], *groups: type) -> Callable[..., int]:
    """A command that takes these steps."""

    @named
    @takes(Selecting, Staleness, Running, *groups, Printing)
    def command(app: App, given: Given, selectors: tuple[str, ...]) -> int:
        return _run(app, steps, app.targets(selection(selectors, given[Selecting])), given)

    return command


build_ = _command((Step.BUILD,), Caching)
test_ = _command((Step.TEST,))
push_ = _command((Step.PUSH,), Publishing, Entering, Logging)
release_ = _command(tuple(Step), Caching, Publishing, Entering, Logging)


def _run(app: App, steps: tuple[Step, ...], targets: Targets, given: Given) -> int:
    """Takes these steps for the selected images."""
    release = _release(app, steps, targets, given)
    result = release.run()
    if text := results.failures_text(result):
        print(text, file=sys.stderr)
    images, form = release.targets.selected, given[Printing].format
    selected = frozenset(images)
    entries = [_entry(app, image, result) for image in result.records if image in selected]
    show(form, entries, lambda: results.run_text(images, result))
    if given[Running].timing:
        print("", result.timing.text(), sep="\n", file=sys.stderr if form == "json" else sys.stdout)
    if Step.TEST in steps:  # last: where the disk is full, everything has been said
        results.write_junit(app.options.build_dir / "reports" / "junit.xml", result.records, result)
    return exit_code(result)


def _entry(app: App, image: Image, result: results.Result) -> dict[str, Any]:
    record = result.records[image]
    return {
        "name": image.name,
        "digest": record.digest,
        "pushed": record.pushed.get(str(app.repository), []),
        "not_executed": record.tests.not_executed if record.tests else None,
        "seconds": {step: round(seconds, 3) for step, seconds in result.timing.seconds(image).items()},
    }


def _release(app: App, steps: tuple[Step, ...], targets: Targets, given: Given) -> Release:
    """The parts of a run; where staleness is asked for, over what the registry has not."""
    moving, staleness = given[Publishing].moving, given[Staleness]
    there = app.in_registry(staleness.max_age is not None) if staleness.asks_registry else None
    anew: dict[Image, datetime] = {}
    if there:
        items = app.plan_there(targets, there, staleness.max_age)
        targets = targets.only_stale(items)
        since = app.outside.now() - (staleness.max_age or timedelta())
        anew = {image: since for image, item in items.items() if item.fresh}
    images = targets.with_needs(targets.named)
    finished = Finished(app.machine, app.inputs_of, app.tests_keys(images), anew)
    builds, bench = app.outside.builds(app.buildx(given[Caching])), app.bench(images)
    doing: dict[Step, Doing] = {
        Step.BUILD: Building(finished, builds, _adopter(app, there, anew, targets)),
        Step.TEST: Testing(finished, bench, app.engine, app.processes, targets.peers),
    }
    if Step.PUSH in steps:
        publisher = app.publisher(given[Publishing], given[Entering], given[Logging])
        doing[Step.PUSH] = Pushing(finished, publisher, hold=moving is not Moving.EACH)
    return Release(
        targets,
        finished,
        {step: doing[step] for step in steps},
        app.preparation(builds, bench),
        app.engine,
        app.processes,
        app.options.build_dir,
        app.options.jobs,
        together=moving is Moving.TOGETHER,
        quiet=app.options.quiet,
        verbose=app.options.verbose,
    )


def _adopter(app: App, there: InRegistry | None, anew: Mapping[Image, datetime], targets: Targets) -> Adopter | None:
    return Adopter(there, app.engine, app.records, anew, frozenset(targets.selected)) if there else None
