"""`emulator`, `doctor`: what this machine makes, and what it lacks."""

from __future__ import annotations

from factory.app.app import App
from factory.cli.options import Given, takes
from factory.errors import ExitCode
from factory.report.doctor import examine
from factory.report.tables import table


@takes()
def emulator_(app: App, _: Given) -> int:
    for binary in app.emulator.compile(app.options.build_dir):
        print(f"{binary}  {binary.stat().st_size:,} bytes")
    return ExitCode.DONE


@takes()
def doctor_(app: App, _: Given) -> int:
    looked = examine(app.repository, app.options.builder)
    lacks = [each for each in looked if each.remedy and not each.optional]
    states = ("lacks" if each in lacks else "optional" if each.remedy else "ok" for each in looked)
    rows = [(state, each.what, each.seen) for state, each in zip(states, looked, strict=True)]
    print(table(("", "WHAT", "SEEN"), rows))
    for each in looked:
        if each.remedy:
            print(f"{each.what}: {each.remedy}")
    return ExitCode.MACHINE if lacks else ExitCode.DONE
