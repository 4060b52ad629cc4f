"""What the user asked for, apart from the command itself."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from factory.images import Selection


@dataclass(frozen=True)
class Options:
    """The options that all commands share."""

    matrix: Path = Path("matrix.toml")
    lock: Path = Path("matrix.lock")
    build_dir: Path = Path("build")
    registry: str | None = None
    mirrors: Mapping[str, str] = field(default_factory=dict)
    builder: str | None = None
    jobs: int = 2 * (os.cpu_count() or 1) + 1
    """More than the cores: a build compresses on one core, and waits for the disk and the registry on none."""
    verbose: bool = False
    quiet: bool = False
    locked: bool = False
    selection: Selection = field(default_factory=Selection)
