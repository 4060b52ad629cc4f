"""Processes of the lab that outlive `up`: started, found again and ended by a pid file."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from abc import ABC, abstractmethod
from pathlib import Path

from tools.lab.errors import LabError
from tools.lab.settings import Settings
from tools.lab.store import say


class Daemon(ABC):
    """A server on one port of the loopback address."""

    def __init__(self, settings: Settings, name: str, port: int) -> None:
        self.settings, self.name, self.port = settings, name, port
        self.stem = settings.state / f"lab-{name}-{settings.port}"
        self.pidfile = self.stem.with_suffix(".pid")
        self.log = self.stem.with_suffix(".log")

    @abstractmethod
    def command(self) -> list[str]:
        """What to run; what it reads is written here too."""

    @abstractmethod
    def mark(self) -> str:
        """A word of the command that no other process has."""

    @abstractmethod
    def answers(self) -> bool:
        """Whether it serves."""

    def pid(self) -> int | None:
        """The process that this lab started, if it still runs; a number alone may be another's by now."""
        try:
            pid = int(self.pidfile.read_text())
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except (OSError, ValueError):
            return None
        return pid if self.mark().encode() in words else None

    def up(self) -> None:
        """Start it unless it runs."""
        if self.pid() is not None and self.answers():
            return
        if self._occupied():
            raise LabError(
                f"port {self.port} is taken by something that the lab did not start: end it, or choose another port, "
                f"as in LAB_PORT={self.settings.port + 1000} scripts/lab up"
            )
        self.settings.state.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                self.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                env={"PATH": os.environ.get("PATH", ""), "OTEL_TRACES_EXPORTER": "none"},
            )  # fmt: skip
        self.pidfile.write_text(f"{process.pid}\n")
        deadline = time.monotonic() + 20
        while not self.answers():
            if process.poll() is not None or time.monotonic() > deadline:
                raise LabError(f"the {self.name} did not start; its log is {self.log}")
            time.sleep(0.05)
        say(f"{self.name} started on 127.0.0.1:{self.port} (pid {process.pid}, log {self.log})")

    def down(self) -> bool:
        """End it; tell whether there was one."""
        pid = self.pid()
        if pid is None:
            return False
        os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + 15
        while self.pid() is not None:
            if _is_zombie(pid):
                break
            if time.monotonic() > deadline:
                raise LabError(f"the {self.name} (pid {pid}) is still there after 15 s")
            time.sleep(0.05)
        self.pidfile.unlink(missing_ok=True)
        return True

    def _occupied(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0


def _is_zombie(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except OSError:
        return True
