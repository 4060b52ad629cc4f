"""Runs the whole matrix of faults, or those that are named, and prints it as a table: scripts/faults [WORD...]."""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from tests.lab.conftest import LAB
from tests.lab.faults.cases import CASES, Case
from tests.lab.faults.proxy import Proxy
from tests.lab.faults.world import World


def main(words: list[str]) -> int:
    """Prints a line a fault; 1 when anything came out wrong."""
    print("| fault | runs | faults injected | wrong outcomes |\n|---|--:|--:|--:|", flush=True)
    wrong = [
        finding for case in CASES if not words or any(word in case.name for word in words) for finding in _row(case)
    ]
    return int(bool(wrong))


def _row(case: Case) -> list[str]:
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="faults-") as folder, Proxy(LAB) as proxy:
        world = World.make(Path(folder), proxy)
        struck = case.inflict(world)
    struck = proxy.injected if struck is None else struck
    print(f"| {case.name} | {world.runs} | {struck} | {len(world.wrong)} |", flush=True)
    print(f"{case.name}: {time.monotonic() - started:.0f} s", *world.wrong, sep="\n    ", file=sys.stderr, flush=True)
    return world.wrong


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
