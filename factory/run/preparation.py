"""All that can be found wrong, or must be told, before the first image is worked on."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from factory.build.emulator import Emulator
from factory.build.engine import Engine
from factory.build.rendering import Rendering
from factory.errors import UsageError
from factory.matrix.images import Image, status_on
from factory.matrix.words import Status
from factory.plan.keys import InputsOf
from factory.plan.tasks import Step
from factory.run.steps import Bench, Builds
from factory.smoke.container import clear_orphans
from factory.smoke.recipe import recipe


@dataclass(frozen=True)
class Preparation:
    """What a run needs to begin. `lock` names the lock's file in messages, `locked` forbids what it does not hold."""

    inputs_of: InputsOf
    engine: Engine
    builds: Builds
    bench: Bench
    rendering: Rendering
    emulator: Emulator
    lock: Path
    today: date
    locked: bool = False

    def check_lock(self, built: Collection[Image]) -> None:
        """Tells of unlocked references once.

        Raises:
            UsageError: with `locked`, there is one.
        """
        unlocked = self.inputs_of.all_unlocked(built)
        if not unlocked:
            return
        told = f"{', '.join(unlocked)}: no digest in {self.lock}"
        if self.locked:
            raise UsageError(f"{told}; run `factory lock`")
        print(f"warning: {told}, so whatever the tag means now is used; `factory lock` pins it", file=sys.stderr)

    def tell_blocked(self, built: Sequence[Image]) -> None:
        """Runtimes that Lambda takes no more are told, once: they may be wanted with docker, or be a mistake."""
        status_of = status_on(self.bench.matrix, self.today)
        of_status: dict[Status | None, dict[str, None]] = {}
        for image in built:
            of_status.setdefault(status_of(image), {}).setdefault(image.declared)
        told = [
            f"{verb} no function with {', '.join(of_status[status])}"
            for status, verb in ((Status.CREATE_BLOCKED, "creates"), (Status.UPDATE_BLOCKED, "creates or updates"))
            if status in of_status
        ]
        if told:
            print(f"note: blocked runtimes are built; Lambda {', and '.join(told)} any more", file=sys.stderr)

    def prepare(self, steps: Collection[Step], selected: Iterable[Image]) -> None:
        """Checks engine, recipes and builder, and writes what builds read.

        Raises:
            MachineError: the engine or the builder will not do.
            UsageError: a recipe is missing or broken, before hours of building and not after.
        """
        self.engine.check()
        if Step.TEST in steps:
            for folder in {self.bench.folder(image): None for image in selected if image.family}:
                recipe(folder)
        if Step.BUILD in steps:
            self.builds.check()
            self.rendering.write()
            self.emulator.compile(self.rendering.build_dir)
        clear_orphans(self.engine.client)
