"""The one door to other programs."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from tools.lab.errors import LabError


def run(
    command: Sequence[str | Path],
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    log: Path | None = None,
) -> str:
    """Run a program and return its output; on failure raise with the last lines that it printed."""
    words = [str(word) for word in command]
    done = subprocess.run(words, cwd=cwd, env=env, capture_output=True, text=True, errors="replace", check=False)
    if log is not None:
        with log.open("a") as file:
            file.write(f"$ {shlex.join(words)}\n{done.stdout}{done.stderr}\n")
    if done.returncode != 0:
        tail = "\n    ".join((done.stdout + done.stderr).strip().splitlines()[-12:])
        raise LabError(f"{words[0]} failed with status {done.returncode}: {shlex.join(words)[:300]}\n    {tail}")
    return done.stdout
