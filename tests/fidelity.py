"""What each run image is held against: the facts, and what ours does otherwise with its reason.

`tests/facts/runtimes.json` says what docker-lambda, its forks and AWS's base images make of the same runtime. Whatever
ours does otherwise stands in `DEVIATIONS`, by runtime and aspect, with the value that ours has instead.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from factory.matrix.words import Status
from tests.support import ROOT

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


def declared(runtime: str) -> dict[str, Any]:
    """The deviations of a runtime: what ours has instead, by aspect."""
    return {deviation.aspect: deviation.ours for deviation in DEVIATIONS if deviation.covers(runtime)}


def differences(runtime: str, ours: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Each aspect in which ours is not what the facts say, with what it is instead."""
    said = claims(runtime)
    for aspect in sorted({*said, *ours}):
        if ours.get(aspect) not in said.get(aspect, ()):
            yield aspect, ours.get(aspect)


def claims(name: str) -> dict[str, list[Any]]:
    """What the facts say of each aspect; more than one value where projects contradict each other."""
    facts = RUNTIMES[name]
    found: dict[str, list[Any]] = {
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
    found |= {
        f"lifecycle.{key}": [facts.get(key)] for key in ("released", "deprecated", "create_blocked", "update_blocked")
    }
    found |= {f"accounts.{account}": [ids] for account, ids in FACTS["accounts"][facts["os"]].items()}
    alternatives = [_environment(name, profile, facts) for profile in facts["environment"]]
    for variable in {variable for alternative in alternatives for variable in alternative}:
        found[f"environment.{variable}"] = [alternative.get(variable) for alternative in alternatives]
    found["environment.AWS_EXECUTION_ENV"] = facts["execution_env"]
    return found


def _environment(name: str, profiles: str, facts: dict[str, Any]) -> dict[str, str]:
    values: dict[str, str] = dict(FACTS["environment"])
    major = name.removeprefix("nodejs").partition(".")[0]
    for profile in profiles.split(" + "):
        for variable, value in FACTS["environments"][profile].items():
            former = values.get(variable, "")
            values[variable] = value.replace(f"${variable}", former).replace("{major}", major)
    return values
