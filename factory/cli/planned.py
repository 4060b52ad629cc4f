"""`plan`: what would be done with each image, and why; also as job matrices for CI."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from factory.app.app import App
from factory.app.options import Printing, Selecting, Staleness, option
from factory.build.present import last_seconds
from factory.cli.options import Given, takes
from factory.cli.options import selectors as named
from factory.cli.output import selection, show
from factory.errors import ExitCode, UsageError
from factory.matrix.images import Image
from factory.plan.planner import Action, Item
from factory.plan.shards import MOST_JOBS, Job, Part, Wave, job_matrix, seconds_of, share
from factory.plan.targets import relevant
from factory.publish.present import InRegistry
from factory.report.details import github_matrix, plan_entry, plan_markdown, plan_text


@dataclass(frozen=True)
class Sharing:
    """How the plan is shared out."""

    shard: str | None = option("only the I-th of N parts; with --format github N jobs", metavar="I/N")
    wave: str | None = option(
        "only the bases, or only what is built from them; with --format github `each` as a matrix of its own",
        choices=("bases", "runtimes", "each"),
    )
    summary: Path | None = option("append the plan to a file as Markdown", metavar="FILE", read=Path)

    @property
    def part(self) -> Part | None:
        return Part.parse(self.shard) if self.shard else None

    def waves(self, form: str) -> tuple[Wave, ...]:
        """The waves that are told apart; none where all is one.

        Raises:
            UsageError: each wave is one of several, which only job matrices can say.
        """
        if self.wave == "each" and form != "github":
            raise UsageError("--wave each makes job matrices, for --format github; else name `bases` or `runtimes`")
        return tuple(Wave) if self.wave == "each" else (Wave(self.wave),) if self.wave else ()


@named
@takes(Selecting, Staleness, Sharing, Printing, choices=("github",))
def plan_(app: App, given: Given, selectors: tuple[str, ...]) -> int:
    """Prints what would be done with each selected image, and why; of several waves the job matrix of each."""
    sharing, staleness, form = given[Sharing], given[Staleness], given[Printing].format
    part, waves = sharing.part, sharing.waves(form)
    targets = app.targets(selection(selectors, given[Selecting]))
    there = app.in_registry(staleness.max_age is not None) if staleness.asks_registry else None
    plan = app.plan_there(targets, there, staleness.max_age) if there else app.plan_here(targets)
    items = [item for item in relevant(plan.values(), targets) if _is_in(item.image, waves)]
    for file in app.records.damaged:
        print(f"warning: {file} is damaged and counts as missing", file=sys.stderr)
    if sharing.summary:
        with sharing.summary.open("a", encoding="utf-8") as stream:
            stream.write(plan_markdown(items))
    if form == "github":
        print(json.dumps(_matrices(app, items, waves, part, there)))
        return ExitCode.DONE
    if part:
        mine = _mine(share([item.image for item in items], part.of, seconds_of(_seconds(app, items, there))), part)
        items = [item for item in items if item.image in mine]
    show(form, [plan_entry(item) for item in items], lambda: plan_text(items))
    return ExitCode.DONE


def _is_in(image: Image, waves: Sequence[Wave]) -> bool:
    return not waves or any(wave.has(image) for wave in waves)


def _matrices(
    app: App, items: Sequence[Item], waves: Sequence[Wave], part: Part | None, there: InRegistry | None
) -> dict[str, Any]:
    """The job matrix; of several waves one each, by name."""
    if len(waves) <= 1:
        return _job_matrix(app, items, part, there)
    return {wave.value: _job_matrix(app, [i for i in items if wave.has(i.image)], part, there) for wave in waves}


def _job_matrix(app: App, items: Sequence[Item], part: Part | None, there: InRegistry | None) -> dict[str, Any]:
    """What there is to do as jobs: one an image, or so many as the shard says."""
    if part is None:
        matrix = github_matrix(items)
        if len(matrix["include"]) > MOST_JOBS:
            raise UsageError(
                f"{len(matrix['include'])} jobs, and GitHub takes {MOST_JOBS}; share them out: --shard 100"
            )
        return matrix
    todo = [item for item in items if item.action not in (Action.SKIP, Action.BLOCKED)]
    seconds = seconds_of(_seconds(app, todo, there))
    return job_matrix(share([item.image for item in todo], min(part.of, MOST_JOBS), seconds))


def _seconds(app: App, items: Sequence[Item], there: InRegistry | None) -> Mapping[Image, float]:
    """How long images took last: on this machine, else as the registry knows it where that is asked."""
    images = [item.image for item in items]
    known = last_seconds({image: app.records.latest(image.name) for image in images})
    unknown = [image for image in images if image not in known]
    return {**known, **last_seconds(there.records(unknown))} if there else known


def _mine(jobs: list[Job], part: Part) -> set[Image]:
    """The images of one part; of all parts where it names none."""
    chosen = jobs if part.number == 0 else jobs[part.number - 1 : part.number]
    return {image for job in chosen for image in job.images}
