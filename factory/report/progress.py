"""Telling what goes on: one live line an image on a terminal, one plain line an event elsewhere."""

from __future__ import annotations

import sys
import threading
import time
from typing import Protocol, Self, TextIO

from factory.report.states import State


class Progress(Protocol):
    """What tells it."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...

    def state(self, name: str, state: State, detail: str = "") -> None:
        """An image reached a state."""

    def step(self, name: str, text: str) -> None:
        """An image is at a step inside its state."""


class Quiet:
    """Says nothing but what must be said."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return

    def state(self, name: str, state: State, detail: str = "") -> None:
        """Nothing."""

    def step(self, name: str, text: str) -> None:
        """Nothing."""


class Plain(Quiet):
    """A line an event with the seconds since the start: for CI logs."""

    def __init__(self, stream: TextIO | None = None, steps: bool = False) -> None:
        self._stream = stream or sys.stderr
        self._steps = steps
        self._lock = threading.Lock()
        self._started = time.monotonic()

    def state(self, name: str, state: State, detail: str = "") -> None:
        """One line."""
        self._print(f"{name}: {state}{f' ({detail})' if detail else ''}")

    def step(self, name: str, text: str) -> None:
        """One line, when asked to be told that much."""
        if self._steps:
            self._print(f"{name}:   {text}")

    def _print(self, text: str) -> None:
        with self._lock:
            print(f"[{time.monotonic() - self._started:7.1f}s] {text}", file=self._stream, flush=True)


def choose(names: list[str], quiet: bool, verbose: bool) -> Progress:
    """What fits the place we print to."""
    if quiet:
        return Quiet()
    if sys.stderr.isatty() and not verbose:
        from factory.report.live import Live  # rich is worth its import only where it shows

        return Live(names)
    return Plain(steps=verbose)
