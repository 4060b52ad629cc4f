"""Built run images against the facts: what the engine says of them, and what is in them."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from factory.plan.keys import local_name
from factory.registry.references import Repository
from tests.fidelity import FACTS, declared, differences
from tests.lab.conftest import LAB, ROOT, Factory

RUNTIMES = ("provided", "provided.al2", "provided.al2023", "nodejs22.x", "python3.13")
"""One of each base, and of each way to come by a language, of what the lab holds at least."""

_OF_THE_MATRIX = ("architectures", "base", "lifecycle", "source", "status")
_LOOK = (
    "cat /etc/passwd; echo; stat -c '%U:%G %a' /tmp; for folder in $FOLDERS; do [ ! -d $folder ] || echo $folder; done"
)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory, locked: Path) -> Factory:
    folder = tmp_path_factory.mktemp("fidelity")
    factory = Factory(folder, ROOT / "matrix.toml", Repository(LAB, "tests/fidelity"), locked)
    factory("build", *(f"{runtime}-x86_64" for runtime in RUNTIMES))
    return factory


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_a_built_image_is_what_the_facts_say(built: Factory, runtime: str) -> None:
    record = built.record(f"{runtime}-x86_64")
    ours = dict(_aspects(local_name(record["name"], record["inputs_key"])))
    found = dict(differences(runtime, ours))
    assert {aspect: value for aspect, value in found.items() if not aspect.startswith(_OF_THE_MATRIX)} == declared(
        runtime
    )


def _aspects(image: str) -> Iterator[tuple[str, Any]]:
    (inspected,) = json.loads(_docker("image", "inspect", image))
    config = inspected["Config"]
    environment = dict(pair.split("=", 1) for pair in config["Env"])
    yield "entrypoint", config["Entrypoint"]
    yield "workdir", config["WorkingDir"]
    yield "user", config["User"]
    yield "handler", environment.pop("_HANDLER")
    yield from ((f"environment.{name}", value) for name, value in environment.items())
    folders = f"FOLDERS={' '.join(FACTS['directories'])}"
    shown = _docker("run", "--rm", "--env", folders, "--entrypoint", "/bin/sh", image, "-c", _LOOK)
    passwd, rest = shown.split("\n\n")
    accounts = {line.split(":")[0]: line.split(":") for line in passwd.splitlines()}
    for name in FACTS["accounts"]["AL2"]:
        yield f"accounts.{name}", ":".join(accounts[name][2:4]) if name in accounts else None
    yield "home", accounts[config["User"]][5]
    yield "shell", accounts[config["User"]][6]
    tmp, *directories = rest.splitlines()
    yield "tmp", tmp
    yield "directories", directories


def _docker(*words: str) -> str:
    return subprocess.run(["docker", *words], capture_output=True, text=True, check=True).stdout
