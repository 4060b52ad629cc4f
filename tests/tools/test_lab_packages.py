"""What the packages of the lab's bases are made of."""

from __future__ import annotations

from pathlib import Path

import pytest

from factory.app.project import load_matrix as load
from tests.support import REAL
from tools.lab import python_pins, rpms
from tools.lab.catalogue import BASES, Package, packages
from tools.lab.debian import Deb, Suite


def _suite(name: str, debs: dict[str, tuple[str, ...]]) -> Suite:
    """A suite of these packages, each with those that it depends on."""
    found = {deb: Deb(deb, "1", "0" * 64, tuple((need,) for need in needs), ()) for deb, needs in debs.items()}
    return Suite(name, "amd64", found, Path("nowhere"))


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two packages: docker, of one file of its Debian package, and what needs the same library as docker would."""
    tables = {
        "docker": {"debs": {"bookworm": ["docker.io"], "trixie": ["docker-cli"]}, "only": ["usr/bin/docker"]},
        "other": {"debs": ["other"]},
    }
    monkeypatch.setattr(rpms, "recipes", lambda: tables)
    monkeypatch.setattr(rpms, "packages", lambda _: [Package(name, "real", "1", development=False) for name in tables])


@pytest.mark.usefixtures("known")
def test_a_package_of_some_files_alone_brings_nothing_that_the_others_need() -> None:
    suite = _suite("bookworm", {"docker.io": ("containerd",), "containerd": (), "other": ("containerd",)})
    docker, other = rpms.allot(BASES["al2"], suite, [])
    assert docker.debs == ("docker.io",)
    assert other.debs == ("containerd", "other")
    assert other.requires == ()


@pytest.mark.usefixtures("known")
def test_a_suite_may_have_a_package_under_another_name() -> None:
    assert rpms.seeds(BASES["al1"]) == ["docker.io", "other"]
    assert rpms.seeds(BASES["al2023"]) == ["docker-cli", "other"]


@pytest.mark.parametrize("base", BASES)
def test_every_program_of_the_bases_extras_is_a_real_one(base: str) -> None:
    matrix = load(REAL)
    kinds = {package.name: package.kind for package in packages(base)}
    for name in matrix.bases[base].extras:
        extra = matrix.extras[name]
        for package in extra.microdnf if base == "al2023" else extra.yum:
            assert kinds[package] in ("base", "real"), f"{name}: {package} of {base}"


def test_pipx_finds_the_pip_that_it_gives_its_environments() -> None:
    of_pipx = {name: table for name, table in python_pins.load().items() if name.startswith("pipx==")}
    assert len(of_pipx) == 3
    for table in of_pipx.values():
        for wheels in table.values():
            assert any(wheel.startswith(f"{python_pins.FETCHED['pipx']}==") for wheel in wheels)
