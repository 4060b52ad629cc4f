"""What images have in common is built once, and the time that it took is told."""

from __future__ import annotations

import json
from collections.abc import Callable

import docker

from tests.lab.conftest import Factory

_TOOL = "wget"
_TWINS = f"""
[extras.twins-tool]
summary = "a package that no base has"
yum = ["{_TOOL}"]

[families.twin]
title = "Twin"
handler = "handler"
entrypoint = ["/var/rapid/init"]
extras = ["twins-tool"]
smoke = "provided"

[runtimes."twin1.al2"]
base = "al2"
family = "twin"
version = "1"
architectures = ["x86_64"]

[runtimes."twin2.al2"]
base = "al2"
family = "twin"
version = "2"
architectures = ["x86_64"]
"""
_RUN_TWINS = ("twin1.al2-x86_64", "twin2.al2-x86_64")
_BUILD_TWINS = ("build-twin1.al2-x86_64", "build-twin2.al2-x86_64")
_TWIN_IMAGES = (*_RUN_TWINS, *_BUILD_TWINS)
_BASES = ("al2-x86_64", "build-al2-x86_64")


def test_two_images_that_share_a_step_build_it_once(factory_with: Callable[[str], Factory]) -> None:
    """The package step of both writes the time into the image, so an equal layer is one execution, not two alike."""
    factory = factory_with(_TWINS)
    done = factory("build", *_BASES, *_TWIN_IMAGES, "--timing", "--format", "json")
    seconds = {entry["name"]: entry["seconds"] for entry in json.loads(done.stdout)}
    assert seconds.keys() == {*_BASES, *_TWIN_IMAGES}
    assert all(steps.keys() <= {"build"} for steps in seconds.values())
    assert "critical path: " in done.stderr

    base, one, two = (_layers(factory, name) for name in ("build-al2-x86_64", *_BUILD_TWINS))
    assert one[: len(base)] == two[: len(base)] == base
    assert one[len(base)] == two[len(base)]
    run_base, run_one, run_two = (_layers(factory, name) for name in ("al2-x86_64", *_RUN_TWINS))
    assert run_one == run_two == run_base


def _layers(factory: Factory, name: str) -> list[str]:
    """The digests of an image's layers, unpacked."""
    layers: list[str] = docker.from_env().images.get(factory.record(name)["digest"]).attrs["RootFS"]["Layers"]
    return layers
