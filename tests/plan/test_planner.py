"""The plan says for each image what is done, and why, in words; told from this machine, but for its engine.

What it makes of a registry's answers is in tests/publish/test_present.py.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import cast

import pytest

from factory.build.engine import Engine
from factory.build.present import ThisMachine
from factory.build.records import Record, Records
from factory.build.records import TestResult as SmokeResult
from factory.matrix.images import Image, expand, with_ancestors
from factory.matrix.lock import Lock, Replaced
from factory.matrix.schema import Matrix
from factory.plan.keys import InputsOf, local_name
from factory.plan.planner import Action, Item, Standard, plan, short
from factory.plan.present import There
from tests.support import (
    failed,
    full_lock,
    image,
    inputs_of,
    not_executed,
    passed,
    record,
    small,
    small_with,
    toolchains,
)

REPOSITORY = "registry.example/factory/lambda"
NODE22 = "upstream.example/lambda/nodejs:22"
CHAIN = with_ancestors([image("nodejs22.x-arm64")])
CHILD = CHAIN[-1]


class EngineStandIn:
    """Has the digests of finished images, by name."""

    def __init__(self) -> None:
        self.images: dict[str, str] = {}

    def finished(self, names: Iterable[str]) -> dict[str, str]:
        return {name: self.images[name] for name in names if name in self.images}


class Machine:
    """Records and an engine with some finished images."""

    def __init__(self, folder: Path) -> None:
        self.records = Records(folder)
        self.engine = EngineStandIn()
        self.tests_key = "tests"

    def has(
        self,
        images: Iterable[Image],
        of: InputsOf,
        tests: SmokeResult | None = None,
        pushed_to: str | None = REPOSITORY,
        built: str = "2026-11-23T11:00:00.000+00:00",
    ) -> list[Record]:
        """Finishes images: built, tested, pushed, unless told otherwise."""
        made = []
        for each in images:
            pushed = {pushed_to: [each.name, each.stem]} if pushed_to else {}
            done = record(each.name, of(each), tests or passed(), pushed, built)
            self.engine.images[local_name(each.name, done.inputs_key)] = done.digest
            made.append(self.records.save(done))
        return made

    def items(self, images: Iterable[Image], of: InputsOf, locked: bool = False) -> dict[Image, Item]:
        images = list(images)
        present = ThisMachine(cast(Engine, self.engine), self.records, REPOSITORY).look(images, of)
        return plan(images, of, present, Standard(dict.fromkeys(images, self.tests_key), locked=locked))

    def plan(self, images: Iterable[Image], of: InputsOf, locked: bool = False) -> dict[str, tuple[Action, str]]:
        return {image.name: (item.action, item.reason) for image, item in self.items(images, of, locked).items()}


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def _reason(machine: Machine, of: InputsOf, images: Iterable[Image] = CHAIN) -> tuple[Action, str]:
    return machine.plan(images, of)[CHILD.name]


def test_nothing_there_means_everything_is_built(machine: Machine) -> None:
    found = machine.plan(expand(small()), inputs_of())
    assert set(found.values()) == {(Action.BUILD, "never built")}
    assert list(found) == [image.name for image in expand(small())]


def test_nothing_changed_means_nothing_is_done(machine: Machine) -> None:
    machine.has(expand(small()), inputs_of())
    assert set(machine.plan(expand(small()), inputs_of()).values()) == {(Action.SKIP, "nothing changed")}


def test_what_the_engine_lost_is_built_again(machine: Machine) -> None:
    machine.has(CHAIN, inputs_of())
    machine.engine.images.clear()
    assert _reason(machine, inputs_of()) == (Action.BUILD, "built before, but gone from the engine")


def test_an_image_that_no_record_vouches_for_is_built(machine: Machine, tmp_path: Path) -> None:
    machine.has(CHAIN, inputs_of())
    machine.records = Records(tmp_path / "elsewhere")
    assert _reason(machine, inputs_of()) == (Action.BUILD, "never built")


def test_untested(machine: Machine) -> None:
    machine.has(CHAIN, inputs_of())
    (made,) = machine.has([CHILD], inputs_of())
    machine.records.save(replace(made, tests=None))
    assert _reason(machine, inputs_of()) == (Action.TEST, "built, but not tested")


def test_another_smoke_test(machine: Machine) -> None:
    machine.has(CHAIN, inputs_of())
    machine.tests_key = "newer"
    assert _reason(machine, inputs_of()) == (Action.TEST, "the smoke test changed")


@pytest.mark.parametrize("tests", [failed(), SmokeResult("tests", "now", ())], ids=["failed", "no check"])
def test_a_failed_smoke_test(machine: Machine, tests: SmokeResult) -> None:
    machine.has(CHAIN, inputs_of(), tests)
    assert _reason(machine, inputs_of()) == (Action.TEST, "its smoke test failed")


def test_what_cannot_be_executed_here_is_not_tested_again(machine: Machine) -> None:
    machine.has(CHAIN, inputs_of(), not_executed())
    assert _reason(machine, inputs_of()) == (Action.SKIP, "nothing changed")
    machine.has(CHAIN, inputs_of(), not_executed(), pushed_to=None)
    assert _reason(machine, inputs_of()) == (Action.PUSH, f"not executed here, but not in {REPOSITORY}")


@pytest.mark.parametrize("pushed_to", [None, "ghcr.io/a/b"])
def test_unpushed(machine: Machine, pushed_to: str | None) -> None:
    machine.has(CHAIN, inputs_of(), pushed_to=pushed_to)
    assert _reason(machine, inputs_of()) == (Action.PUSH, f"tested, but not in {REPOSITORY}")


def test_a_moved_upstream(machine: Machine) -> None:
    machine.has(CHAIN, inputs_of())
    lock = full_lock(small(), changes={NODE22: "moved"})
    old, new = (short(str(of.images[NODE22].digests[CHILD.architecture])) for of in (full_lock(small()), lock))
    assert _reason(machine, inputs_of(lock=lock)) == (Action.BUILD, f"{NODE22} moved from {old} to {new}")
    assert len(new) == 12


def test_an_upstream_that_is_locked_at_last(machine: Machine) -> None:
    machine.has(CHAIN, inputs_of(lock=Lock()))
    action, reason = _reason(machine, inputs_of())
    assert action is Action.BUILD
    assert f"{NODE22} moved from unlocked to " in reason


def test_a_changed_dockerfile(machine: Machine) -> None:
    machine.has(CHAIN, inputs_of())
    matrix = small_with(('handler = "index.handler"', 'handler = "main.handler"'))
    assert _reason(machine, inputs_of(matrix)) == (Action.BUILD, "the Dockerfile changed")


def test_a_changed_emulator(machine: Machine) -> None:
    machine.has(CHAIN, inputs_of())
    found = machine.plan(CHAIN, inputs_of(emulator="newer"))
    assert found == {
        "al2023-arm64": (Action.BUILD, "the emulator changed"),
        "nodejs22.x-arm64": (Action.BUILD, "its parent al2023-arm64 changed"),
    }


def test_a_moved_day(machine: Machine) -> None:
    machine.has(CHAIN, inputs_of())
    found = machine.plan(CHAIN, inputs_of(lock=full_lock(small(), resolved=date(2026, 11, 2))))
    assert found["al2023-arm64"] == (Action.BUILD, "the lock's date moved")


def test_all_reasons_are_told(machine: Machine) -> None:
    machine.has(CHAIN, inputs_of())
    matrix = small_with(('handler = "index.handler"', 'handler = "main.handler"'), ('version = "22"', 'version = "23"'))
    action, reason = _reason(machine, inputs_of(matrix, emulator="newer"))
    assert action is Action.BUILD
    parts = reason.split("; ")
    assert parts[0] == "the Dockerfile changed"
    assert parts[1].startswith(f"{NODE22} moved from ")
    assert parts[1].endswith(" to nothing")
    assert parts[2].startswith("upstream.example/lambda/nodejs:23 moved from nothing to ")
    assert parts[3] == "its parent al2023-arm64 changed"


def test_the_youngest_record_is_what_is_compared_with(machine: Machine) -> None:
    machine.has(
        CHAIN, inputs_of(small_with(('"index.handler"', '"old.handler"'))), built="2026-11-01T00:00:00.000+00:00"
    )
    machine.has(CHAIN, inputs_of(lock=full_lock(small(), changes={NODE22: "b"})), built="2026-11-02T00:00:00.000+00:00")
    assert _reason(machine, inputs_of())[1].startswith(f"{NODE22} moved from ")
    assert "Dockerfile" not in _reason(machine, inputs_of())[1]


def _partly_locked(matrix: Matrix, *without: str) -> Lock:
    lock = full_lock(matrix)
    return Lock(images={name: entry for name, entry in lock.images.items() if name not in without})


def test_locked_blocks_what_has_no_digest_and_its_descendants(machine: Machine) -> None:
    lock = _partly_locked(small(), "upstream.example/lambda/provided:al2")
    found = machine.plan(expand(small()), inputs_of(lock=lock), locked=True)
    assert found["al2-x86_64"] == (
        Action.BLOCKED,
        "upstream.example/lambda/provided:al2 is not locked; run `factory lock`",
    )
    assert found["python3.11-x86_64"] == (Action.BLOCKED, "its parent al2-x86_64 is blocked")
    assert found["build-provided.al2-arm64"] == (Action.BLOCKED, "its parent build-al2-arm64 is blocked")
    assert found["nodejs22.x-arm64"] == (Action.BUILD, "never built")
    blocked = {name for name, (action, _) in found.items() if action is Action.BLOCKED}
    assert blocked == {i.name for i in expand(small()) if i.base == "al2"}


def test_without_locked_it_is_built_all_the_same(machine: Machine) -> None:
    found = machine.plan(expand(small()), inputs_of(lock=Lock()))
    assert {action for action, _ in found.values()} == {Action.BUILD}


def test_an_unlocked_image_that_is_finished_is_still_blocked(machine: Machine) -> None:
    machine.has(CHAIN, inputs_of(lock=Lock()))
    assert machine.plan(CHAIN, inputs_of(lock=Lock()), locked=True)[CHILD.name][0] is Action.BLOCKED


def test_an_item_brings_the_digest_of_what_is_there(machine: Machine) -> None:
    made = machine.has(CHAIN, inputs_of())
    found = machine.items(CHAIN, inputs_of())
    assert [item.digest for item in found.values()] == [record.digest for record in made]
    assert list(found) == [item.image for item in found.values()] == CHAIN
    assert [item.digest for item in machine.items(CHAIN, inputs_of(emulator="x")).values()] == [None, None]


def test_the_engine_is_asked_only_for_what_a_record_knows(machine: Machine) -> None:
    machine.has(CHAIN, inputs_of())
    asked: list[str] = []

    class Asked(EngineStandIn):
        def finished(self, names: Iterable[str]) -> dict[str, str]:
            asked.extend(names)
            return {}

    machine.engine = Asked()
    machine.items(expand(small()), inputs_of())
    assert asked == [local_name(each.name, inputs_of()(each).key) for each in CHAIN]


def test_a_record_of_other_inputs_does_not_vouch_for_what_the_engine_has(machine: Machine) -> None:
    """As when somebody gave another image the name."""
    machine.has(CHAIN, inputs_of())
    (other,) = machine.has([CHILD], inputs_of(emulator="older"), built="2026-11-01T00:00:00.000+00:00")
    machine.engine.images[local_name(CHILD.name, inputs_of()(CHILD).key)] = other.digest
    assert _reason(machine, inputs_of()) == (Action.BUILD, "built before, but gone from the engine")


def _there(**changes: object) -> There:
    inputs = inputs_of()(CHILD)
    made = There(
        digest="sha256:0", inputs_key=inputs.key, inputs=inputs, tests_key="tests", published=date(2026, 11, 1)
    )
    return replace(made, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("there", "max_age", "action", "reason", "fresh"),
    [
        (_there(), None, Action.SKIP, "nothing changed", False),
        (_there(published=None), None, Action.SKIP, "nothing changed", False),
        (_there(), 10, Action.SKIP, "nothing changed", False),
        (_there(), 9, Action.BUILD, "published 10 days ago, and may be 9", True),
        (_there(published=None), 9, Action.BUILD, "published without a dated tag, so nobody knows how old it is", True),
        (_there(tests_key="older"), 9, Action.BUILD, "published 10 days ago, and may be 9", True),
        (_there(tests_key="older", untested="it failed"), None, Action.TEST, "the smoke test changed", False),
        (_there(untested="it failed", unpublished="it waits"), None, Action.TEST, "it failed", False),
        (_there(tests_key=None, untested="never tested"), None, Action.TEST, "never tested", False),
        (_there(unpublished="it waits"), None, Action.PUSH, "it waits", False),
        (_there(lacking="it is gone"), None, Action.BUILD, "it is gone", False),
        (_there(lacking="it is gone"), 9, Action.BUILD, "it is gone", False),
        (
            _there(inputs_key="0", inputs=None),
            9,
            Action.BUILD,
            "its inputs changed; what they were, its labels do not tell",
            False,
        ),
        (_there(inputs_key="0"), None, Action.BUILD, "its inputs changed", False),
    ],
)
def test_what_counts_first(there: There, max_age: int | None, action: Action, reason: str, fresh: bool) -> None:
    standard = Standard({CHILD: "tests"}, date(2026, 11, 11), timedelta(days=max_age) if max_age else None)
    item = plan([CHILD], inputs_of(), {CHILD: there}, standard)[CHILD]
    kept = action is not Action.BUILD
    assert item == Item(CHILD, action, reason, "sha256:0" if kept else None, fresh)


def test_the_children_of_what_is_built_afresh_are_too_whatever_their_age() -> None:
    parent = CHAIN[0]
    inputs = inputs_of()
    old = There(
        digest="sha256:1", inputs_key=inputs(parent).key, inputs=inputs(parent), tests_key="tests",
        published=date(2026, 1, 1),
    )  # fmt: skip
    standard = Standard(dict.fromkeys(CHAIN, "tests"), date(2026, 11, 11), timedelta(days=30))
    items = plan(CHAIN, inputs, {parent: old, CHILD: _there()}, standard)
    assert [(item.action, item.fresh) for item in items.values()] == [(Action.BUILD, True), (Action.BUILD, True)]
    assert items[CHILD].reason == f"its parent {parent.name} is rebuilt"


def test_an_archive_without_a_checksum_blocks_its_image_alone(machine: Machine) -> None:
    lock = Lock(images=full_lock(toolchains()).images)
    found = machine.plan(expand(toolchains()), inputs_of(toolchains(), lock))
    blocked = {name: reason for name, (action, reason) in found.items() if action is Action.BLOCKED}
    reason = "nobody knows the checksum of https://archive.example/package/tools?id=5; run `factory lock`"
    java = {name: told for name, told in blocked.items() if "java" in name}
    assert java == {"build-java21-x86_64": reason, "build-java21-arm64": reason}


def test_another_checksum_is_told_by_its_address(machine: Machine) -> None:
    gradle = "https://archive.example/gradle-8.14.zip"
    images = [one for one in expand(toolchains()) if one.name in ("build-al1-x86_64", "build-java8-x86_64")]
    lock = full_lock(toolchains())
    machine.has(images, inputs_of(toolchains(), lock))
    moved = Lock(images=lock.images, archives={**lock.archives, gradle: Replaced(instead="9" * 64)})
    found = machine.plan(images, inputs_of(toolchains(), moved))
    assert found["build-java8-x86_64"] == (Action.BUILD, f"{gradle} is another file")
