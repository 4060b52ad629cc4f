"""`render`, `diff`: the Dockerfiles, and how they or the images differ."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from pathlib import Path

import click

from factory.app.app import App
from factory.app.options import option
from factory.cli.options import Given, takes
from factory.errors import ExitCode
from factory.render.diff import unified


@dataclass(frozen=True)
class Output:
    """Where to write."""

    output: Path | None = option("where to (default: the build directory)", metavar="DIR", read=Path, short="-o")


@takes(Output)
def render_(app: App, given: Given) -> int:
    if output := given[Output].output:
        app = App(replace(app.options, build_dir=output), app.outside)
    number = app.rendering.write()
    print(f"{app.options.build_dir}: {number} Dockerfiles in dockerfiles/, docker-bake.json")
    return ExitCode.DONE


@dataclass(frozen=True)
class Names:
    """How much is told."""

    names: bool = option("only the names of the Dockerfiles that changed", False)


@click.argument("new", metavar="[NEW]", required=False)
@click.argument("old", metavar="REV|IMAGE[@DAY|@DIGEST]")
@takes(Names)
def diff_(app: App, given: Given, old: str, new: str | None) -> int:
    """Prints what differs: between the rendered output of a git revision and now, or between two published images."""
    if new is not None:
        return _diff_images(app, old, new)
    now = app.renderer.all()
    before = app.project.rendered_at(old)
    if given[Names].names:
        print("\n".join(stem for stem in now if now[stem] != before.get(stem)))
    else:
        sys.stdout.write(unified(before, now))
    return ExitCode.DONE


def _diff_images(app: App, old: str, new: str) -> int:
    """Prints what differs between two images of one repository."""
    from factory.publish.compare import compare, content
    from factory.publish.tags import version_tag
    from factory.report.details import differences_text

    before, after = (content(app.reader, version_tag(word)) for word in (old, new))
    print(differences_text(compare(app.registry, app.repository, before, after)))
    return ExitCode.DONE
