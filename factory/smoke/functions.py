"""The functions and commands that a family declares: compiled, invoked, tried."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from factory.files import exclusive
from factory.matrix.words import Architecture, Variant
from factory.plan.keys import local_name
from factory.smoke.container import LONG, Mounts, Outcome
from factory.smoke.recipe import Command, Function, Invocation, compiler, hash_folder
from factory.smoke.specimen import Check, CheckFailedError, CheckSkippedError, Subject, expect

_SHELL = ("/bin/bash", "-euc")
_SKIPPED = 77
"""The status by which a preparation says that this machine cannot; automake's tests say it so."""


def function_check(name: str, function: Function) -> Check:
    """The check that a function does as it declares, with each of its events."""

    def check(subject: Subject) -> None:
        task = task_of(subject, name, function)
        for invocation in function.invocations:
            _invoke(subject, task, function.handler, invocation, function.environment)

    return _named(check, f"function {name}")


def command_check(command: Command) -> Check:
    """The check that a documented command does what it should."""

    def check(subject: Subject) -> None:
        if command.skip:
            raise CheckSkippedError(command.skip)
        with writable_copy(subject.folder / command.folder) as folder:
            outcome = _docker_build(subject, command, folder) if command.dockerfile else _try(subject, command, folder)
            expect("the command succeeds", outcome.status == 0, outcome)
            printed = re.search(command.prints, outcome.stdout + outcome.stderr)
            expect(f"it prints {command.prints!r}", printed is not None, outcome)
            for pattern in command.gives:
                expect(f"it gives {pattern}", any(folder.glob(pattern)), outcome)
            for invocation in command.invocations:
                _invoke(subject, folder, command.handler, invocation, {})

    return _named(check, f"command {command.name}")


def task_of(subject: Subject, name: str, function: Function) -> Path:
    """The folder that becomes a function's /var/task, compiled once for the same sources by the same image."""
    source = subject.folder / (function.folder or name)
    if not function.compile:
        return source
    builder = subject.image if function.proves == "build" else compiler(subject.image, function)
    digest = subject.digests.get(builder)
    if digest is None:
        raise CheckFailedError(
            f"{builder.name}, which compiles {name}, is not there; run `factory build {builder.name}`"
        )
    key = hashlib.sha256(f"{digest}\n{function.prepare}\n{function.compile}\n".encode())
    hash_folder(key, source)
    target = (subject.scratch / f"{subject.folder.name}-{name}-{key.hexdigest()[:16]}").resolve()
    with exclusive(target.with_suffix(".lock")):
        if not target.exists():
            _compile(subject, function, builder.architecture.platform, digest, source, target)
    return target / function.task


def _compile(subject: Subject, function: Function, platform: str, digest: str, source: Path, target: Path) -> None:
    with writable_copy(source, target.parent) as folder:
        if function.prepare:
            prepared = _prepare(function.prepare, folder, subject.image.architecture)
            if prepared.status == _SKIPPED:
                raise CheckSkippedError(prepared.stdout.strip() or "this machine cannot prepare it")
            expect("it is prepared", prepared.status == 0, prepared)
        builder = replace(subject.runner(), digest=digest, platform=platform, mounts=Mounts(folder, writable=True))
        entrypoint, option = _SHELL
        script = f"cd /var/task\n{function.compile}\nchmod -R a+rX /var/task"
        outcome = builder.once([option, script], entrypoint=entrypoint, timeout=LONG)
        expect("it compiles", outcome.status == 0, outcome)
        folder.rename(target)


def _prepare(script: str, folder: Path, architecture: Architecture) -> Outcome:
    """Runs on this machine, which reaches the package indexes that its own settings name."""
    words = ["bash", "-euc", script]
    environment = {**os.environ, "ARCHITECTURE": architecture}
    done = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=LONG)
    return Outcome(done.returncode, done.stdout, done.stderr)


def _try(subject: Subject, command: Command, folder: Path) -> Outcome:
    online = command.network
    mounts = Mounts(folder, writable=True, pip_conf=subject.pip_conf if online else None)
    entrypoint, option = _SHELL
    script = f"cd /var/task\n{command.run}\nchmod -R a+rX /var/task"
    network = (subject.network or "bridge") if online else "none"
    runner = replace(subject.runner(), mounts=mounts)
    return runner.once([option, script], entrypoint=entrypoint, timeout=LONG, network=network)


def _docker_build(subject: Subject, command: Command, folder: Path) -> Outcome:
    """What `docker build` says; what it makes is kept nowhere."""
    name = local_name(subject.image.name, subject.record.inputs_key)
    words = ["docker", "buildx", "build", f"--platform={subject.image.architecture.platform}", "--provenance=false"]
    words += ["--output=type=cacheonly", "--progress=plain", f"--build-arg=IMAGE={name}"]
    words += [f"--network={(subject.network or 'default') if command.network else 'none'}"]
    words += [f"--secret=id=pip,src={subject.pip_conf}"] if command.network and subject.pip_conf else []
    done = subprocess.run([*words, str(folder)], capture_output=True, text=True, check=False, timeout=LONG)
    return Outcome(done.returncode, done.stdout, done.stderr)


def _invoke(subject: Subject, task: Path, handler: str, invocation: Invocation, environment: dict[str, str]) -> None:
    """Invokes a function in the run image once, and compares what comes back."""
    runner = subject.runner(task)
    if subject.image.variant is Variant.BUILD:
        runner = replace(runner, digest=subject.peer)
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
