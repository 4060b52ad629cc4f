"""`new`, `lock`: what writes the matrix and its lock."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain

import click

from factory.app.app import App
from factory.app.options import option
from factory.build.records import Record
from factory.cli.options import Given, takes
from factory.errors import ExitCode
from factory.matrix import lock
from factory.matrix.images import Image, Selection, expand
from factory.matrix.loading import refusal
from factory.registry.errors import RegistryError, RegistryUnreachableError
from factory.report.tables import table
from factory.upstream.resolve import Resolver
from factory.upstream.signatures import Upstream
from factory.upstream.summary import moves, summary


@dataclass(frozen=True)
class New:
    """What a new runtime is made like."""

    like: str | None = option("the runtime that it succeeds or resembles", metavar="OTHER")
    preview_tag: bool = option("upstream has it as VERSION-preview only", False)


@click.argument("name", metavar="NAME")
@takes(New)
def new_(app: App, given: Given, name: str) -> int:
    """Writes the table of a new runtime, and says what follows."""
    new = given[New]
    if new.like is None:
        raise click.UsageError("which runtime is it like? Name one: --like python3.13", click.get_current_context())
    added = app.project.add(name, new.like, new.preview_tag)
    print(f"{app.options.matrix}:{added.line}: written; no other file changed", *added.table.splitlines(), sep="\n    ")
    after = App(app.options, app.outside)  # it reads the matrix as it is now
    images = after.named(Selection(patterns=(name,)))
    print(f"{len(images)} images: {', '.join(image.name for image in images)}\n")
    unlocked = ", ".join(after.inputs_of.all_unlocked(images))
    steps = [
        ("factory diff HEAD", "shows its Dockerfiles"),
        ("factory lock", f"pins {unlocked}" if unlocked else "has nothing to pin"),
        (f"factory release {name}", "builds, tests and pushes its images"),
        ("edit lifecycle", "when AWS has published its dates, which are left out, so that it counts as a preview"),
    ]
    print(table(("NEXT", ""), steps))
    return ExitCode.DONE


@dataclass(frozen=True)
class Locking:
    """How references are resolved."""

    upgrade: bool = option("move what is locked already, too", False)
    since: str | None = option("change nothing: tell what moved since a git revision", metavar="REV")
    allow_unresolved: bool = option("note what no registry answers for", False)


@takes(Locking)
def lock_(app: App, given: Given) -> int:
    """Resolves upstream references and writes the lock; with `since` it only tells what moved."""
    locking = given[Locking]
    if locking.since:
        before = app.project.lock_at(locking.since)
        print(_summary(app, before, app.project.lock, lambda image: chain(_here(app, image), _there(app, image))))
        return ExitCode.DONE
    folder = app.options.matrix.parent
    if lacking := list(Upstream(app.matrix, folder).lacking()):
        raise refusal(app.project.text, str(app.options.matrix), lacking)
    resolver = Resolver(app.registry, app.options.mirrors, app.today, locking.allow_unresolved, folder=folder)
    new = resolver.lock(app.matrix, app.project.lock, locking.upgrade)
    if locking.upgrade and not app.options.quiet:
        print(_summary(app, app.project.lock, new, lambda image: _here(app, image)))
    lock.write(app.options.lock_file, new)
    print(f"{app.options.lock_file}: {lock.counted(new)}")
    return ExitCode.DONE


def _summary(app: App, old: lock.Lock, new: lock.Lock, records: Callable[[Image], Iterable[Record]]) -> str:
    return summary(moves(old, new), expand(app.matrix), app.inputs_of.sources, records)


def _here(app: App, image: Image) -> Iterator[Record]:
    """What this machine knows of the images that a name stood for, youngest first."""
    return (record for record in reversed(list(app.records)) if record.name == image.name)


def _there(app: App, image: Image) -> Iterator[Record]:
    """What the registry knows of them, youngest first; nothing where it does not answer."""
    try:
        tags = app.reader.tags()
    except (RegistryError, RegistryUnreachableError):
        return
    yield from (record for there in app.reader.dated(image, tags) if (record := app.reader.record(there)))
