"""The programs of others that this needs: cosign and syft, found, called, and told about when they are missing."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from factory import process
from factory.errors import FactoryError, MachineError
from factory.process import Completed, TimedOutError

_TIMEOUT = 900  # seconds: a large image is read whole


class TrustError(FactoryError):
    """A document or signature could not be made."""


def find(name: str, purpose: str) -> Path:
    """The program's path.

    Raises:
        MachineError: it is not installed.
    """
    path = shutil.which(name)
    if path is None:
        raise MachineError(f"{name} is not installed, and {purpose}; install it, or leave that out")
    return Path(path)


def call(command: Sequence[str | Path], environment: Mapping[str, str] | None = None) -> Completed:
    """Runs a program to its end.

    Raises:
        TrustError: it did not end in time.
    """
    try:
        return process.call(command, environment=environment, timeout=_TIMEOUT)
    except TimedOutError as error:
        raise TrustError(str(error)) from None


def tail(text: str) -> str:
    """The last lines of what a program said."""
    return "\n".join(f"    {line}" for line in text.strip().splitlines()[-5:])
