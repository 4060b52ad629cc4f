"""Errors for people: one class per exit code, each message says what to do about it."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from enum import IntEnum


class ExitCode(IntEnum):
    """The contract of every command's exit status."""

    DONE = 0
    IMAGE_FAILED = 1
    USAGE = 2
    MACHINE = 3
    INTERRUPTED = 130


class FactoryError(Exception):
    """A failure that is told to the user as text, without a traceback."""

    exit_code = ExitCode.IMAGE_FAILED


class UsageError(FactoryError):
    """Bad words on the command line, or a matrix or lock that cannot be."""

    exit_code = ExitCode.USAGE


class MachineError(FactoryError):
    """The machine lacks something: engine, builder, registry, toolchain."""

    exit_code = ExitCode.MACHINE


class Interrupted(FactoryError):  # noqa: N818 - an event, not an error
    """Ctrl-C or SIGTERM reached the factory."""

    exit_code = ExitCode.INTERRUPTED


def nearest(name: str, known: Iterable[str], count: int = 3) -> list[str]:
    """The known names that resemble `name` most, best first; empty when none does."""
    return get_close_matches(name, list(known), n=count, cutoff=0.5)


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A remedy in words: the nearest names, or all of them when they are few, or nothing."""
    names = sorted(known)
    close = nearest(name, names)
    if close:
        return f"did you mean {' or '.join(repr(n) for n in close)}?"
    if 0 < len(names) <= 12:
        return f"known: {', '.join(names)}"
    return "`factory list` shows what there is"
