"""What a command is about, and what that needs."""

from __future__ import annotations

from factory.matrix.images import Image
from factory.plan.planner import Action, Item
from factory.plan.targets import Targets, relevant
from tests.support import image, names

RUN, TOOLS = image("nodejs22.x-arm64"), image("build-nodejs22.x-arm64")
BASE, TOOLS_BASE = image("al2023-arm64"), image("build-al2023-arm64")
PEERS = {TOOLS: (RUN,)}


def _items(**actions: Action) -> list[Item]:
    images = {"base": BASE, "tools_base": TOOLS_BASE, "run": RUN, "tools": TOOLS}
    return [Item(one, actions.get(name, Action.SKIP), "so") for name, one in images.items()]


def _told(items: list[Item]) -> dict[str, str]:
    return {item.image.name: item.reason for item in items}


def test_needs_are_peers_and_ancestors_parents_first() -> None:
    targets = Targets.of([TOOLS], PEERS)
    needs = names(targets.with_needs([TOOLS]))
    assert set(needs) == set(names([BASE, TOOLS_BASE, RUN, TOOLS]))
    for child, parent in ((RUN, BASE), (TOOLS, TOOLS_BASE)):
        assert needs.index(parent.name) < needs.index(child.name)
    assert set(targets.ancestors) == {BASE, TOOLS_BASE, RUN}
    assert Targets.of([TOOLS]).ancestors == [TOOLS_BASE]
    assert Targets.of([TOOLS_BASE, TOOLS]).ancestors == []


def test_only_what_a_plan_has_something_to_do_with_is_worked_on() -> None:
    targets = Targets.of([RUN, TOOLS], PEERS)
    items = {item.image: item for item in _items(run=Action.BUILD, base=Action.BUILD)}
    stale = targets.only_stale(items)
    assert (list(stale.named), list(stale.selected)) == ([RUN, TOOLS], [RUN])
    assert stale.peers == PEERS
    nothing: dict[Image, Item] = {item.image: item for item in _items(base=Action.BUILD)}
    assert list(targets.only_stale(nothing).selected) == []


def test_a_plan_tells_of_what_was_named_and_of_the_parent_that_must_be_built_for_it() -> None:
    targets = Targets.of([RUN])
    assert _told(relevant(_items(), targets)) == {RUN.name: "so"}
    assert _told(relevant(_items(base=Action.BUILD), targets)) == {RUN.name: "so"}
    both = relevant(_items(base=Action.BUILD, run=Action.BUILD), targets)
    assert _told(both) == {BASE.name: "so", RUN.name: "so"}
    assert _told(relevant(_items(base=Action.PUSH, run=Action.BUILD), targets)) == {RUN.name: "so"}


def test_a_plan_tells_of_what_must_be_built_for_a_test() -> None:
    targets = Targets.of([TOOLS], PEERS)
    assert _told(relevant(_items(run=Action.BUILD), targets)) == {TOOLS.name: "so"}
    assert _told(relevant(_items(run=Action.BUILD, base=Action.BUILD, tools=Action.TEST), targets)) == {
        BASE.name: "so",
        RUN.name: f"so; {TOOLS.name} is tested with it",
        TOOLS.name: "so",
    }
    assert _told(relevant(_items(run=Action.BUILD, tools=Action.TEST), Targets.of([RUN, TOOLS], PEERS))) == {
        RUN.name: "so",
        TOOLS.name: "so",
    }
