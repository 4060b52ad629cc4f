"""The engine that scripts/faults started for itself, and so may restart: no other is touched."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

_PATIENCE = 90  # seconds for its end, and for its start


@dataclass(frozen=True)
class Engine:
    """A Docker engine by the folder that scripts/lib/own-engine.sh keeps it in."""

    folder: Path

    @staticmethod
    def of_our_own() -> Engine:
        """The one of this run."""
        folder = os.environ.get("FAULTS_ENGINE")
        assert folder, "no engine of our own is there to be restarted: scripts/faults starts one"
        return Engine(Path(folder))

    def restart(self) -> None:
        """Asks it to end, as a service manager does, and starts it again with the same configuration."""
        pid = int((self.folder / "pid").read_text())
        os.kill(pid, signal.SIGTERM)
        self._until(lambda: not _runs(pid), "end")
        config = f"--config-file={self.folder / 'dockerd.json'}"
        with (self.folder / "log").open("ab") as log:
            subprocess.Popen(["dockerd", config], stdout=log, stderr=log, start_new_session=True)
        self._until(self._answers, "answer")

    def _answers(self) -> bool:
        command = ["docker", "--host", f"unix://{self.folder}/socket", "version"]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0

    def _until(self, true: Callable[[], bool], verb: str) -> None:
        deadline = time.monotonic() + _PATIENCE
        while not true():
            assert time.monotonic() < deadline, f"the engine in {self.folder} did not {verb} within {_PATIENCE} s"
            time.sleep(0.2)


def _runs(pid: int) -> bool:
    """Whether a process is there and no mere entry that its parent has not read yet."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] != "Z"
    except OSError:
        return False
