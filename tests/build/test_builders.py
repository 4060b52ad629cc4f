"""What `docker buildx inspect` is understood to say."""

from __future__ import annotations

import pytest

from factory.build import builders
from factory.errors import MachineError
from factory.process import ProcessFailedError

TWO_NODES = """\
Name:          mine
Driver:        {driver}
Last Activity: 2026-11-25 21:57:13 +0000 UTC

Nodes:
Name:             mine0
Status:           running
Platforms:        linux/amd64*, linux/386
Labels:
 org.mobyproject.buildkit.worker.hostname: Driver: none

Name:             mine1
Platforms:        linux/arm64, linux/arm/v7
"""


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The commands that were run; each says that the builder is of the driver that its name is."""
    commands: list[list[str]] = []

    def run(command: list[str]) -> str:
        commands.append(command)
        return TWO_NODES.format(driver=[*command, "docker"][3])

    monkeypatch.setattr(builders, "run", run)
    return commands


@pytest.mark.parametrize(("driver", "own"), [("docker", False), ("docker-container", True), ("remote", True)])
def test_every_driver_but_dockers_own_keeps_its_images(driver: str, own: bool, asked: list[list[str]]) -> None:
    assert builders.inspect(driver).has_own_storage is own
    assert builders.inspect(None).has_own_storage is False
    assert asked == [["docker", "buildx", "inspect", driver], ["docker", "buildx", "inspect"]]


def test_the_platforms_are_those_of_all_nodes(asked: list[list[str]]) -> None:
    assert builders.inspect("remote").platforms == {"linux/amd64", "linux/386", "linux/arm64", "linux/arm/v7"}
    assert len(asked) == 1


def test_a_builder_that_is_not_there_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(command: list[str]) -> str:
        raise ProcessFailedError(command, 1, "no builder")

    monkeypatch.setattr(builders, "run", run)
    with pytest.raises(MachineError, match="there is no builder 'mine'; `docker buildx ls` shows what there is"):
        builders.inspect("mine")
    with pytest.raises(MachineError, match="buildx does not say which builder it uses"):
        builders.inspect(None)
