"""The programs of others that this needs: cosign and syft, found, called, and told about when they are missing."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from factory.errors import FactoryError, MachineError

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


def call(
    command: Sequence[str | Path], environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Runs a program to its end; nothing secret may be among its arguments, which every user of the machine can read.

    Raises:
        TrustError: it did not end in time.
    """
    words = [str(word) for word in command]
    try:
        return subprocess.run(
            words,
            env={**os.environ, **(environment or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_TIMEOUT,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise TrustError(f"{words[0]} did not end within {_TIMEOUT} s") from None


def tail(text: str) -> str:
    """The last lines of what a program said."""
    return "\n".join(f"    {line}" for line in text.strip().splitlines()[-5:])
