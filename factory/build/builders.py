"""buildx's builders: which driver one is of, and what it builds for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from factory.errors import MachineError
from factory.process import ProcessFailedError, run

_ENGINES_OWN = "docker"


@dataclass(frozen=True)
class Builder:
    """What `docker buildx inspect` says of a builder, of all its nodes together."""

    driver: str
    platforms: frozenset[str]

    @property
    def has_own_storage(self) -> bool:
        """Whether it keeps its images to itself, as every driver's builders do but those of the engine's own."""
        return self.driver != _ENGINES_OWN


def inspect(builder: str | None, run: Callable[[Sequence[str]], str] = run) -> Builder:
    """What is known of a builder; None is the one that buildx uses unless told.

    Raises:
        MachineError: there is no such builder.
    """
    try:
        text = run(["docker", "buildx", "inspect", *([builder] if builder else [])])
    except ProcessFailedError as error:
        if builder is None:
            raise MachineError(f"buildx does not say which builder it uses: {error}") from None
        raise MachineError(f"there is no builder {builder!r}; `docker buildx ls` shows what there is") from None
    platforms = (name.strip(" *") for line in _values(text, "Platforms") for name in line.split(","))
    return Builder(next(iter(_values(text, "Driver")), ""), frozenset(platforms))


def _values(text: str, name: str) -> list[str]:
    lines = (line.partition(":") for line in text.splitlines())
    return [value.strip() for key, _, value in lines if key == name]
