"""The command line: how long a person or a CI step waits for nothing but the program."""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from factory.app.project import Project
from factory.render.dockerfile import Renderer
from factory.render.fetches import Fetches
from tools.bench.clock import FACTORY, middle, row, wall

_ROUNDS = 9


def main() -> None:
    """Medians of alternating rounds."""
    with tempfile.TemporaryDirectory() as folder:
        render = [FACTORY, "render", "--output", folder]
        commands = {
            "`python -c pass` (floor)": [sys.executable, "-c", "pass"],
            "`factory --help`": [FACTORY, "--help"],
            "`factory list`": [FACTORY, "list"],
            "`factory render`": render,
            "`factory plan`": [FACTORY, "plan"],
        }
        times: dict[str, list[float]] = {name: [] for name in commands}
        for _ in range(_ROUNDS):
            for name, command in commands.items():
                times[name].append(wall(command))
    print(f"\nThe command line: seconds of wall time, median of {_ROUNDS} alternating rounds.\n")
    row("command", "seconds", "goal")
    row("-", "-", "-")
    goals = {"`factory --help`": 0.15, "`factory render`": 0.5}
    for name, values in times.items():
        row(name, middle(values), goals.get(name, ""))
    _per_dockerfile()


def _per_dockerfile() -> None:
    """Rendering alone, inside the process."""
    project = Project(Path("matrix.toml"), Path("matrix.lock"))
    fetches = Fetches(project.matrix)
    Renderer(fetches, project.templates).all()  # the templates are compiled once a process
    started = time.perf_counter()
    count = len(Renderer(fetches, project.templates).all())
    row("one Dockerfile, in the process", f"{(time.perf_counter() - started) / count:.5f}", 0.001)
