"""What `docker buildx inspect` is understood to say."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from factory.build.builders import Builder, inspect
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


class Machine:
    """Says of every builder that it is of the driver that its name is."""

    def __init__(self) -> None:
        self.commands: list[Sequence[str]] = []

    def run(self, command: Sequence[str]) -> str:
        self.commands.append(command)
        return TWO_NODES.format(driver=[*command, "docker"][3])

    def inspect(self, builder: str | None) -> Builder:
        return inspect(builder, self.run)


@pytest.mark.parametrize(("driver", "own"), [("docker", False), ("docker-container", True), ("remote", True)])
def test_every_driver_but_dockers_own_keeps_its_images(driver: str, own: bool) -> None:
    machine = Machine()
    assert machine.inspect(driver).has_own_storage is own
    assert machine.inspect(None).has_own_storage is False
    assert machine.commands == [["docker", "buildx", "inspect", driver], ["docker", "buildx", "inspect"]]


def test_the_platforms_are_those_of_all_nodes() -> None:
    machine = Machine()
    assert machine.inspect("remote").platforms == {"linux/amd64", "linux/386", "linux/arm64", "linux/arm/v7"}
    assert len(machine.commands) == 1


def test_a_builder_that_is_not_there_is_told() -> None:
    def run(command: Sequence[str]) -> str:
        raise ProcessFailedError(command, 1, "no builder")

    with pytest.raises(MachineError, match="there is no builder 'mine'; `docker buildx ls` shows what there is"):
        inspect("mine", run)
    with pytest.raises(MachineError, match="buildx does not say which builder it uses"):
        inspect(None, run)
