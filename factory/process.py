"""The one door for subprocesses: started in their own group, ended with us, their failures told with what they said."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from factory.errors import FactoryError, Interrupted, MachineError, UsageError

_GRACE = 10.0  # seconds between asking a process to end and ending it


class ProcessFailedError(FactoryError):
    """A program that we started said no. `output` is what it printed."""

    def __init__(self, command: Sequence[str], status: int, output: str) -> None:
        self.command, self.status, self.output = tuple(command), status, output
        tail = "\n".join(f"    {line}" for line in output.strip().splitlines()[-12:])
        super().__init__(f"`{shlex.join(command[:4])} …` ended with status {status}:\n{tail}")


class Processes:
    """The processes under way, so that an interrupt can end them. Safe for use by several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: set[subprocess.Popen[str]] = set()
        self._cancelled = False

    def check(self) -> None:
        """Raises `Interrupted` after an interrupt: the places between two steps of work."""
        if self._cancelled:
            raise Interrupted("interrupted")

    def cancel(self) -> None:
        """Asks every process to end, and refuses new ones. The engine's work ends with its client."""
        with self._lock:
            self._cancelled = True
            running = list(self._running)
        for process in running:
            _signal(process, signal.SIGTERM)  # SIGINT is ignored by what a script started with &

        def kill() -> None:
            for process in running:
                _signal(process, signal.SIGKILL)

        timer = threading.Timer(_GRACE, kill)
        timer.daemon = True
        timer.start()

    @contextmanager
    def start(
        self, command: Sequence[str], environment: Mapping[str, str] | None = None
    ) -> Iterator[subprocess.Popen[str]]:
        """A running process with its output (stdout and stderr together) as a text stream.

        `environment` is added to ours.

        Raises:
            Interrupted: everything has been cancelled.
            MachineError: there is no such program.
        """
        with self._lock:
            self.check()
            process = _popen(command, {**os.environ, **(environment or {})})
            self._running.add(process)
        try:
            yield process
        except BaseException:
            _signal(process, signal.SIGTERM)  # SIGINT is ignored by what a script started with &
            raise
        finally:
            process.wait()
            if process.stdout:
                process.stdout.close()
            with self._lock:
                self._running.discard(process)


@dataclass(frozen=True)
class Completed:
    """How a program ended: its exit status, and what it wrote."""

    status: int
    stdout: str
    stderr: str


class TimedOutError(FactoryError):
    """A program did not end in time, and was ended."""


def call(
    command: Sequence[str | Path],
    cwd: Path | None = None,
    environment: Mapping[str, str] | None = None,
    timeout: float | None = None,
) -> Completed:
    """Runs a program to its end, within `timeout` seconds; `environment` is added to ours. Its status is the caller's.

    Nothing secret may be among its arguments, which every user of the machine can read.

    Raises:
        MachineError: there is no such program.
        TimedOutError: it did not end in time.
    """
    done = _completed(command, cwd, environment, timeout)
    return Completed(done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace"))


def run(command: Sequence[str | Path], cwd: Path | None = None, environment: Mapping[str, str] | None = None) -> str:
    """Runs a short-lived program; returns what it printed. `environment` is added to ours.

    Raises:
        MachineError: there is no such program.
        ProcessFailedError: it ended with another status than 0.
    """
    done = call(command, cwd, environment)
    if done.status:
        raise ProcessFailedError([str(word) for word in command], done.status, done.stdout + done.stderr)
    return done.stdout


class GitError(UsageError):
    """git does not know what it was asked for."""


def git(folder: Path, *words: str) -> bytes:
    """What git prints about the checkout that a folder is in.

    Raises:
        GitError: there is no git, no checkout, or not what was asked for.
    """
    command = ["git", "-C", str(folder), *words]
    try:
        done = _completed(command, None, None, None)
    except MachineError:
        raise GitError(f"`git {words[0]}` was needed, and there is no git; install it") from None
    if done.returncode:
        raise GitError(f"git: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout


def _completed(
    command: Sequence[str | Path],
    cwd: Path | None,
    environment: Mapping[str, str] | None,
    timeout: float | None,
) -> subprocess.CompletedProcess[bytes]:
    words = [str(word) for word in command]
    try:
        return subprocess.run(
            words,
            cwd=cwd,
            env={**os.environ, **(environment or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=timeout,
            check=False,
        )
    except FileNotFoundError:
        raise _no_such(words[0]) from None
    except subprocess.TimeoutExpired:
        raise TimedOutError(f"{words[0]} did not end within {timeout:g} s") from None


def _no_such(program: str) -> MachineError:
    return MachineError(f"there is no program {program!r}; `factory doctor` says how to get it")


def _popen(command: Sequence[str], environment: Mapping[str, str]) -> subprocess.Popen[str]:
    try:
        return subprocess.Popen(
            command,
            env=environment,
            text=True,
            errors="replace",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # a terminal's Ctrl-C reaches us alone; we pass it on once
        )
    except FileNotFoundError:
        raise _no_such(command[0]) from None


def _signal(process: subprocess.Popen[str], number: signal.Signals) -> None:
    if process.poll() is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
