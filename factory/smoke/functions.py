"""The functions and commands that a family declares: compiled, invoked, tried."""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from factory.files import exclusive, read_folder
from factory.matrix.words import Architecture, Variant
from factory.plan.keys import local_name
from factory.process import Completed, call
from factory.smoke.container import LONG, Mounts
from factory.smoke.recipe import Command, Function, Invocation, compiler
from factory.smoke.specimen import Check, CheckFailedError, CheckSkippedError, Specimen, expect

_SHELL = ("/bin/bash", "-euc")
_SKIPPED = 77
"""The status by which a preparation says that this machine cannot; automake's tests say it so."""


def function_check(name: str, function: Function) -> Check:
    """The check that a function does as it declares, with each of its events."""

    def check(specimen: Specimen) -> None:
        task = task_of(specimen, name, function)
        for invocation in function.invocations:
            _invoke(specimen, task, function.handler, invocation, function.environment)

    return _named(check, f"function {name}")


def command_check(command: Command) -> Check:
    """The check that a documented command does what it should."""

    def check(specimen: Specimen) -> None:
        if command.skip:
            raise CheckSkippedError(command.skip)
        with writable_copy(specimen.folder / command.folder) as folder:
            tried = _docker_build if command.dockerfile else _try
            outcome = tried(specimen, command, folder)
            expect("the command succeeds", outcome.status == 0, outcome)
            printed = re.search(command.prints, outcome.stdout + outcome.stderr)
            expect(f"it prints {command.prints!r}", printed is not None, outcome)
            for pattern in command.gives:
                expect(f"it gives {pattern}", any(folder.glob(pattern)), outcome)
            for invocation in command.invocations:
                _invoke(specimen, folder, command.handler, invocation, {})

    return _named(check, f"command {command.name}")


def task_of(specimen: Specimen, name: str, function: Function) -> Path:
    """The folder that becomes a function's /var/task, compiled once for the same sources by the same image."""
    source = specimen.folder / (function.folder or name)
    if not function.compile:
        return source
    builder = specimen.image if function.proves == "build" else compiler(specimen.image, function)
    digest = specimen.digests.get(builder)
    if digest is None:
        raise CheckFailedError(
            f"{builder.name}, which compiles {name}, is not there; run `factory build {builder.name}`"
        )
    key = read_folder(source).key(f"{digest}\n{function.prepare}\n{function.compile}\n")
    target = (specimen.scratch / f"{specimen.folder.name}-{name}-{key[:16]}").resolve()
    with exclusive(target.with_suffix(".lock")):
        if not target.exists():
            _compile(specimen, function, builder.architecture.platform, digest, source, target)
    return target / function.task


def _compile(specimen: Specimen, function: Function, platform: str, digest: str, source: Path, target: Path) -> None:
    with writable_copy(source, target.parent) as folder:
        if function.prepare:
            prepared = _prepare(function.prepare, folder, specimen.image.architecture)
            if prepared.status == _SKIPPED:
                raise CheckSkippedError(prepared.stdout.strip() or "this machine cannot prepare it")
            expect("it is prepared", prepared.status == 0, prepared)
        builder = replace(specimen.runner(), digest=digest, platform=platform, mounts=Mounts(folder, writable=True))
        entrypoint, option = _SHELL
        script = f"cd /var/task\n{function.compile}\nchmod -R a+rX /var/task"
        outcome = builder.once([option, script], entrypoint=entrypoint, timeout=LONG)
        expect("it compiles", outcome.status == 0, outcome)
        folder.rename(target)


def _prepare(script: str, folder: Path, architecture: Architecture) -> Completed:
    """Runs on this machine, which reaches the package indexes that its own settings name."""
    return call(["bash", "-euc", script], cwd=folder, environment={"ARCHITECTURE": architecture}, timeout=LONG)


def _try(specimen: Specimen, command: Command, folder: Path) -> Completed:
    online = command.network
    mounts = Mounts(folder, writable=True, pip_conf=specimen.pip_conf if online else None)
    entrypoint, option = _SHELL
    script = f"cd /var/task\n{command.run}\nchmod -R a+rX /var/task"
    network = (specimen.network or "bridge") if online else "none"
    runner = replace(specimen.runner(), mounts=mounts)
    return runner.once([option, script], entrypoint=entrypoint, timeout=LONG, network=network)


def _docker_build(specimen: Specimen, command: Command, folder: Path) -> Completed:
    """What `docker build` says; what it makes is kept nowhere."""
    name = local_name(specimen.image.name, specimen.record.inputs_key)
    words = ["docker", "buildx", "build", f"--platform={specimen.image.architecture.platform}", "--provenance=false"]
    words += ["--output=type=cacheonly", "--progress=plain", f"--build-arg=IMAGE={name}"]
    words += [f"--network={(specimen.network or 'default') if command.network else 'none'}"]
    words += [f"--secret=id=pip,src={specimen.pip_conf}"] if command.network and specimen.pip_conf else []
    return call([*words, folder], timeout=LONG)


def _invoke(specimen: Specimen, task: Path, handler: str, invocation: Invocation, environment: dict[str, str]) -> None:
    """Invokes a function in the run image once, and compares what comes back."""
    runner = specimen.runner(task)
    if specimen.image.variant is Variant.BUILD:
        runner = replace(runner, digest=specimen.peer)
    outcome = runner.once([handler, json.dumps(invocation.event)], environment)
    told = f"the event {json.dumps(invocation.event)}"
    if invocation.error is None:
        expect(f"{told}: the exit status is 0", outcome.status == 0, outcome)
        expect(f"{told}: the result is {json.dumps(invocation.result)}", outcome.result == invocation.result, outcome)
        return
    expect(f"{told}: the exit status is not 0", outcome.status != 0, outcome)
    seen: Any = outcome.result if isinstance(outcome.result, dict) else {}
    wanted = invocation.error
    expect(f"{told}: the error has {json.dumps(wanted)}", all(seen.get(key) == wanted[key] for key in wanted), outcome)


def _named(check: Check, name: str) -> Check:
    check.__name__ = name
    return check


@contextmanager
def writable_copy(folder: Path, parent: Path | None = None) -> Iterator[Path]:
    """A copy of a folder that anybody may write to, until the block ends."""
    with tempfile.TemporaryDirectory(dir=parent) as top:
        copy = Path(top) / "task"
        shutil.copytree(folder, copy)
        for path in (Path(top), copy):
            path.chmod(0o777)
        yield copy
