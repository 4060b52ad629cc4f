"""Where the lab keeps things, and the few values that decide how it runs."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from tools.lab.errors import LabError

LAB = Path(__file__).parent
EPOCH = 1704067200
"""2024-01-01: the time on every file of a stand-in, so that assembling twice gives the same bytes."""


@dataclass(frozen=True)
class Settings:
    """Directories and the registry's port, from the environment."""

    cache: Path
    state: Path
    port: int

    @staticmethod
    def from_environment() -> Settings:
        """Read XDG directories and LAB_PORT."""
        text = os.environ.get("LAB_PORT", "5000")
        if not text.isdigit() or not 0 < int(text) < 65536:
            raise LabError(f"LAB_PORT is '{text}', which is no port: give a number from 1 to 65535", code=2)
        return Settings(
            cache=_base("XDG_CACHE_HOME", ".cache") / "lambda-factory" / "lab",
            state=_base("XDG_STATE_HOME", ".local/state") / "lambda-factory",
            port=int(text),
        )

    @property
    def registry(self) -> str:
        """The registry's address as it stands before a repository's name."""
        return f"127.0.0.1:{self.port}"


def _base(variable: str, default: str) -> Path:
    return Path(os.environ.get(variable) or Path.home() / default)
