"""Every run image against the facts: what docker-lambda, its forks and AWS's base images make of the same runtime.

`tests/facts/runtimes.json` says what they do. Whatever ours does otherwise stands in `DEVIATIONS` with its reason, by
runtime and aspect, with the value that ours has instead; one that is not needed any more fails as well.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from fnmatch import fnmatchcase
from typing import Any

import pytest

from factory.images import Image, expand
from factory.loader import parse
from factory.matrix import Matrix, Status, Variant
from factory.render import Renderer
from tests.dockerfiles import config
from tests.support import REAL, ROOT, changed, real

FACTS: dict[str, Any] = json.loads((ROOT / "tests" / "facts" / "runtimes.json").read_text())
RUNTIMES: dict[str, dict[str, Any]] = FACTS["runtimes"]
STATUS = {
    "EOL (updates blocked)": Status.UPDATE_BLOCKED,
    "EOL (container-only)": Status.DEPRECATED,
    "deprecated (container-only)": Status.DEPRECATED,
    "deprecated (create blocked)": Status.CREATE_BLOCKED,
}


@dataclass(frozen=True)
class Deviation:
    """What ours does otherwise, where, and why."""

    aspect: str
    runtimes: str
    ours: Any
    reason: str

    def covers(self, runtime: str) -> bool:
        """Whether it is about a runtime; the names stand in `runtimes`, globs allowed."""
        return any(fnmatchcase(runtime, pattern) for pattern in self.runtimes.split())


_RAPID = ["/var/rapid/init", "--bootstrap", "/var/runtime/bootstrap"]
_HANDLER = (
    "docker-lambda looked for a handler called `handler` when nobody named one; the usual name of the language is"
)

DEVIATIONS = (
    Deviation(
        "entrypoint",
        "nodejs4.3 nodejs6.10 nodejs8.10 java8 go1.x dotnetcore2.0",
        _RAPID,
        "docker-lambda put a mock in the place of Lambda's own client; here runs the client of the official image, "
        "or that of bootstraps/ where there is none",
    ),
    Deviation(
        "entrypoint",
        "python2.7 python3.6 dotnetcore2.1 nodejs10.x python3.7 ruby2.5",
        [*_RAPID, "--enable-msg-logs"],
        "the entrypoint is the family's; no mock as above, and the emulator ignores --enable-msg-logs",
    ),
    Deviation(
        "entrypoint",
        "provided*",
        ["/var/rapid/init"],
        "the emulator is in one place in all images; /var/runtime is the runtime's",
    ),
    Deviation("handler", "nodejs??.x", "index.handler", f"{_HANDLER} better"),
    Deviation("handler", "python3.[7-9] python3.1?", "lambda_function.lambda_handler", f"{_HANDLER} better"),
    Deviation("handler", "ruby*", "lambda_function.lambda_handler", f"{_HANDLER} better"),
    Deviation("handler", "java*", "example.Handler", f"{_HANDLER} better: a class needs a package"),
    Deviation("handler", "dotnet*", "example::example.Function::FunctionHandler", f"{_HANDLER} better"),
    Deviation("accounts.slicer", "*", None, "no process runs as it, and no file of ours belongs to it"),
    Deviation("accounts.sb_logger", "*", None, "no process runs as it, and no file of ours belongs to it"),
)


def differences(matrix: Matrix, renderer: Renderer) -> Iterator[tuple[str, str, Any]]:
    """Each (runtime, aspect) in which the images are not what the facts say, with what they are instead."""
    for name, facts in RUNTIMES.items():
        images = [image for image in expand(matrix) if image.runtime == name and image.variant is Variant.RUN]
        ours = dict(_aspects(matrix, renderer, images))
        for aspect, claims in _claims(name, facts).items():
            value = ours.pop(aspect, None)
            if value not in claims:
                yield name, aspect, value
        yield from ((name, aspect, value) for aspect, value in ours.items())


def _claims(name: str, facts: dict[str, Any]) -> dict[str, list[Any]]:
    """What the facts say of each aspect; more than one value where projects contradict each other."""
    claims: dict[str, list[Any]] = {
        "base": [facts["os"].lower()],
        "architectures": [facts["architectures"]],
        "source": [facts["image"] or facts["archive"]],
        "entrypoint": [FACTS["entrypoints"][facts["entrypoint"]]],
        "handler": [facts["handler"]],
        "workdir": [facts.get("workdir", FACTS["workdir"])],
        "user": [FACTS["user"]],
        "home": [FACTS["home"]],
        "shell": [FACTS["shell"]],
        "directories": [FACTS["directories"]],
        "tmp": FACTS["tmp"],
        "status": [STATUS.get(facts["status"], facts["status"])],
    }
    claims |= {
        f"lifecycle.{key}": [facts.get(key)] for key in ("released", "deprecated", "create_blocked", "update_blocked")
    }
    claims |= {f"accounts.{account}": [ids] for account, ids in FACTS["accounts"][facts["os"]].items()}
    alternatives = [_environment(name, profile, facts) for profile in facts["environment"]]
    for variable in {variable for alternative in alternatives for variable in alternative}:
        claims[f"environment.{variable}"] = [alternative.get(variable) for alternative in alternatives]
    claims["environment.AWS_EXECUTION_ENV"] = facts["execution_env"]
    return claims


def _environment(name: str, profiles: str, facts: dict[str, Any]) -> dict[str, str]:
    values: dict[str, str] = dict(FACTS["environment"])
    major = name.removeprefix("nodejs").partition(".")[0]
    for profile in profiles.split(" + "):
        for variable, value in FACTS["environments"][profile].items():
            former = values.get(variable, "")
            values[variable] = value.replace(f"${variable}", former).replace("{major}", major)
    return values


def _aspects(matrix: Matrix, renderer: Renderer, images: list[Image]) -> Iterator[tuple[str, Any]]:
    first = images[0]
    assert first.runtime
    assert first.parent
    runtime = matrix.runtimes[first.runtime]
    image = config(renderer.dockerfile(first.parent), renderer.dockerfile(first))
    environment = dict(image.environment)
    yield "base", first.base
    yield "architectures", [str(each.architecture) for each in images]
    yield "source", _source(matrix, renderer, first)
    yield "entrypoint", image.entrypoint
    yield "handler", environment.pop("_HANDLER")
    yield "workdir", image.workdir
    yield "user", image.user
    yield "home", image.home
    yield "shell", image.shell
    yield "directories", image.directories
    yield "tmp", image.tmp
    yield "status", runtime.lifecycle.status(date.fromisoformat(FACTS["day"]))
    for key in ("released", "deprecated", "create_blocked", "update_blocked"):
        day = getattr(runtime.lifecycle, key)
        yield f"lifecycle.{key}", str(day) if day else None
    yield from ((f"accounts.{name}", ids) for name, ids in image.accounts.items())
    yield from ((f"environment.{name}", value) for name, value in environment.items())


def _source(matrix: Matrix, renderer: Renderer, image: Image) -> str:
    """The official image, or the archive's address; a custom runtime is its base."""
    for download in renderer.downloads(image):
        return download.artifact(image.architecture).url
    return next(iter(renderer.upstreams(image)), matrix.bases[image.base].upstream)


def _found(text: str | None = None) -> dict[tuple[str, str], Any]:
    """The differences of a matrix, the real one unless its text is given."""
    matrix = parse(text) if text else real()
    return {(runtime, aspect): value for runtime, aspect, value in differences(matrix, Renderer(matrix))}


def _declared() -> dict[tuple[str, str], Any]:
    return {
        (runtime, deviation.aspect): deviation.ours
        for deviation in DEVIATIONS
        for runtime in RUNTIMES
        if deviation.covers(runtime)
    }


def test_the_matrix_has_every_runtime_of_the_facts() -> None:
    assert real().runtimes.keys() >= RUNTIMES.keys()
    assert len(RUNTIMES) == 51


def test_run_images_are_what_the_facts_say_except_where_declared() -> None:
    assert _found() == _declared()


def test_each_deviation_has_a_reason_and_stands_once() -> None:
    assert all(deviation.reason for deviation in DEVIATIONS)
    covered = [(runtime, each.aspect) for each in DEVIATIONS for runtime in RUNTIMES if each.covers(runtime)]
    assert len(covered) == len(set(covered))


@pytest.mark.parametrize(
    ("change", "difference"),
    [
        (('TZ = ":UTC"', 'TZ = "UTC"'), ("python3.13", "environment.TZ", "UTC")),
        (("uid = 496", "uid = 497"), ("provided", "accounts.sbx_user1051", "497:495")),
        (('version = "3.12"', 'version = "3.13"'), ("python3.12", "source", "public.ecr.aws/lambda/python:3.13")),
        (('workdir = "/"', 'workdir = "/tmp"'), ("java8", "workdir", "/tmp")),
        (("deprecated = 2020-03-05", "deprecated = 2020-03-06"), ("nodejs4.3", "lifecycle.deprecated", "2020-03-06")),
        (('\narchitectures = ["x86_64"]\nlife', "\nlife"), ("nodejs10.x", "architectures", ["x86_64", "arm64"])),
        (
            ("AWS_Lambda_{runtime}", "AWS_Lambda_node"),
            ("nodejs22.x", "environment.AWS_EXECUTION_ENV", "AWS_Lambda_node"),
        ),
    ],
)
def test_a_slip_is_found(change: tuple[str, str], difference: tuple[str, str, Any]) -> None:
    runtime, aspect, value = difference
    assert _found(changed(REAL.read_text(), change))[runtime, aspect] == value
