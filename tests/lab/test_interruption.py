"""What a kill, a Ctrl-C or a second run at the same time leaves."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from tests.lab.conftest import Factory

_SLICE = ("provided.al2-x86_64", "build-provided.al2-x86_64", "provided.al2023-x86_64", "provided-x86_64")


def test_a_killed_release_goes_on_from_what_was_complete(factory: Factory) -> None:
    process = factory.start("release", *_SLICE)
    _wait_for_records(factory, 2)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    complete = {record["name"]: record["digest"] for record in factory.records()}
    factory("release", *_SLICE)
    for name, digest in complete.items():
        assert factory.record(name)["digest"] == digest, f"{name} was built again"
    assert all(factory.published(name) for name in _SLICE)


def test_ctrl_c_ends_the_engines_work_and_records_nothing_by_halves(factory: Factory) -> None:
    process = factory.start("release", *_SLICE)
    _wait_for_records(factory, 1)
    started = time.monotonic()
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 130, output
    assert "Traceback" not in output
    assert time.monotonic() - started < 30
    assert _buildx_of(process.pid) == []
    for record in factory.records():
        assert record["tests"] is None or all(check["passed"] for check in record["tests"]["checks"])
    factory("release", *_SLICE)
    assert all(factory.published(name) for name in _SLICE)


def test_two_runs_at_once_share_the_work(factory: Factory) -> None:
    runs = [factory.start("release", *_SLICE) for _ in range(2)]
    outputs = [run.communicate(timeout=600)[0] for run in runs]
    assert [run.returncode for run in runs] == [0, 0], outputs
    for name in _SLICE:
        assert sum(output.count(f" {name}: built") for output in outputs) == 1, outputs


def _wait_for_records(factory: Factory, count: int) -> None:
    deadline = time.monotonic() + 300
    while len(factory.records()) < count:
        assert time.monotonic() < deadline, "nothing was built"
        time.sleep(0.05)


def _buildx_of(session: int) -> list[str]:
    """The builds that a process left running."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            try:
                words = (folder / "cmdline").read_text().split("\0")
                parent = (folder / "stat").read_text().rsplit(")", 1)[1].split()[1]
            except OSError:
                continue
            if "buildx" in words and int(parent) == session:
                found.append(" ".join(words))
    return found
