"""A runtime is one table: `factory new` writes it, and all else follows."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable

from tests.lab.conftest import ROOT, Factory

_NEW, _LIKE = "nodejs22.x", "nodejs24.x"
"""The matrix copy is made to lack a runtime that the lab has, so that what is added and its version check are real."""

_TABLE = re.compile(rf'\[runtimes\."{re.escape(_NEW)}"\]\n(.+\n)+\n?')


def test_a_runtime_that_is_added_by_one_command_is_released(factory_with: Callable[[str], Factory]) -> None:
    factory = factory_with("")
    without, removed = _TABLE.subn("", factory.matrix.read_text())
    assert removed == 1
    factory.matrix.write_text(without)
    factory("list", _NEW, status=2)

    told = factory("new", _NEW, "--like", _LIKE).stdout
    assert f"{_NEW}-x86_64, {_NEW}-arm64, build-{_NEW}-x86_64, build-{_NEW}-arm64" in told
    table = _TABLE.search(factory.matrix.read_text())
    assert table is not None
    assert len(table[0].strip().splitlines()) <= 6

    factory("release", f"{_NEW}-x86_64")
    assert factory.published(f"{_NEW}-x86_64") is not None
    checks = {check["name"]: check["passed"] for check in factory.record(f"{_NEW}-x86_64")["tests"]["checks"]}
    assert checks["surroundings_are_declared"]  # the version among them
    assert all(checks.values())

    image, task = f"{factory.repository}:{_NEW}-x86_64", ROOT / "smoke" / "node" / "function"
    invoked = subprocess.run(
        ["docker", "run", "--rm", "--pull=always", "-v", f"{task}:/var/task:ro", image, "index.handler", "{}"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(invoked.stdout.splitlines()[-1])["version"].startswith("22.")
