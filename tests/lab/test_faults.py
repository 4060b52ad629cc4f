"""A run that meets a fault says so, the next one finishes the work, and nothing untested or untrue is left between.

The whole matrix of faults, with 50 kills, is `scripts/faults`; docs/reliability.md has its table.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab.conftest import LAB
from tests.lab.faults.cases import CASES, Case
from tests.lab.faults.proxy import Proxy
from tests.lab.faults.world import World


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """One repository for all faults: what earlier ones left must not matter, and its layers are there already."""
    with Proxy(LAB) as proxy:
        yield World.make(tmp_path_factory.mktemp("shared"), proxy)


@pytest.mark.parametrize("case", [case for case in CASES if case.quick], ids=lambda case: case.name)
def test_a_fault_leaves_nothing_wrong(case: Case, shared: World, tmp_path: Path) -> None:
    world = World.make(tmp_path, shared.proxy) if case.own else shared
    world.wrong.clear()
    world.change()
    case.inflict(world)
    assert world.wrong == []
