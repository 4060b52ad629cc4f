"""Progress on a terminal and elsewhere."""

from __future__ import annotations

import io
import re
import sys

import pytest
from rich.console import Console

from factory.report.live import Live
from factory.report.progress import Plain, Quiet, choose
from factory.report.states import State


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def _plain(steps: bool) -> tuple[Plain, io.StringIO]:
    stream = io.StringIO()
    return Plain(stream, steps), stream


def test_plain_is_a_line_an_event() -> None:
    plain, stream = _plain(steps=False)
    with plain:
        plain.state("a", State.BUILDING)
        plain.step("a", "RUN make")
        plain.state("a", State.FAILED, "build")
    lines = stream.getvalue().splitlines()
    assert [re.sub(r"^\[ *\d+\.\ds\] ", "", line) for line in lines] == [
        "a: building",
        "a: failed (build)",
    ]
    assert "\x1b" not in stream.getvalue()


def test_verbose_tells_the_steps_too() -> None:
    plain, stream = _plain(steps=True)
    plain.step("a", "RUN make")
    assert stream.getvalue().endswith("s] a:   RUN make\n")


def test_quiet_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    quiet = Quiet()
    with quiet:
        quiet.state("a", State.BUILDING)
        quiet.step("a", "RUN make")
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == ""


@pytest.mark.parametrize(
    ("stream", "quiet", "verbose", "kind"),
    [
        (Terminal(), False, False, Live),
        (Terminal(), False, True, Plain),
        (Terminal(), True, False, Quiet),
        (io.StringIO(), False, False, Plain),
        (io.StringIO(), True, True, Quiet),
    ],
)
def test_what_fits_the_place(
    monkeypatch: pytest.MonkeyPatch, stream: io.StringIO, quiet: bool, verbose: bool, kind: type
) -> None:
    monkeypatch.setattr(sys, "stderr", stream)
    assert type(choose(["a"], quiet, verbose)) is kind


def _console(height: int) -> Console:
    return Console(file=io.StringIO(), force_terminal=True, width=80, height=height, color_system=None)


def _drawn(live: Live, console: Console) -> list[str]:
    with console.capture() as captured:
        console.print(live)
    return [line.rstrip() for line in captured.get().splitlines()]


def test_a_terminal_shows_a_line_an_image_with_its_step() -> None:
    console = _console(20)
    live = Live(["one", "two", "three"], console)
    live.state("two", State.BUILDING)
    live.step("two", "RUN make")
    live.state("three", State.FAILED, "test")
    lines = _drawn(live, console)
    assert [line.split()[:2] for line in lines] == [["three", "failed"], ["two", "building"], ["one", "waiting"]]
    assert lines[1].endswith("RUN make")


def test_what_has_no_room_is_counted() -> None:
    console = _console(6)
    live = Live([f"image-{number}" for number in range(10)], console)
    live.state("image-9", State.PUSHING)
    lines = _drawn(live, console)
    assert lines[0].startswith("image-9")
    assert lines[-1] == "… and 6 more"


def test_brackets_in_a_step_are_no_markup() -> None:
    console = _console(20)
    live = Live(["one"], console)
    live.state("one", State.BUILDING)
    live.step("one", "[2/4] RUN echo [bold]")
    assert _drawn(live, console)[0].endswith("[2/4] RUN echo [bold]")
