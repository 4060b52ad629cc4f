"""The oldest base, which takes longest: in a file of its own, so that the others go on beside it."""

from __future__ import annotations

from tests.lab.conftest import Factory


def test_amazon_linux_1_is_built_with_yum(factory: Factory) -> None:
    factory("release", "provided")
    assert factory.published("provided-x86_64") is not None
    packages = factory.record("build-provided-x86_64")["packages"]
    assert any(package.startswith("gcc") for package in packages)
