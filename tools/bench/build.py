"""The slice built by the factory, by one `docker buildx bake` of the same graph, and by a serial loop of
`docker buildx build`: cold, and with nothing to do. Needs the engine and the lab."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

from factory.render.bake import target_name
from tools.bench.clock import FACTORY, middle, row, wall
from tools.engine import BUILT, forget

_ROUNDS = int(os.environ.get("BENCH_ROUNDS", "2"))
_FOLDER = Path("build/bench").absolute()
_SLICE = [
    f"{variant}{runtime}-x86_64"
    for runtime in ("python3.13", "nodejs22.x", "provided.al2")
    for variant in ("", "build-")
] + ["python3.13-arm64"]


def main() -> None:
    """Alternating rounds; every cold build starts from an empty build cache and without the slice's images."""
    shutil.rmtree(_FOLDER, ignore_errors=True)
    env = {"FACTORY_BUILD_DIR": str(_FOLDER), "FACTORY_QUIET": "1"}
    wall([FACTORY, "emulator"], env)
    wall([FACTORY, "render"], env)
    (_FOLDER / "empty").mkdir(exist_ok=True)
    contenders = {"factory build": _factory, "one bake": _bake, "serial loop": _loop}
    cold: dict[str, list[float]] = {name: [] for name in contenders}
    warm: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(_ROUNDS):
        for name, build in contenders.items():
            _forget()
            cold[name].append(build(env))
            warm[name].append(build(env))
    _forget()
    _print("cold", cold, {"one bake": "1.1", "serial loop": "0.6"})
    _print("with nothing to do", warm, {"one bake": "0.2"})


def _print(what: str, times: dict[str, list[float]], goals: dict[str, str]) -> None:
    size = f"The slice ({len(_SLICE)} images and their bases)"
    print(f"\n{size}, {what}: seconds, median of {_ROUNDS} alternating rounds.\n")
    row("how", "seconds", "the factory's share of it", "goal: at most")
    row("-", "-", "-", "-")
    ours = middle(times["factory build"])
    for name, values in times.items():
        row(name, middle(values), f"{ours / middle(values):.2f}", goals.get(name, ""))


def _factory(env: dict[str, str]) -> float:
    return wall([FACTORY, "build", *_SLICE], env)


def _bake(_env: dict[str, str]) -> float:
    targets = [target_name(name) for name in _SLICE]
    return wall(["docker", "buildx", "bake", "--progress=plain", "--file=docker-bake.json", *targets], cwd=_FOLDER)


def _loop(_env: dict[str, str]) -> float:
    return sum(wall(command, cwd=_FOLDER) for command in _loop_commands())


def _loop_commands() -> list[list[str]]:
    """What a shell loop over the same Dockerfiles would call, parents first."""
    targets: dict[str, Any] = json.loads((_FOLDER / "docker-bake.json").read_text())["target"]
    order: dict[str, None] = {}
    for name in map(target_name, _SLICE):
        for context in targets[name]["contexts"].values():
            if context.startswith("target:"):
                order.setdefault(context.removeprefix("target:"))
        order.setdefault(name)
    return [_command(name, targets) for name in order]


def _command(name: str, targets: dict[str, Any]) -> list[str]:
    target = targets[name]
    command = ["docker", "buildx", "build", "--progress=plain", "--provenance=false", "--output=type=docker"]
    command += [f"--platform={target['platforms'][0]}", f"--tag={target['tags'][0]}"]
    command += [f"--build-arg={key}={value}" for key, value in target["args"].items()]
    command += [f"--label={key}={value}" for key, value in target["labels"].items()]
    for key, value in target["contexts"].items():
        if value.startswith("target:"):
            value = f"docker-image://{targets[value.removeprefix('target:')]['tags'][0]}"
        command.append(f"--build-context={key}={value}")
    folder = target["context"]
    dockerfile = os.path.normpath(folder + "/" + target["dockerfile"])
    return [*command, f"--file={dockerfile}", folder]


def _forget() -> None:
    """Empties the build cache, and removes what the contenders left."""
    shutil.rmtree(_FOLDER / "records", ignore_errors=True)
    forget(BUILT, "ghcr.io/lambda-factory/lambda")
