"""The whole pipeline against a real engine and a real registry. `scripts/lab up` must have run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from factory.registry.client import Registry
from factory.registry.manifests import Manifest
from factory.registry.references import Repository
from factory.smoke.container import OWNER
from tools.lab import archives
from tools.lab.settings import Settings

ROOT = Path(__file__).parent.parent.parent
FACTORY = str(Path(sys.executable).parent / "factory")
MIRRORS = archives.mirrors(Settings.from_environment())
SKIPPED = ROOT / "tools" / "lab" / "coverage.toml"
LAB = f"127.0.0.1:{os.environ.get('LAB_PORT', '5000')}"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in this folder needs the lab; what empties the build cache comes last.

    Tests of the repository's own matrix make the same images, and an engine takes an image of one name from one build
    at a time: one process runs them all (`--dist loadgroup`). The others go on beside it, a file in one process.
    """
    items.sort(key=lambda item: item.get_closest_marker("last") is not None)
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.lab)
        own_matrix = "locked" in getattr(item, "fixturenames", ())
        item.add_marker(pytest.mark.xdist_group("matrix" if own_matrix else str(item.path)))


@dataclass
class Factory:
    """The command line, as a user calls it, with a build directory and a target repository of its own."""

    folder: Path
    matrix: Path
    repository: Repository
    lock: Path
    extra: Mapping[str, str] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        """Ours alone: what the calling shell says of the factory does not reach the tests."""
        clean = {name: value for name, value in os.environ.items() if not name.startswith("FACTORY_")}
        return {
            **clean,
            "FACTORY_MATRIX": str(self.matrix),
            "FACTORY_LOCK": str(self.lock),
            "FACTORY_BUILD_DIR": str(self.folder / "build"),
            "FACTORY_REGISTRY": str(self.repository),
            "FACTORY_MIRROR": MIRRORS,
            "FACTORY_NETWORK": "host",
            "FACTORY_SKIP_TESTS": str(SKIPPED),
            "FACTORY_PIP_CONF": str(archives.pip_configuration(Settings.from_environment())),
            **self.extra,
        }

    def __call__(self, *words: str, status: int = 0) -> subprocess.CompletedProcess[str]:
        """Runs a command that must end with a status."""
        done = subprocess.run(
            [FACTORY, *words], cwd=ROOT, env=self.environment, capture_output=True, text=True, check=False, timeout=900
        )
        assert done.returncode == status, f"status {done.returncode}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr
        return done

    def start(self, *words: str) -> subprocess.Popen[str]:
        """Starts a command in a process group of its own."""
        return subprocess.Popen(
            [FACTORY, *words],
            cwd=ROOT,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def records(self) -> list[dict[str, Any]]:
        """What the build directory knows."""
        files = (self.folder / "build" / "records").glob("sha256-*.json")
        return [json.loads(file.read_text()) for file in files]

    def record(self, name: str) -> dict[str, Any]:
        """The one record of an image."""
        (found,) = (record for record in self.records() if record["name"] == name)
        return found

    def published(self, tag: str) -> Manifest | None:
        """What the registry holds under a tag."""
        return Registry().manifest(self.repository, tag)


@pytest.fixture(scope="session")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lock of the repository's matrix against the lab."""
    lock = tmp_path_factory.mktemp("lock") / "lab.lock"
    subprocess.run(
        [sys.executable, "-m", "tools.lab.lock", "--allow-unresolved", "--lock", str(lock)],
        env={**os.environ, "FACTORY_MIRROR": MIRRORS},
        cwd=ROOT,
        check=True,
    )
    return lock


@pytest.fixture
def factory(tmp_path: Path, locked: Path) -> Factory:
    """A factory over the repository's own matrix."""
    return _factory(tmp_path, ROOT / "matrix.toml", locked)


@pytest.fixture
def factory_with(tmp_path: Path, locked: Path) -> Callable[[str], Factory]:
    """A factory over the repository's matrix with more text at its end."""

    def make(text: str) -> Factory:
        matrix = tmp_path / "matrix.toml"
        matrix.write_text((ROOT / "matrix.toml").read_text() + text)
        return _factory(tmp_path, matrix, locked)

    return make


@pytest.fixture(autouse=True)
def no_containers_left() -> Iterator[None]:
    """No test may leave a container of the smoke tests behind."""
    yield
    listed = subprocess.run(
        ["docker", "ps", "--all", "--filter", f"label={OWNER}", "--format", f'{{{{.ID}}}} {{{{.Label "{OWNER}"}}}}'],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    left = dict(line.split() for line in listed.splitlines())
    assert {name: owner for name, owner in left.items() if not Path(f"/proc/{owner}").exists()} == {}


def _factory(folder: Path, matrix: Path, lock: Path) -> Factory:
    return Factory(folder, matrix, Repository(LAB, f"tests/{uuid4().hex[:12]}"), lock)
