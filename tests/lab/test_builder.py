"""A builder with its own storage: BuildKit by buildx's driver `remote`. scripts/other-builder compiles it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.lab.conftest import Factory
from tests.lab.servers import running

NAME = "with-its-own-storage"
IMAGES = ("al2-x86_64", "provided.al2-x86_64", "build-provided.al2-x86_64")

pytestmark = pytest.mark.skipif(
    "BUILDKITD" not in os.environ, reason="no BUILDKITD: scripts/other-builder compiles one and runs this"
)


@pytest.fixture(scope="module")
def environment() -> Iterator[dict[str, str]]:
    """What makes a user of such a builder: its configuration of buildx; the daemon runs as long."""
    with TemporaryDirectory(prefix="buildkitd-") as folder:
        socket = Path(folder) / "socket"
        command = [
            *(os.environ["BUILDKITD"], f"--addr=unix://{socket}", f"--root={folder}/root"),
            *("--oci-worker=true", "--oci-worker-binary=runc", "--containerd-worker=false"),
            "--allow-insecure-entitlement=network.host",
        ]
        with running(command, Path(folder) / "log", socket.exists):
            found = {"BUILDX_CONFIG": f"{folder}/buildx"}
            create = ["docker", "buildx", "create", "--name", NAME, "--driver", "remote", f"unix://{socket}"]
            subprocess.run(create, env={**os.environ, **found}, check=True)
            yield found


def test_images_are_built_on_images_that_the_builder_does_not_have(
    factory: Factory, environment: dict[str, str], tmp_path: Path
) -> None:
    other = replace(factory, folder=tmp_path / "other", extra={**environment, "FACTORY_BUILDER": NAME})
    other("release", *IMAGES)
    for name in IMAGES:
        published = other.published(name)
        assert published is not None
        assert published.digest == other.record(name)["digest"]
        assert not published.is_index

    # The engine's own builder makes the same of it, byte for byte. Build images keep when packages were installed.
    alike = IMAGES[:2]
    factory("build", *alike)
    assert [factory.record(name)["digest"] for name in alike] == [other.record(name)["digest"] for name in alike]


def test_the_builder_that_buildx_uses_is_taken_where_none_is_named(
    factory: Factory, environment: dict[str, str]
) -> None:
    subprocess.run(["docker", "buildx", "use", NAME], env={**os.environ, **environment}, check=True)
    other = replace(factory, extra=environment)
    other("build", "provided.al2-x86_64")
    assert (factory.folder / "build" / "layouts").is_dir()
