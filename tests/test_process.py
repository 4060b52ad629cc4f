"""Subprocesses: told failures, and an end for all of them."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from factory.errors import Interrupted, MachineError
from factory.process import Completed, GitError, Processes, ProcessFailedError, TimedOutError, call, git, run

_SLEEP = [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(60)"]


def test_what_a_program_printed() -> None:
    assert run([sys.executable, "-c", "print('hello')"]) == "hello\n"


def test_a_failure_says_which_command_and_its_last_lines() -> None:
    script = "import sys; [print(n) for n in range(40)]; sys.exit(7)"
    with pytest.raises(ProcessFailedError, match="ended with status 7") as caught:
        run([sys.executable, "-c", script])
    assert caught.value.status == 7
    assert str(caught.value).splitlines()[-1] == "    39"
    assert len(str(caught.value).splitlines()) <= 14


def test_no_such_program_is_the_machines_lack() -> None:
    with pytest.raises(MachineError, match="there is no program 'no-such-program'; `factory doctor`"):
        run(["no-such-program"])
    with pytest.raises(MachineError, match="no-such-program"), Processes().start(["no-such-program"]):
        pass


def test_output_comes_as_it_is_printed() -> None:
    with Processes().start([sys.executable, "-c", "print('a'); import sys; print('b', file=sys.stderr)"]) as process:
        assert process.stdout
        assert sorted(process.stdout) == ["a\n", "b\n"]
    assert process.returncode == 0


def test_cancelling_ends_what_runs_and_refuses_what_comes() -> None:
    processes = Processes()
    processes.check()
    with processes.start(_SLEEP) as process:
        assert process.stdout
        assert process.stdout.readline() == "up\n"
        started = time.monotonic()
        threading.Timer(0.05, processes.cancel).start()
        process.wait(20)
    assert process.returncode
    assert time.monotonic() - started < 10
    with pytest.raises(Interrupted):
        processes.check()
    with pytest.raises(Interrupted), processes.start(_SLEEP):
        pass


def _read_and_fail(processes: Processes, seen: list[subprocess.Popen[str]]) -> None:
    with processes.start(_SLEEP) as process:
        seen.append(process)
        assert process.stdout
        process.stdout.readline()
        raise ValueError("mine")


def test_an_error_while_reading_ends_the_process() -> None:
    seen: list[subprocess.Popen[str]] = []
    with pytest.raises(ValueError, match="mine"):
        _read_and_fail(Processes(), seen)
    assert seen[0].returncode


def test_a_call_leaves_the_verdict_to_its_caller_and_ends_in_time() -> None:
    script = "import os, sys; print(os.environ['A']); print('e', file=sys.stderr); sys.exit(3)"
    done = call([sys.executable, "-c", script], environment={"A": "ü"})
    assert done == Completed(3, "ü\n", "e\n")
    with pytest.raises(TimedOutError, match="did not end within"):
        call(_SLEEP, timeout=0.2)


def test_git_says_what_it_does_not_know(tmp_path: Path) -> None:
    with pytest.raises(GitError, match="not a git repository"):
        git(tmp_path, "rev-parse", "HEAD")
