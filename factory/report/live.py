"""The live table on a terminal: one line an image, those at work first."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import Self

from rich.console import Console, ConsoleOptions, RenderResult
from rich.live import Live as RichLive
from rich.table import Table
from rich.text import Text

from factory.report.states import ACTIVE, State

_STYLES = {
    State.WAITING: "dim",
    State.BUILDING: "cyan",
    State.TESTING: "cyan",
    State.PUSHING: "cyan",
    State.FAILED: "bold red",
    State.BLOCKED: "red",
    State.PUSHED: "green",
    State.TESTED: "green",
    State.BUILT: "green",
    State.UNCHANGED: "green",
}
_ORDER = (State.FAILED, State.BLOCKED, *sorted(ACTIVE))


@dataclass
class _Line:
    state: State = State.WAITING
    detail: str = ""
    since: float = field(default_factory=time.monotonic)


class Live:
    """Draws the table at the bottom of the terminal; notes scroll above it."""

    def __init__(self, names: list[str], console: Console | None = None) -> None:
        self._console = console or Console(stderr=True)
        self._lines = {name: _Line() for name in names}
        self._lock = threading.Lock()
        self._live = RichLive(self, console=self._console, refresh_per_second=8, transient=False)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def state(self, name: str, state: State, detail: str = "") -> None:
        with self._lock:
            self._lines[name] = _Line(state, detail)

    def step(self, name: str, text: str) -> None:
        with self._lock:
            self._lines[name].detail = text

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """As many lines as the terminal has room for; the rest is counted."""
        with self._lock:
            lines = sorted(self._lines.items(), key=lambda item: _rank(item[1].state))
        room = max(options.max_height - 2, 3)
        table = Table.grid(padding=(0, 2))
        for name, line in lines[:room]:
            seconds = f"{time.monotonic() - line.since:.0f}s" if line.state in ACTIVE else ""
            detail = Text(line.detail, overflow="ellipsis", no_wrap=True, style="dim")
            table.add_row(name, Text(line.state, style=_STYLES[line.state]), seconds, detail)
        yield table
        if len(lines) > room:
            yield Text(f"… and {len(lines) - room} more", style="dim")


def _rank(state: State) -> int:
    return _ORDER.index(state) if state in _ORDER else len(_ORDER) + (state is State.WAITING)
