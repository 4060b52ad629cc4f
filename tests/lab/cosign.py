"""cosign itself, for the tests of what is signed: Debian's, or the one that COSIGN names (scripts/other-cosign)."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from tests.lab.conftest import FACTORY
from tools.lab import programs
from tools.lab.settings import Settings

PASSWORD = "only for this test"


def path() -> str:
    """A PATH on which cosign, notary and syft are."""
    folder = programs.folder(Settings.from_environment())
    other = (str(Path(named).parent),) if (named := os.environ.get("COSIGN")) else ()
    found = os.pathsep.join((*other, str(Path(FACTORY).parent), os.environ["PATH"], str(folder)))
    assert all(shutil.which(name, path=found) for name in ("cosign", "notary", "syft")), "run scripts/lab tools"
    return found


def environment(password: str = PASSWORD) -> dict[str, str]:
    """Where cosign is, and the password of the keys that it makes and uses."""
    return {"PATH": path(), "COSIGN_PASSWORD": password}


def new_key(stem: Path, given: Mapping[str, str]) -> Path:
    """A key pair, `STEM.key` and `STEM.pub`; the path of the private one."""
    cosign(given, "generate-key-pair", f"--output-key-prefix={stem}")
    return stem.with_suffix(".key")


def cosign(given: Mapping[str, str], *words: str) -> None:
    """Calls cosign, which must do what it is asked for."""
    command = [shutil.which("cosign", path=given["PATH"]) or "cosign", *words]
    done = subprocess.run(command, env={**os.environ, **given}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
