"""The checks: each invokes the image and compares what comes back with what the matrix says.

A check is a function of a `Specimen`; it returns nothing when all is well, and raises `CheckFailedError` with what it
saw when not.
"""

from __future__ import annotations

import json
import re
import tempfile
from pathlib import Path
from typing import Any

from factory.matrix.extras import programs
from factory.matrix.images import Image
from factory.matrix.schema import Matrix
from factory.matrix.words import Variant
from factory.registry.manifests import MANIFESTS
from factory.smoke.container import Ended, Runner
from factory.smoke.functions import command_check, function_check, task_of
from factory.smoke.recipe import Function, Recipe
from factory.smoke.specimen import Check, CheckFailedError, Specimen, expect

_CONTEXT = {
    "AWS_LAMBDA_FUNCTION_NAME": "smoke-test",
    "AWS_LAMBDA_FUNCTION_VERSION": "7",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
    "AWS_LAMBDA_FUNCTION_INVOKED_ARN": "arn:aws:lambda:eu-central-1:123456789012:function:smoke-test:7",
    "AWS_LAMBDA_FUNCTION_TIMEOUT": "120",
}
_SAID = "a line that the handler prints"


def manifest_is_plain(specimen: Specimen) -> None:
    """Lambda takes a single image manifest and refuses an index."""
    _equal("the manifest's media type is an image's", specimen.record.media_type in MANIFESTS, True)
    _equal("the image's architecture", specimen.found.architecture, specimen.image.architecture.oci)


def emulator_is_entrypoint(specimen: Specimen) -> None:
    """A base run image can do one thing: tell in one line that it has no bootstrap to start."""
    outcome = specimen.runner().once(["handler", "{}"])
    expect(
        "the emulator says that there is no bootstrap",
        "bootstrap" in outcome.stderr + outcome.stdout,
        outcome,
    )
    expect("its exit status is not 0", outcome.status != 0, outcome)


def result_is_last_line(specimen: Specimen) -> None:
    """One JSON result on the last line of stdout; what the function prints, and the log lines, on stderr."""
    event = {"do": "describe", "say": _SAID, "text": "ünïcödé"}
    outcome = _invoke(specimen, event)
    _equal("the event as the handler saw it", outcome.result["event"], event)
    _equal("lines on stdout", len(outcome.stdout.strip().splitlines()), 1)
    for part in ("START RequestId: ", _SAID, "END RequestId: ", "REPORT RequestId: "):
        expect(f"stderr has {part!r}", part in outcome.stderr, outcome)


def surroundings_are_declared(specimen: Specimen) -> None:
    """Version, architecture, user, working directory and layer are what the matrix says; /var/task is read-only."""
    with tempfile.TemporaryDirectory() as layer:
        Path(layer).chmod(0o755)
        (Path(layer) / "layer.txt").write_text("from the layer")
        seen = _invoke(specimen, {"do": "describe"}, layer=Path(layer)).result
    user = specimen.matrix.bases[specimen.image.base].user
    machine = {"x86_64": "x86_64", "arm64": "aarch64"}[specimen.image.architecture]
    _version(specimen, str(seen["version"]))
    _equal("the machine", seen["machine"], machine)
    _equal("the user id", seen["uid"], user.uid)
    _equal("the group id", seen["gid"], user.gid)
    workdir = specimen.matrix.runtimes[specimen.image.runtime or ""].workdir or "/var/task"
    _equal("the working directory", seen["cwd"], workdir)
    _equal("whether /var/task can be written to", seen["writable"], False)
    _equal("the layer's file in /opt", seen["layer"], "from the layer")


def context_arrives(specimen: Specimen) -> None:
    """What AWS_LAMBDA_FUNCTION_* says is what the handler's context holds."""
    seen = _invoke(specimen, {"do": "describe"}, environment=_CONTEXT).result["context"]
    _equal("the function's name", seen["name"], "smoke-test")
    _equal("the function's version", str(seen["version"]), "7")
    _equal("the memory size", str(seen["memory"]), "512")
    _equal("the invoked ARN", seen["arn"], _CONTEXT["AWS_LAMBDA_FUNCTION_INVOKED_ARN"])
    _equal("a request id of 36 characters", len(seen["request_id"]), 36)
    _expect_value("the remaining time fits the timeout", 0 < seen["remaining_ms"] <= 120_000, seen["remaining_ms"])


def event_by_variable(specimen: Specimen) -> None:
    """The event may come in AWS_LAMBDA_EVENT_BODY."""
    event = {"do": "describe", "from": "variable"}
    outcome = _function(specimen).once([_handler(specimen)], {"AWS_LAMBDA_EVENT_BODY": json.dumps(event)})
    _equal("the event as the handler saw it", _result(outcome)["event"], event)


def event_by_stdin(specimen: Specimen) -> None:
    """The event may come by stdin, and be larger than any argument list."""
    event = {"do": "describe", "from": "stdin", "padding": "x" * 300_000}
    outcome = _function(specimen).once(
        [_handler(specimen)], {"DOCKER_LAMBDA_USE_STDIN": "1"}, stdin=json.dumps(event).encode()
    )
    _equal("the event's length as the handler saw it", len(_result(outcome)["event"]["padding"]), 300_000)


def error_is_told(specimen: Specimen) -> None:
    """A handler's error gives exit status 1, and its type and message as the result."""
    outcome = _function(specimen).once([_handler(specimen), '{"do": "fail"}'])
    _equal("the exit status", outcome.status, 1)
    expect("the result is an object", isinstance(outcome.result, dict), outcome)
    _equal("the error's type", outcome.result.get("errorType"), _main(specimen)[1].error_type)
    _equal("the error's message", outcome.result.get("errorMessage"), "told to fail")


def api_server_answers(specimen: Specimen) -> None:
    """RequestResponse, Event and DryRun over a published port; a second invocation meets the same process."""
    with _function(specimen).server([_handler(specimen)], {}) as server:
        dry = server.invoke({}, "DryRun")
        _equal("the status of a DryRun", (dry.status, dry.body), (204, b""))
        first = server.invoke({"do": "describe", "n": 1}, headers={"X-Amz-Log-Type": "Tail"})
        _equal("the status of a RequestResponse", first.status, 200)
        _expect_value("the log's tail comes with it", "X-Amz-Log-Result" in first.headers, dict(first.headers))
        event = server.invoke({"do": "describe"}, "Event")
        _equal("the status of an Event", (event.status, event.body), (202, b""))
        failed = server.invoke({"do": "fail"})
        _equal("X-Amz-Function-Error of a failure", failed.headers.get("X-Amz-Function-Error"), "Unhandled")
        second = server.invoke({"do": "describe", "n": 2})
    _equal("the process of the second invocation", second.result["process"], first.result["process"])
    _expect_value("it was invoked in between", second.result["count"] > first.result["count"], second.result)


def toolchain_is_there(specimen: Specimen) -> None:
    """A build image is root's and has the tools that its family names, and its extras' programs."""
    tools = specimen.recipe.tools if specimen.recipe else ("gcc", "make")
    tools = (*tools, *programs(specimen.matrix, specimen.image))
    script = "id -u; for tool in {}; do command -v $tool >/dev/null || echo missing: $tool; done".format(
        " ".join(tools)
    )
    outcome = specimen.runner().once(["-c", script], entrypoint="/bin/bash")
    expect("root, and no tool missing", (outcome.status, outcome.stdout) == (0, "0\n"), outcome)


WITHOUT_INVOCATION: frozenset[Check] = frozenset({manifest_is_plain, toolchain_is_there})
"""The checks that need no interpreter that works: what remains for an image that cannot be executed here."""


def checks_for(matrix: Matrix, image: Image, recipe: Recipe | None) -> tuple[Check, ...]:
    """The checks of an image, by what it is, and those that its family declares."""
    if image.runtime is None or recipe is None:
        own = emulator_is_entrypoint if image.variant is Variant.RUN else toolchain_is_there
        return (manifest_is_plain, own)
    declared = [function_check(name, function) for name, function in recipe.functions_for(matrix, image).items()]
    if image.variant is Variant.BUILD:
        commands = [command_check(command) for command in recipe.commands_for(matrix, image)]
        return (manifest_is_plain, toolchain_is_there, *declared, *commands)
    return (
        manifest_is_plain,
        result_is_last_line,
        surroundings_are_declared,
        context_arrives,
        event_by_variable,
        event_by_stdin,
        error_is_told,
        api_server_answers,
        *declared,
    )


def _main(specimen: Specimen) -> tuple[str, Function]:
    assert specimen.recipe
    return specimen.recipe.main_for(specimen.matrix, specimen.image)


def _handler(specimen: Specimen) -> str:
    return _main(specimen)[1].handler


def _function(specimen: Specimen, layer: Path | None = None) -> Runner:
    return specimen.runner(task_of(specimen, *_main(specimen)), layer)


def _invoke(
    specimen: Specimen, event: object, environment: dict[str, str] | None = None, layer: Path | None = None
) -> Ended:
    """Invokes the main function once; its result is sure to be an object."""
    outcome = _function(specimen, layer).once([_handler(specimen), json.dumps(event)], environment)
    _result(outcome)
    return outcome


def _result(outcome: Ended) -> dict[str, Any]:
    expect("the exit status is 0", outcome.status == 0, outcome)
    expect("the last line of stdout is a JSON object", isinstance(outcome.result, dict), outcome)
    result: dict[str, Any] = outcome.result
    return result


def _version(specimen: Specimen, seen: str) -> None:
    """The interpreter's version, or the base's where the runtime has no interpreter."""
    assert specimen.image.runtime
    family = specimen.matrix.families[specimen.image.family or ""]
    if family.source is None and not family.archive:
        _equal("the system's version", seen, specimen.matrix.bases[specimen.image.base].version)
        return
    declared = specimen.matrix.runtimes[specimen.image.runtime].version
    declared = re.sub(r"^[a-z]+|\.al\d+$", "", declared)  # the interpreter's part of core2.1 and of 8.al2
    _expect_value(f"the version is {declared}", seen == declared or seen.startswith(f"{declared}."), seen)


def _equal(what: str, seen: object, wanted: object) -> None:
    if seen != wanted:
        raise CheckFailedError(f"{what}: {wanted!r} was expected, {seen!r} was seen")


def _expect_value(what: str, holds: bool, seen: object) -> None:
    if not holds:
        raise CheckFailedError(f"not so: {what}; {seen!r} was seen")
