"""Wall time of processes, and tables of it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median

FACTORY = str(Path(sys.executable).parent / "factory")


def wall(command: Sequence[str], env: Mapping[str, str] | None = None, cwd: Path | None = None) -> float:
    """Seconds from start to end of a process that must succeed."""
    started = time.monotonic()
    done = subprocess.run(
        command, env={**os.environ, **(env or {})}, cwd=cwd, capture_output=True, text=True, check=False
    )
    seconds = time.monotonic() - started
    if done.returncode:
        said = f"{done.stdout[-2000:]}{done.stderr[-2000:]}"
        sys.exit(f"bench: {' '.join(command[:6])} … ended with {done.returncode}:\n{said}")
    return seconds


def middle(values: Sequence[float]) -> float:
    """The median, rounded to a millisecond."""
    return round(median(values), 3)


def row(what: str, *cells: object) -> None:
    """One line of a Markdown table, at once, so that a long run can be watched."""
    print(f"| {what} | " + " | ".join(str(cell) for cell in cells) + " |", flush=True)
