"""The plan says for each image what is done, and why, in words."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from factory.build.records import Record, Records
from factory.build.records import TestResult as SmokeResult
from factory.matrix.images import Image, expand, with_ancestors
from factory.matrix.lock import Lock, StandIn
from factory.matrix.schema import Matrix
from factory.plan.keys import InputsOf, local_name
from factory.plan.planner import Action, World, plan, short
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


class Machine:
    """Records and an engine with some finished images."""

    def __init__(self, folder: Path) -> None:
        self.records = Records(folder)
        self.finished: dict[str, str] = {}
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
            self.finished[local_name(each.name, done.inputs_key)] = done.digest
            made.append(self.records.save(done))
        return made

    def plan(self, images: Iterable[Image], of: InputsOf, locked: bool = False) -> dict[str, tuple[Action, str]]:
        world = World(self.records, self.finished, lambda _: self.tests_key, REPOSITORY, locked)
        return {item.image.name: (item.action, item.reason) for item in plan(list(images), of, world)}


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
    machine.finished.clear()
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


def test_an_item_brings_the_record_of_what_is_there(machine: Machine) -> None:
    made = machine.has(CHAIN, inputs_of())
    world = World(machine.records, machine.finished, lambda _: "tests", REPOSITORY)
    assert [item.record for item in plan(CHAIN, inputs_of(), world)] == made
    assert [item.record for item in plan(CHAIN, inputs_of(emulator="x"), world)] == [None, None]


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
    moved = Lock(images=lock.images, archives={**lock.archives, gradle: StandIn(stand_in="9" * 64)})
    found = machine.plan(images, inputs_of(toolchains(), moved))
    assert found["build-java8-x86_64"] == (Action.BUILD, f"{gradle} is another file")
