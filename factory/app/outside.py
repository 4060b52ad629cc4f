"""What is outside of the program: the engine, registries, the clock. Made when first needed, and handed in by tests."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from factory.build.buildx import Buildx, Tell
    from factory.build.emulator import Emulator
    from factory.build.engine import Engine
    from factory.build.records import TestResult
    from factory.registry.client import Registry
    from factory.run.steps import Builds
    from factory.smoke.specimen import Specimen


SHIPPED = Path(__file__).parents[2]
"""Where templates, bootstraps, smoke handlers and the emulator's sources are."""


def _later(module: str, name: str) -> Callable[..., Any]:
    """What a module has under a name, imported when it is called: its libraries take longer than a command."""
    return lambda *given: getattr(import_module(module), name)(*given)


Installed = Mapping[str, tuple[str, int]]
"""By full name, the name and the bytes of each package."""


@dataclass(frozen=True)
class Outside:
    """What makes each of them; `shipped` is the folder of templates, bootstraps, smoke handlers and the emulator."""

    engine: Callable[[], Engine] = _later("factory.build.engine", "Engine")
    registry: Callable[[], Registry] = _later("factory.registry.client", "Registry")
    emulator: Callable[[Path], Emulator] = _later("factory.build.emulator", "Emulator")
    builds: Callable[[Buildx], Builds] = lambda buildx: buildx
    check: Callable[[Specimen, Tell], TestResult] = _later("factory.smoke.suite", "run_checks")
    installed: Callable[[Specimen], Mapping[str, tuple[str, int]]] = _later(
        "factory.smoke.packages", "installed_packages"
    )
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    shipped: Path = SHIPPED
    pauses: tuple[float, ...] = (1.0, 3.0, 9.0)
    """Seconds before each further try of a push."""
