"""The one door for subprocesses: started in their own group, ended with us, their failures told with what they said."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from factory.errors import FactoryError, Interrupted, MachineError

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


def run(command: Sequence[str], cwd: Path | None = None, env: Mapping[str, str] | None = None) -> str:
    """Runs a short-lived program; returns what it printed.

    Raises:
        MachineError: there is no such program.
        ProcessFailedError: it ended with another status than 0.
    """
    try:
        done = subprocess.run(
            command,
            cwd=cwd,
            env=env,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
    except FileNotFoundError:
        raise MachineError(f"there is no program {command[0]!r}; `factory doctor` says how to get it") from None
    if done.returncode:
        raise ProcessFailedError(command, done.returncode, done.stdout)
    return done.stdout


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
        raise MachineError(f"there is no program {command[0]!r}; `factory doctor` says how to get it") from None


def _signal(process: subprocess.Popen[str], number: signal.Signals) -> None:
    if process.poll() is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
