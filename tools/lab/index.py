"""A Python package index out of files: real wheels, fetched by this machine's own pip, for what the extras install.

Python's HTTP server lists a directory as a page of links, which is what an index is. A package that has no wheels for
the base's Python gets a stand-in: a wheel with a command that says so.
"""

from __future__ import annotations

import base64
import hashlib
import re
import shutil
import zipfile
from collections.abc import Sequence
from pathlib import Path

from tools.lab import demands, fetch, python_pins, standin
from tools.lab.store import say

SIMPLE = "simple"


def wheels(requirement: str, python: str, architecture: str, downloads: Path, out: Path) -> None:
    """Fetch a requirement and all it needs as it is pinned, or make a stand-in of it."""
    pins = (
        python_pins.load()
        .get(requirement, {})
        .get(python, {"stand_in": "not in tools/lab/python.toml: scripts/lab pin"})
    )
    if reason := pins.get("stand_in"):
        stand_in(requirement, demands.programs_of(requirement), reason, out)
        say(f"{requirement} is a stand-in: {reason}")
        return
    for wheel in fetch.wheels(pins, python, architecture, downloads).glob("*.whl"):
        shutil.copyfile(wheel, out / wheel.name)


def stand_in(requirement: str, programs: Sequence[str], reason: str, out: Path) -> None:
    """A wheel of a name and a version, with the programs that it is started by, which say what they are."""
    name, version = requirement.split("==")
    normal = re.sub(r"[-_.]+", "_", re.sub(r"\[.*", "", name)).lower()
    info = f"{normal}-{version}.dist-info"
    scripts = f"{normal}-{version}.data/scripts"
    files = {
        f"{scripts}/{program}": standin.program(f"/usr/local/bin/{program}", requirement, reason)
        for program in programs
    }
    files |= {
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {normal}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: lab\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{path},sha256={_hash(content)},{len(content.encode())}\n" for path, content in files.items())
    with zipfile.ZipFile(out / f"{normal}-{version}-py3-none-any.whl", "w") as wheel:
        for path, content in (files | {f"{info}/RECORD": f"{record}{info}/RECORD,,\n"}).items():
            wheel.writestr(zipfile.ZipInfo(path), content)


def publish(directory: Path, files: Path) -> None:
    """Add the wheels of a directory to the index."""
    for wheel in directory.glob("*.whl"):
        project = re.sub(r"[-_.]+", "-", wheel.name.split("-")[0]).lower()
        target = files / SIMPLE / project / wheel.name
        if not target.exists() or target.stat().st_size != wheel.stat().st_size:
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(wheel, target)


def write_configuration(path: Path, port: int) -> None:
    """What pip is told of the index, as a configuration file for builds."""
    path.write_text(f"[global]\nindex-url = http://127.0.0.1:{port}/{SIMPLE}/\ndisable-pip-version-check = true\n")


def _hash(content: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(content.encode()).digest()).rstrip(b"=").decode()
