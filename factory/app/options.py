"""What the user asked for, apart from the command itself."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from pathlib import Path

from factory.build.caches import Caches
from factory.matrix.images import Selection


class Publishing(StrEnum):
    """When the tags that move come to stand for the images of a run."""

    EACH = "each"
    """Each as soon as it passed."""
    TOGETHER = "together"
    """All of them, when all passed."""
    HOLD = "hold"
    """Not in this run: the images wait under their dated tags for `factory promote`."""


@dataclass(frozen=True)
class Options:
    """The options that all commands share."""

    matrix: Path = Path("matrix.toml")
    lock: Path = Path("matrix.lock")
    build_dir: Path = Path("build")
    registry: str | None = None
    mirrors: Mapping[str, str] = field(default_factory=dict)
    network: str | None = None
    pip_conf: Path | None = None
    builder: str | None = None
    jobs: int = 2 * (os.cpu_count() or 1) + 1
    """More than the cores: a build compresses on one core, and waits for the disk and the registry on none."""
    verbose: bool = False
    quiet: bool = False
    caches: Caches = field(default_factory=Caches)
    locked: bool = False
    stale: bool = False
    """Only what the registry lacks or has otherwise; what it has already is taken from there."""
    max_age: timedelta | None = None
    """How old a published image may be before it is stale."""
    publishing: Publishing = Publishing.EACH
    attest: bool = False
    """Attach SBOM and provenance to what is pushed."""
    sign: str | None = None
    """The key that signs what is pushed, or `keyless`."""
    logged: bool = True
    """Whether signatures are entered in, and looked up from, the public transparency log."""
    content_trust: str | None = None
    """The server of Docker Content Trust where tags are entered."""
    fail_on: str | None = None
    """The severity from which on a scanner's finding stops a push."""
    scanner: str | None = None
    """The scanner's command, where it is not grype."""
    selection: Selection = field(default_factory=Selection)
