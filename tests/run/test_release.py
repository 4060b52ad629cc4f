"""A whole run with an engine, a builder and checks that are handed in: what is recorded, pushed and answered."""

from __future__ import annotations

import errno
import json
import re
import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from xml.etree import ElementTree

import pytest

from factory.app.outside import SHIPPED, Outside
from factory.build.buildx import Buildx, Tell
from factory.build.contexts import labels
from factory.build.engine import EngineError, EngineImage
from factory.build.records import CheckResult, Record, Records
from factory.build.records import TestResult as SmokeResult
from factory.cli.main import main as cli
from factory.errors import FactoryError, Interrupted
from factory.matrix import lock
from factory.matrix.images import Image
from factory.plan.keys import Inputs, local_name
from factory.publish.tags import Dated
from factory.registry.client import Registry
from factory.registry.manifests import OCI_MANIFEST, Manifest, digest_of
from factory.smoke.specimen import Specimen
from factory.smoke.suite import run_checks
from tests.fake_registry import FakeRegistry
from tests.support import SMALL, full_lock, record, small

SLICE = ("al2-x86_64", "build-al2-x86_64", "python3.11")
RUN, BUILD = "python3.11-x86_64", "build-python3.11-x86_64"


class Machine:
    """Engine and builder in one: images are manifests, kept by digest and by local name."""

    def __init__(self, registry: FakeRegistry) -> None:
        self.registry = registry
        self.images: dict[str, Manifest] = {}
        self.work: list[str] = []
        self.broken_builds: dict[str, Exception] = {}
        self.checks: dict[str, tuple[CheckResult, ...]] = {}
        self.unfit = False
        self.gone = False
        self.packages = "as they were"
        self.later = timedelta()
        self.outside = Outside(
            engine=lambda: cast("Any", self),
            emulator=lambda _: cast("Any", Sources()),
            builds=lambda buildx: Builds(self, buildx),
            check=lambda specimen, _: self.test(specimen),
            installed=lambda _: {"bash-5-1.x86_64": ("bash", 1234)},
            now=lambda: datetime.now(UTC) + self.later,
            pauses=(),
        )
        self.client = SimpleNamespace(containers=SimpleNamespace(list=lambda **_: []))

    @property
    def today(self) -> date:
        return self.outside.now().date()

    def answers(self) -> bool:
        return not self.gone

    def check(self) -> None:
        return

    def finished(self, names: Iterable[str]) -> dict[str, str]:
        return {name: self.images[name].digest for name in names if name in self.images}

    def inspect(self, reference: str) -> EngineImage | None:
        found = self.images.get(reference)
        return EngineImage(found.digest, "amd64", 1000, {}) if found else None

    def push(self, digest: str, repository: str, tag: str) -> None:
        dated = Dated.parse(tag)
        assert dated, "layers travel under a dated tag"
        self.work.append(f"push {dated.name}")
        if self.unfit:
            raise EngineError("denied")
        self.registry.keep(repository.partition("/")[2], tag, self.images[digest])

    def pull(self, repository: str, digest: str, platform: str, name: str) -> None:
        self.work.append(f"pull {name.partition('/')[2].rpartition(':')[0]}")
        assert platform == "linux/amd64"
        manifest = self.registry.manifests[repository.partition("/")[2], digest]
        self.images[digest] = self.images[name] = manifest

    def forget(self) -> None:
        """Becomes another machine: an empty engine and no records."""
        self.images.clear()
        self.work.clear()
        shutil.rmtree("build")

    def build(self, image: Image, inputs: Inputs, fresh: bool) -> Record:
        self.work.append(f"build {image.name}{' afresh' if fresh else ''}")
        if error := self.broken_builds.get(image.name):
            raise error
        config = {"architecture": "amd64", "config": {"Labels": labels(inputs)}, "packages": self.packages}
        content = json.dumps({"name": image.name, **config}).encode()
        self.registry.blobs[digest_of(content)] = content
        manifest = Manifest(OCI_MANIFEST, json.dumps({"config": {"digest": digest_of(content)}}).encode())
        self.images[manifest.digest] = self.images[local_name(image.name, inputs.key)] = manifest
        made = self.outside.now().isoformat(timespec="milliseconds")
        return record(image.name, inputs, with_digest=manifest.digest, built=made)

    def test(self, specimen: Specimen) -> SmokeResult:
        self.work.append(f"test {specimen.image.name}")
        checks = self.checks.get(specimen.image.name, (CheckResult("runs", True, 0.1),))
        return SmokeResult(specimen.tests_key, "2026-11-23T12:00:00+00:00", checks)


class Sources:
    """An emulator whose sources are no part of the tests."""

    def key(self) -> str:
        return "emulator"

    def compile(self, _: Path) -> list[Path]:
        return []


@dataclass(frozen=True)
class Builds:
    """Lets the machine build."""

    machine: Machine
    buildx: Buildx

    def check(self) -> None:
        self.buildx.check()

    def build(self, image: Image, _: Tell, fresh: bool = False) -> Record:
        return self.machine.build(image, self.buildx.contexts.inputs_of(image), fresh)


_MACHINES: list[Machine] = []
"""The one that we are on comes last."""


def main(words: Sequence[str]) -> int:
    """The command line on the machine of the test."""
    return cli(words, _MACHINES[-1].outside)


@pytest.fixture
def machine(registry: FakeRegistry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Machine]:
    """A folder with the small matrix, in which we are, on a machine without docker."""
    machine = Machine(registry)
    shutil.copy(SMALL, tmp_path / "matrix.toml")
    lock.write(tmp_path / "matrix.lock", full_lock(small()))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FACTORY_REGISTRY", str(registry.repository()))
    _MACHINES.append(machine)
    yield machine
    _MACHINES.remove(machine)


def _release(*words: str) -> int:
    return main(["release", *(words or SLICE), "--jobs", "4"])


def _junit() -> dict[str, str]:
    root = ElementTree.parse("build/reports/junit.xml").getroot()
    return {suite.get("name", ""): suite.get("failures", "") for suite in root}


def test_everything_is_built_tested_and_pushed(machine: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    assert _release() == 0
    assert sorted(machine.work) == sorted(
        f"{step} {name}"
        for step in ("build", "test", "push")
        for name in ("al2-x86_64", "build-al2-x86_64", RUN, BUILD)
    )
    tags = machine.registry.tags()
    assert tags[RUN] in machine.images
    assert {"python3.11", "build-python3.11", "al2", "build-al2"} <= tags.keys()
    out = capsys.readouterr().out.splitlines()
    assert all(line.endswith("built, tested, pushed") for line in out[1:])
    assert _junit() == dict.fromkeys(("al2-x86_64", "build-al2-x86_64", RUN, BUILD), "0")


def test_a_second_run_does_nothing(machine: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    assert _release() == 0
    machine.work.clear()
    machine.registry.requests.clear()
    capsys.readouterr()
    assert _release() == 0
    assert machine.work == []
    assert machine.registry.written() == []
    assert all(line.endswith("unchanged") for line in capsys.readouterr().out.splitlines()[1:])


def test_a_failed_smoke_test_keeps_its_image_from_being_pushed_and_no_other(
    machine: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    machine.checks[RUN] = (CheckResult("starts", True, 0.1), CheckResult("answers", False, 0.1, "no answer\nat all"))
    assert _release() == 1
    tags = machine.registry.tags()
    assert RUN not in tags
    assert "python3.11" not in tags
    assert {BUILD, "al2-x86_64", "build-al2-x86_64"} <= tags.keys()
    captured = capsys.readouterr()
    assert f"{RUN}: the smoke test failed\n    answers: no answer\n" in captured.err
    assert "Traceback" not in captured.err
    assert _junit()[RUN] == "1"
    machine.work.clear()
    machine.checks.clear()
    assert _release() == 0
    assert machine.work == [f"test {RUN}", f"push {RUN}"]


def test_an_image_for_which_no_check_ran_has_failed(machine: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    machine.checks[RUN] = ()
    assert _release() == 1
    assert RUN not in machine.registry.tags()
    assert "no check ran" in capsys.readouterr().err
    assert _junit()[RUN] == "1"


def test_a_failed_build_blocks_its_descendants_only(machine: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    machine.broken_builds["build-al2-x86_64"] = FactoryError("build-al2-x86_64: the build failed")
    assert _release() == 1
    assert {RUN, "al2-x86_64"} <= machine.registry.tags().keys()
    assert f"build {BUILD}" not in machine.work
    captured = capsys.readouterr()
    assert f"build-al2-x86_64 failed, so these were not finished: {BUILD}" in captured.err
    assert "build failed" in captured.out
    machine.broken_builds.clear()
    machine.work.clear()
    assert _release() == 0
    assert sorted(machine.work) == sorted(
        f"{step} {name}" for step in ("build", "test", "push") for name in ("build-al2-x86_64", BUILD)
    )


def test_a_bug_in_a_step_fails_one_image_and_gives_no_traceback(
    machine: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    machine.broken_builds["build-al2-x86_64"] = ZeroDivisionError("a bug")
    assert _release() == 1
    captured = capsys.readouterr()
    assert "build-al2-x86_64: build failed: ZeroDivisionError: a bug" in captured.err
    assert "Traceback" not in captured.err
    assert RUN in machine.registry.tags()


def test_a_refused_push_fails_and_is_made_up_for(machine: Machine) -> None:
    machine.unfit = True
    assert _release() == 1
    assert machine.registry.tags() == {}
    machine.unfit = False
    machine.work.clear()
    assert _release() == 0
    assert {word.split()[0] for word in machine.work} == {"push"}


def test_no_registry_is_the_machines_lack(machine: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    machine.outside = replace(machine.outside, registry=lambda: Registry(retries=0))
    assert main(["release", *SLICE, "--registry", "127.0.0.1:1/nowhere"]) == 3
    assert "127.0.0.1:1 does not answer" in capsys.readouterr().err


def test_an_interrupt_keeps_what_was_complete(machine: Machine) -> None:
    machine.broken_builds["build-al2-x86_64"] = Interrupted("interrupted")
    assert _release("al2-x86_64", "build-al2-x86_64") == 130
    machine.broken_builds.clear()
    complete = {record.name for record in Records(Path("build"))}
    machine.work.clear()
    assert _release("al2-x86_64", "build-al2-x86_64") == 0
    assert {word for word in machine.work if word.startswith("build ")} == {
        f"build {name}" for name in ("al2-x86_64", "build-al2-x86_64") if name not in complete
    }


def test_the_steps_one_by_one(machine: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["test", "al2-x86_64"]) == 1
    assert "al2-x86_64: not built with the present inputs; run `factory build al2-x86_64`" in capsys.readouterr().err
    assert main(["build", "al2-x86_64"]) == 0
    assert main(["push", "al2-x86_64"]) == 1
    assert "no smoke test passed" in capsys.readouterr().err
    assert main(["test", "al2-x86_64"]) == 0
    assert main(["push", "al2-x86_64"]) == 0
    assert machine.work == ["build al2-x86_64", "test al2-x86_64", "push al2-x86_64"]


def test_what_cannot_be_executed_is_built_and_told_as_such(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The real checks: the only one that runs needs no engine."""
    machine.outside = replace(machine.outside, check=run_checks)
    monkeypatch.setenv("FACTORY_SKIP_TESTS", "skipped.toml")
    Path("skipped.toml").write_text('[runtimes]\n"python3.11" = "no interpreter"\n')
    assert _release(RUN) == 0
    assert RUN in machine.registry.tags()
    captured = capsys.readouterr()
    assert "built, not executed, pushed" in captured.out
    assert captured.out.endswith(f"\nnot executed here: {RUN}: no interpreter\n")
    assert f"{RUN}: tested (not executed here)" in captured.err
    ((tests,),) = [[record.tests] for record in Records(Path("build")) if record.name == RUN]
    assert tests is not None
    assert [check.name for check in tests.checks] == ["manifest_is_plain"]
    assert "api_server_answers" in tests.skipped
    assert not tests.passed
    assert _release(RUN) == 0
    assert capsys.readouterr().out.splitlines()[1].endswith("unchanged")
    assert main(["list", RUN, "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["executed"] == "not executed here: no interpreter"
    monkeypatch.delenv("FACTORY_SKIP_TESTS")
    assert main(["list", RUN]) == 0
    assert "not executed" not in capsys.readouterr().out


def test_a_file_of_skipped_tests_that_is_not_there(machine: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    assert _release(RUN, "--skip-tests", "nothing.toml") == 2
    assert "nothing.toml: cannot be read: No such file or directory; --skip-tests names" in capsys.readouterr().err


def test_blocked_runtimes_are_told_once_a_run(machine: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    text = Path("matrix.toml").read_text()
    blocked = (("python3.9", "update_blocked = 2020-01-01"), ("python3.11", "create_blocked = 2020-01-01"))
    for name, blocked_from in blocked:
        head = f'[runtimes."{name}"]\n'
        assert head in text
        text = text.replace(head, f"{head}lifecycle = {{ {blocked_from} }}\n")
    Path("matrix.toml").write_text(text)
    machine.broken_builds["python3.9-x86_64"] = FactoryError("its archive is no part of this test")
    _release("python3.9-x86_64", "build-python3.11-x86_64", "nodejs22.x-x86_64")
    told = [line for line in capsys.readouterr().err.splitlines() if "blocked runtimes" in line]
    assert told == [
        "note: blocked runtimes are built; Lambda creates no function with python3.11, and "
        "creates or updates no function with python3.9 any more"
    ]
    _release("build-python3.11-x86_64")
    assert "blocked runtimes" not in capsys.readouterr().err


def test_an_ancestor_is_built_but_neither_tested_nor_pushed(machine: Machine) -> None:
    assert _release(RUN) == 0
    assert machine.work == ["build al2-x86_64", f"build {RUN}", f"test {RUN}", f"push {RUN}"]


def _plan(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, tuple[str, str]]:
    capsys.readouterr()
    assert main(["plan", *(words or ("--stale", *SLICE)), "--format", "json"]) == 0
    entries = json.loads(capsys.readouterr().out)
    return {entry["name"]: (entry["action"], entry["reason"]) for entry in entries}


def _move_upstream() -> str:
    """Lets the lock say that an upstream moved; returns its reference."""
    reference = "upstream.example/lambda/python:3.11"
    lock.write(Path("matrix.lock"), full_lock(small(), changes={reference: "moved"}))
    return reference


def test_another_machine_finds_nothing_to_do(machine: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    assert _release() == 0
    machine.forget()
    machine.registry.requests.clear()
    assert set(_plan(capsys).values()) == {("skip", "nothing changed")}
    assert _release("--stale", *SLICE) == 0
    assert machine.work == []
    assert machine.registry.written() == []


def test_a_moved_upstream_rebuilds_its_two_variants_and_takes_the_rest_from_the_registry(
    machine: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _release() == 0
    machine.forget()
    before = machine.registry.tags()
    reference = _move_upstream()
    todo = {name: reason for name, (action, reason) in _plan(capsys).items() if action != "skip"}
    assert todo.keys() == {RUN, BUILD}
    assert all(reason.startswith(f"{reference} moved from ") for reason in todo.values())
    assert _release("--stale", *SLICE) == 0
    assert sorted(machine.work) == sorted(
        [f"{step} {name}" for step in ("build", "test", "push") for name in (RUN, BUILD)]
        + ["pull al2-x86_64", "pull build-al2-x86_64"]
    )
    moved = {tag for tag, digest in machine.registry.tags().items() if before.get(tag, digest) != digest}
    assert moved == {RUN, BUILD, "python3.11", "build-python3.11"}
    machine.forget()
    assert _release("--stale", *SLICE) == 0
    assert machine.work == []


def test_a_changed_smoke_test_tests_what_is_published(
    machine: Machine, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _release() == 0
    machine.forget()
    before = machine.registry.tags()[RUN]
    for folder in ("templates", "bootstraps", "smoke"):
        shutil.copytree(SHIPPED / folder, tmp_path / "other" / folder)
    (tmp_path / "other" / "smoke" / "python" / "more.txt").write_text("another file")
    machine.outside = replace(machine.outside, shipped=tmp_path / "other")
    todo = {name: item for name, item in _plan(capsys).items() if item[0] != "skip"}
    assert todo == dict.fromkeys((RUN, BUILD), ("test", "the smoke test changed"))
    assert _release("--stale", RUN, BUILD) == 0
    assert {word.split()[0] for word in machine.work} == {"pull", "test"}
    assert machine.registry.tags()[RUN] == before
    assert set(_plan(capsys).values()) == {("skip", "nothing changed")}


def test_what_is_too_old_is_built_afresh_and_gets_a_new_date(
    machine: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _release() == 0
    first = machine.registry.tags()
    machine.forget()
    machine.later = timedelta(days=40)
    later = machine.today
    assert {action for action, _ in _plan(capsys, "--max-age", "30", *SLICE).values()} == {"build"}
    assert _release("--max-age", "30", *SLICE) == 0
    assert sorted(word for word in machine.work if word.startswith("build")) == sorted(
        f"build {name} afresh" for name in ("al2-x86_64", "build-al2-x86_64", RUN, BUILD)
    )
    assert machine.registry.tags()[f"{later:%Y%m%d}-{RUN}"] == first[RUN], "made again, it is the same"
    assert {action for action, _ in _plan(capsys, "--max-age", "30", *SLICE).values()} == {"skip"}


def test_together_nothing_moves_when_one_image_fails(machine: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    assert _release() == 0
    before = machine.registry.tags()
    _move_upstream()
    machine.checks[BUILD] = (CheckResult("compiles", False, 0.1, "it does not"),)
    assert _release("--together", *SLICE) == 1
    after = machine.registry.tags()
    assert {tag: after[tag] for tag in before if not tag.startswith("sha256-")} == {
        tag: digest for tag, digest in before.items() if not tag.startswith("sha256-")
    }
    assert "no tag was moved" in capsys.readouterr().err
    machine.checks.clear()
    assert _release("--together", *SLICE) == 0
    moved = machine.registry.tags()
    assert {tag for tag in before if moved[tag] != before[tag] and not tag.startswith("sha256-")} == {
        RUN,
        BUILD,
        "python3.11",
        "build-python3.11",
    }


def test_held_images_are_promoted_by_whoever_comes_later(machine: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    assert _release("--hold", "al2-x86_64", RUN) == 0
    assert not {RUN, "python3.11", "al2"} & machine.registry.tags().keys()
    machine.forget()
    assert main(["promote", *SLICE]) == 1
    told = capsys.readouterr().err
    assert "nothing was promoted" in told
    assert f"build-al2-x86_64, {BUILD}" in told
    assert not {RUN, "python3.11", "al2"} & machine.registry.tags().keys()
    assert main(["promote", RUN, "al2-x86_64"]) == 0
    tags = machine.registry.tags()
    assert {RUN, "python3.11", "al2-x86_64", "al2"} <= tags.keys()
    assert tags[RUN][7:19] in capsys.readouterr().out
    assert machine.work == []


def test_what_was_made_from_other_inputs_is_not_promoted(machine: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    assert _release("--hold", RUN) == 0
    _move_upstream()
    assert main(["promote", RUN]) == 1
    assert RUN not in machine.registry.tags()


def test_gc_lists_and_with_yes_deletes(machine: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    assert _release(RUN) == 0
    old = machine.registry.tags()[RUN]
    _move_upstream()
    assert _release(RUN) == 0
    machine.later = timedelta(days=91)
    capsys.readouterr()
    assert main(["gc"]) == 0
    assert old in capsys.readouterr().out
    assert old in machine.registry.tags().values()
    assert main(["gc", "--yes"]) == 0
    tags = machine.registry.tags()
    assert old not in tags.values()
    assert {RUN, "python3.11"} <= tags.keys()


@pytest.mark.parametrize("words", [["gc", "--keep-days", "-1"], ["plan", "--max-age", "soon"]])
def test_days_that_are_none_are_refused(machine: Machine, words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 2
    assert "is not a number of days" in capsys.readouterr().err


def test_the_result_as_data(machine: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    assert _release("al2-x86_64", "--format", "json") == 0
    (entry,) = json.loads(capsys.readouterr().out)
    assert entry["name"] == "al2-x86_64"
    assert entry["digest"] == machine.registry.tags()["al2-x86_64"]
    assert {"al2-x86_64", "al2"} < set(entry["pushed"])


def test_the_time_that_was_spent(machine: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    assert _release(RUN, "--timing") == 0
    out = capsys.readouterr().out.splitlines()
    path = out.index(next(line for line in out if line.startswith("critical path: ")))
    assert [line.split()[-2:] for line in out[path + 2 : path + 6]] == [
        ["build", "al2-x86_64"],
        ["build", RUN],
        ["test", RUN],
        ["push", RUN],
    ]
    assert _release(BUILD, "--timing", "--format", "json") == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out)[0]["seconds"].keys() == {"build", "test", "push"}
    assert "critical path: " in captured.err
    assert main(["test", BUILD, "--timing"]) == 0
    assert "timing: there was nothing to do" in capsys.readouterr().out


def test_an_unlocked_reference_warns_or_ends_the_run(machine: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    Path("matrix.lock").unlink()
    assert _release("al2-x86_64", "--locked") == 2
    assert (
        "upstream.example/lambda/provided:al2: no digest in matrix.lock; run `factory lock`" in capsys.readouterr().err
    )
    assert machine.work == []
    assert _release("al2-x86_64") == 0
    assert "warning: upstream.example/lambda/provided:al2: no digest in matrix.lock" in capsys.readouterr().err


def test_a_family_without_a_recipe_is_found_before_the_first_build(
    machine: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    text = Path("matrix.toml").read_text()
    Path("matrix.toml").write_text(text.replace('smoke = "python"', 'smoke = "nothing"'))
    assert _release() == 2
    assert "smoke/nothing/smoke.toml is missing" in capsys.readouterr().err
    assert machine.work == []


def test_a_lost_engine_is_no_verdict_on_an_image(machine: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    machine.checks[RUN] = (CheckResult("starts", False, 0.1, "connection reset"),)
    machine.gone = True
    assert _release() == 3
    assert f"{RUN}: test: the Docker engine stopped answering" in capsys.readouterr().err
    (kept,) = (known for known in Records(Path("build")) if known.name == RUN)
    assert kept.tests is None
    machine.gone = False
    machine.checks.clear()
    assert _release() == 0


def test_a_full_disk_is_told_as_such(machine: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    machine.broken_builds[RUN] = OSError(errno.ENOSPC, "No space left on device")
    assert _release() == 3
    said = capsys.readouterr().err
    assert "factory: build: No space left on device: the file system at /" in said
    assert "make room, and run the same command again: what is complete is kept" in said


def test_a_parent_that_another_job_holds_is_not_built_again(machine: Machine) -> None:
    assert _release("--hold", "--stale", "al2-x86_64", "build-al2-x86_64") == 0
    machine.forget()
    assert _release("--hold", "--stale", "python3.11") == 0
    assert {word for word in machine.work if "al2" in word} == {"pull al2-x86_64", "pull build-al2-x86_64"}


def test_a_parent_that_another_job_made_afresh_and_holds_is_not_made_again(
    machine: Machine,
) -> None:
    assert _release() == 0
    machine.forget()
    machine.later = timedelta(days=40)
    later = machine.today
    machine.packages = "newer"
    assert _release("--hold", "--max-age", "30", "al2-x86_64", "build-al2-x86_64") == 0
    assert "build al2-x86_64 afresh" in machine.work
    machine.forget()
    assert _release("--hold", "--max-age", "30", "python3.11") == 0
    assert {word for word in machine.work if "al2" in word} == {"pull al2-x86_64", "pull build-al2-x86_64"}
    assert f"build {RUN} afresh" in machine.work
    tags = machine.registry.tags()
    assert tags[f"{later:%Y%m%d}-al2-x86_64"] in machine.images
    assert tags["al2-x86_64"] not in machine.images


def test_what_an_earlier_run_held_back_is_neither_built_nor_tested_again(machine: Machine) -> None:
    assert _release("--hold", "--stale", *SLICE) == 0
    before = machine.registry.tags()
    machine.forget()
    assert _release("--hold", "--stale", *SLICE) == 0
    assert {word.split()[0] for word in machine.work} == {"pull"}
    assert machine.registry.tags() == before


@pytest.mark.parametrize(("keeps", "built"), [(True, 17), (False, 19)])
def test_what_an_image_costs_the_registry_in_requests(machine: Machine, keeps: bool, built: int) -> None:
    """The figures of docs/scale.md, which change with the code. Lists of tags, and the question
    for an API that is not there, are not an image's."""
    machine.registry.keeps_referrers = keeps
    names = ("al2-x86_64", "build-al2-x86_64", RUN, BUILD)
    assert _requests(machine, "release", *names, "--stale", "--together") > 0
    assert _requests(machine, "plan", *names, "--stale") == 3 * len(names)
    assert _requests(machine, "plan", *names, "--max-age", "5") == 4 * len(names)
    matrix = Path("matrix.toml")
    matrix.write_text(re.sub(r"(\[environment\.\w+\])", r'\1\nNEW = "1"', matrix.read_text()))
    # One dated tag of each is there, of this very day, so that the next one has to be numbered: one request more.
    assert _requests(machine, "release", *names, "--stale", "--hold") == (built + 1) * len(names)
    assert _requests(machine, "promote", *names) == 12 * len(names) - 2  # python3.11 has one architecture


def _requests(machine: Machine, *words: str) -> int:
    machine.registry.requests.clear()
    assert main([*words]) == 0
    others = ("/tags/list",) if machine.registry.keeps_referrers else ("/tags/list", "/referrers/")
    return sum(all(other not in line for other in others) for line in machine.registry.requests)
