"""The options of the commands, each declared once: its name, its type, its default, its help.

An option `name` is `--name` on the command line and FACTORY_NAME in the environment, unless its declaration says more.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any

from factory.errors import UsageError, did_you_mean

Read = Callable[[str], Any]
"""Makes a value of a word.

Raises:
    UsageError: it cannot be one.
"""


@dataclass(frozen=True)
class Declared:
    """How an option is told and read; `many` ones may be repeated, and then have words as `split` makes them."""

    help: str
    metavar: str | None = None
    read: Read = str
    choices: Sequence[str] = ()
    many: bool = False
    commas: bool = False
    """Whether a word may be several with commas between."""
    short: str | None = None
    name: str | None = None
    variable: bool = True


def option(help: str, default: Any = None, **more: Any) -> Any:
    """A field that is an option."""
    return field(default=default, metadata={"option": Declared(help, **more)})


def mirror(word: str) -> tuple[str, str]:
    """`HOST=OTHER`, split."""
    host, equals, other = word.partition("=")
    if not (host and equals and other):
        raise UsageError(f"--mirror {word!r} names no mirror; write HOST=OTHER: public.ecr.aws=127.0.0.1:5000")
    return host, other


def days(word: str) -> timedelta:
    """A number of days."""
    if not word.isdecimal():
        raise UsageError(f"{word!r} is not a number of days; write 0 or more")
    return timedelta(days=int(word))


def count(word: str) -> int:
    """A number of images, at least 1."""
    if not word.isdecimal() or int(word) < 1:
        raise UsageError(f"{word!r} is not a number of images; write 1 or more")
    return int(word)


def one_of(*known: str) -> Read:
    """One of the known words."""

    def read(word: str) -> str:
        if word not in known:
            raise UsageError(f"{word!r} selects nothing; {did_you_mean(word, known)}")
        return word

    return read


@dataclass(frozen=True)
class Everywhere:
    """What every command takes."""

    matrix: Path = option("default: matrix.toml", Path("matrix.toml"), metavar="FILE", read=Path)
    lock: Path | None = option("default: beside the matrix, matrix.lock", metavar="FILE", read=Path)
    build_dir: Path = option("default: build", Path("build"), metavar="DIR", read=Path)
    registry: str | None = option("where to push", metavar="HOST/REPOSITORY")
    mirror: Sequence[tuple[str, str]] = option(
        "where to pull what HOST has", (), metavar="HOST=OTHER", many=True, commas=True, read=mirror
    )
    network: str | None = option("of the builds' steps: host, none", metavar="MODE")
    pip_conf: Path | None = option("pip's configuration for the builds' steps", metavar="FILE", read=Path)
    skip_tests: Path | None = option("which images cannot be executed here, and why", metavar="FILE", read=Path)
    builder: str | None = option("the buildx builder", metavar="NAME")
    jobs: int = option("images at a time", 2 * (os.cpu_count() or 1) + 1, metavar="N", read=count)
    # More than the cores: a build compresses on one core, and waits for the disk and the registry on none.
    locked: bool = option("fail on unlocked references", False)
    verbose: bool = option("every step, plainly", False, short="-v")
    quiet: bool = option("only errors and the result", False, short="-q")

    @property
    def lock_file(self) -> Path:
        """The lock's file, named or not."""
        return self.lock or self.matrix.parent / f"{self.matrix.stem or 'matrix'}.lock"

    @property
    def mirrors(self) -> Mapping[str, str]:
        """By host, where to ask for what it has."""
        return dict(self.mirror)


@dataclass(frozen=True)
class Selecting:
    """Which images a command is about. Each may be repeated, and takes several words with commas between."""

    base: Sequence[str] = option("", (), metavar="NAME", many=True, commas=True)
    family: Sequence[str] = option("", (), metavar="NAME", many=True, commas=True)
    variant: Sequence[str] = option("", (), metavar="{run,build}", many=True, commas=True, read=one_of("run", "build"))
    arch: Sequence[str] = option(
        "", (), metavar="{x86_64,arm64}", many=True, commas=True, read=one_of("x86_64", "arm64")
    )
    status: Sequence[str] = option(
        "",
        (),
        metavar="{supported,preview,deprecated,create-blocked,update-blocked}",
        many=True,
        commas=True,
        read=one_of("supported", "deprecated", "preview", "create-blocked", "update-blocked"),
    )


@dataclass(frozen=True)
class Staleness:
    """What an image is compared with."""

    stale: bool = option("compare with the registry: only what it lacks", False)
    max_age: timedelta | None = option("as --stale, and what is older is stale too", metavar="DAYS", read=days)

    @property
    def asks_registry(self) -> bool:
        """Whether the registry is asked, and not this machine."""
        return self.stale or self.max_age is not None


@dataclass(frozen=True)
class Caching:
    """Caches that builds read and write."""

    cache_from: Sequence[str] = option(
        "a cache that builds read: type=registry,ref=…, type=local,… or type=gha,…; {name}: the image",
        (),
        metavar="type=…",
        many=True,
    )
    cache_to: Sequence[str] = option(
        "a cache that builds write: type=registry,ref=…, type=local,… or type=gha,…; {name}: the image",
        (),
        metavar="type=…",
        many=True,
    )


class Moving(StrEnum):
    """When the tags that move come to stand for the images of a run."""

    EACH = "each"
    """Each as soon as it passed."""
    TOGETHER = "together"
    """All of them, when all passed."""
    HOLD = "hold"
    """Not in this run: the images are held under their dated tags for `factory promote`."""


@dataclass(frozen=True)
class Entering:
    """Where tags are entered when they move."""

    content_trust: str | None = option(
        "enter tags for Docker Content Trust: https://HOST:PORT (needs notary)", metavar="SERVER"
    )


@dataclass(frozen=True)
class Logging:
    """Where signatures are written down."""

    no_transparency_log: bool = option("signatures by key stay out of the public log", False)


@dataclass(frozen=True)
class Publishing:
    """How images are pushed."""

    together: bool = option("move tags when all images passed", False)
    hold: bool = option("move no tags: `promote` does", False)
    attest: bool = option("attach SBOM and provenance (needs syft)", False)
    sign: str | None = option("sign with cosign: a key, or `keyless`", metavar="KEY")
    fail_on: str | None = option(
        "push nothing in which a scanner finds that, or worse", choices=("low", "medium", "high", "critical")
    )
    scanner: str | None = option("prints grype's JSON or SARIF of an image", metavar="COMMAND")

    @property
    def moving(self) -> Moving:
        """When tags move.

        Raises:
            UsageError: two ways were asked for.
        """
        if self.together and self.hold:
            raise UsageError("--together moves tags, and --hold moves none; name one of the two")
        return Moving.TOGETHER if self.together else Moving.HOLD if self.hold else Moving.EACH


@dataclass(frozen=True)
class Printing:
    """How a result is printed."""

    format: str = option("how to print the result", "text", choices=("text", "json"), variable=False)


@dataclass(frozen=True)
class Running:
    """How a run is told."""

    timing: bool = option("print where the time went, and the critical path", False)
