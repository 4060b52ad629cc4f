"""What this machine lacks, and the command that mends it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache

from factory.build.builders import Builder, inspect
from factory.build.emulator import go
from factory.errors import FactoryError, MachineError
from factory.matrix.words import Architecture
from factory.process import call
from factory.registry.client import Registry
from factory.registry.references import Repository


@dataclass(frozen=True)
class Diagnosis:
    """One thing looked at; `remedy` is empty when it is well."""

    what: str
    seen: str
    remedy: str = ""
    optional: bool = False
    """Only some option needs it."""


def examine(repository: Repository, builder: str | None) -> list[Diagnosis]:
    """Looks at everything that some command needs."""
    buildx = cache(inspect)
    looks: list[tuple[str, Callable[[], str], str]] = [
        ("git", lambda: _says("git", "--version"), "install git"),
        ("go", lambda: _says(go(), "version"), "run scripts/setup"),
        (
            "docker",
            lambda: _says("docker", "--version"),
            "install docker's command line, or run `scripts/engine up`",
        ),
        ("engine", _engine, "start the Docker engine, or run `scripts/engine up`"),
        ("buildx", lambda: _says("docker", "buildx", "version"), "install docker's buildx plugin"),
        *(
            (arch.platform, lambda arch=arch: _platform(arch, buildx(builder)), _emulation(arch))
            for arch in Architecture
        ),
        (
            "registry",
            lambda: _registry(repository),
            f"start {repository.host}, name another with --registry, or log in",
        ),
    ]
    extras: list[tuple[str, Callable[[], str], str]] = [
        ("cosign", lambda: _found("cosign"), "install cosign: --sign, `verify` and the matrix's signatures call it"),
        ("syft", lambda: _found("syft"), "install syft: --attest calls it"),
    ]
    return [*(_look(*look) for look in looks), *(replace(_look(*look), optional=True) for look in extras)]


def _look(what: str, look: Callable[[], str], remedy: str) -> Diagnosis:
    try:
        return Diagnosis(what, look())
    except FactoryError as error:
        return Diagnosis(what, str(error).splitlines()[0], remedy)


def _emulation(architecture: Architecture) -> str:
    return (
        f"install qemu-user-static and register it with binfmt_misc, or use a builder that has {architecture} natively"
    )


def _says(*command: str) -> str:
    done = call(command)
    if done.status:
        raise MachineError((done.stderr or done.stdout).strip() or f"status {done.status}")
    return done.stdout.strip().splitlines()[0]


def _engine() -> str:
    from factory.build.engine import Engine

    engine = Engine()
    engine.check()
    return f"Docker {engine.info['ServerVersion']}, containerd image store"


def _platform(architecture: Architecture, builder: Builder) -> str:
    if architecture.platform not in builder.platforms:
        raise MachineError(f"the builder does not build for {architecture.platform}")
    return "the builder builds for it"


def _found(program: str) -> str:
    path = shutil.which(program)
    if path is None:
        raise MachineError(f"there is no {program}")
    return path


def _registry(repository: Repository) -> str:
    Registry(retries=0).manifest(repository, "none")
    return f"{repository} answers"
