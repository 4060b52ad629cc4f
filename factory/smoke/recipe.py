"""What a family's folder in `smoke/` says: the functions to invoke, and the commands to try. See docs/smoke.md."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import replace
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Annotated, Literal, Self

import tomli
from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError, model_validator

from factory.errors import UsageError
from factory.files import read_folder
from factory.matrix.extras import programs
from factory.matrix.images import Image
from factory.matrix.schema import Matrix
from factory.matrix.words import Architecture, Variant


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Applicable(_Table):
    """What applies to some runtimes of the family only."""

    since: Annotated[str, Field(alias="from")] = ""
    """The first version: `"14"`."""
    before: str = ""
    """The first version that it no longer applies to."""
    only: tuple[str, ...] = ()
    """Runtimes, as globs."""
    unless: tuple[str, ...] = ()
    """Runtimes, as globs, that it does not apply to."""

    def applies(self, runtime: str, version: str) -> bool:
        """Whether it applies to a runtime."""
        found = _numbers(version)
        return (
            (not self.since or found >= _numbers(self.since))
            and (not self.before or found < _numbers(self.before))
            and (not self.only or any(fnmatchcase(runtime, name) for name in self.only))
            and not any(fnmatchcase(runtime, name) for name in self.unless)
        )


class Invocation(_Table):
    """One event, and what must come of it."""

    event: JsonValue = Field(default_factory=dict)
    result: JsonValue = None
    error: dict[str, JsonValue] | None = None
    """Instead of a result: what the error object must have, such as `errorType`."""


class Function(Applicable):
    """Something to invoke; its folder has its name unless another is given."""

    handler: str
    folder: str = ""
    main: bool = False
    """It tells what it sees: the checks that every image has are done with it."""
    error_type: str = "Error"
    """The `errorType` of what a main function raises when told to fail."""
    proves: Literal["run", "build"] = "run"
    """Whose test it is part of: the run image's, or that of the build image that compiles it."""
    prepare: str = ""
    """Shell lines, run on this machine with the copy as working directory, before: what fetches dependencies."""
    compile: str = ""
    """Shell lines, run in the build image with a copy of the folder as working directory."""
    portable: bool = False
    """What is compiled on x86_64 serves every architecture."""
    task: str = ""
    """The part of the folder that becomes /var/task once compiled."""
    environment: dict[str, str] = {}
    invocations: tuple[Invocation, ...] = ()

    @model_validator(mode="after")
    def _tests_something(self) -> Self:
        if not self.main and not self.invocations:
            raise ValueError("has no invocations, so it tests nothing; add `invocations = [{ event = …, result = … }]`")
        if self.prepare and not self.compile:
            raise ValueError("prepares what is not compiled; add `compile`")
        if self.proves == "build" and not self.compile:
            raise ValueError("proves a build image that compiles nothing; add `compile`")
        return self


class Command(Applicable):
    """A documented command, tried in the build image with a copy of a folder as /var/task."""

    name: str
    folder: str
    run: str = ""
    """Shell lines. With `dockerfile` there are none: the folder's Dockerfile is built."""
    dockerfile: bool = False
    """The folder's Dockerfile is built, with the build image's name as its argument IMAGE."""
    gives: tuple[str, ...] = ()
    """What must be there afterwards, as globs in the folder."""
    prints: str = ""
    """A regular expression that its output must match."""
    handler: str = ""
    """A handler to invoke in the run image afterwards, with what the command left in the folder."""
    invocations: tuple[Invocation, ...] = ()
    network: bool = False
    """It needs a package index: where there is none, it has failed."""
    skip: str = ""
    """Why it cannot be tried here."""

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if not self.skip and bool(self.run) == self.dockerfile:
            raise ValueError("needs either `run` or `dockerfile = true`")
        if bool(self.handler) != bool(self.invocations):
            raise ValueError("`handler` and `invocations` go together")
        return self


class Recipe(_Table):
    """`smoke/<family>/smoke.toml`; the functions' folders lie beside it."""

    tools: Annotated[tuple[str, ...], Field(min_length=1)]
    """Programs that a build image must have on its PATH."""
    functions: dict[str, Function]
    commands: tuple[Command, ...] = ()

    def functions_for(self, matrix: Matrix, image: Image) -> dict[str, Function]:
        """The functions that an image's own test invokes, the main one apart."""
        return {
            name: function
            for name, function in self.functions.items()
            if not function.main and function.proves == image.variant.value and _applies(function, matrix, image)
        }

    def main_for(self, matrix: Matrix, image: Image) -> tuple[str, Function]:
        """The main function of a run image.

        Raises:
            UsageError: there is none.
        """
        for name, function in self.functions.items():
            if function.main and _applies(function, matrix, image):
                return name, function
        raise UsageError(
            f"smoke/{_folder(matrix, image)}/smoke.toml has no function with `main = true` for {image.name}"
        )

    def commands_for(self, matrix: Matrix, image: Image) -> tuple[Command, ...]:
        """The commands that a build image is tried with."""
        return tuple(command for command in self.commands if _applies(command, matrix, image))


def _applies(part: Applicable, matrix: Matrix, image: Image) -> bool:
    assert image.runtime
    return part.applies(image.runtime, matrix.runtimes[image.runtime].version)


def _numbers(version: str) -> tuple[int, ...]:
    """The numbers that a version starts with: those of `8.al2` are (8,), those of `core2.1` are (2, 1)."""
    found = re.search(r"\d+(\.\d+)*", version)
    return tuple(map(int, found[0].split("."))) if found else ()


def _folder(matrix: Matrix, image: Image) -> str:
    return matrix.families[image.family or ""].smoke


@cache
def recipe(folder: Path) -> Recipe:
    """The recipe of a family's folder.

    Raises:
        UsageError: there is none, or it cannot be.
    """
    file = folder / "smoke.toml"
    try:
        found = Recipe.model_validate(tomli.loads(file.read_text("utf-8")))
    except FileNotFoundError:
        raise UsageError(f"{file} is missing; it says how the images of its family are tested") from None
    except tomli.TOMLDecodeError as error:
        raise UsageError(f"{file}: {error}") from None
    except ValidationError as error:
        raise UsageError("\n".join(f"{file}: {line}" for line in _problems(error))) from None
    for name in _folders(found):
        if not (file.parent / name).is_dir():
            raise UsageError(f"{file}: the folder {name} is missing beside it")
    return found


def _problems(error: ValidationError) -> Iterator[str]:
    for problem in error.errors():
        yield f"{'.'.join(map(str, problem['loc']))}: {problem['msg'].removeprefix('Value error, ')}"


def _folders(found: Recipe) -> Iterator[str]:
    yield from (function.folder or name for name, function in found.functions.items())
    yield from (command.folder for command in found.commands if not command.skip)


def peers(matrix: Matrix, image: Image, root: Path) -> tuple[Image, ...]:
    """The other images that an image's test needs: what it compiles must run, what it runs must be compiled.

    `root` is the folder of the families' folders.

    A build image's products run in its run image; a run image's compiled functions come from its build image, or from
    that of x86_64 when they are portable.
    """
    if image.runtime is None or image.family is None:
        return ()
    found = recipe(root / _folder(matrix, image))
    if image.variant is Variant.BUILD:
        return (_sibling(image, Variant.RUN),)
    functions = [found.main_for(matrix, image)[1], *found.functions_for(matrix, image).values()]
    return tuple(dict.fromkeys(compiler(image, function) for function in functions if function.compile))


def compiler(image: Image, function: Function) -> Image:
    """The build image that compiles a function of an image."""
    build = _sibling(image, Variant.BUILD)
    return replace(build, architecture=Architecture.X86_64) if function.portable else build


def _sibling(image: Image, variant: Variant) -> Image:
    return replace(image, variant=variant)


@cache
def fingerprint(folder: Path | None) -> str:
    """sha256 over a family's folder and the checks' own code: when it changes, tested images are tested again.

    A base's own images have no family: there it is the code alone.
    """
    code = read_folder(Path(__file__).parent, lambda file: file.suffix == ".py").key()
    return read_folder(folder).key(code) if folder else code


def tests_key(matrix: Matrix, image: Image, not_executed: str | None, root: Path) -> str:
    """The fingerprint of what an image is tested with, which is less where it is not executed.

    `root` is the folder of the families' folders.
    """
    parts = [fingerprint(root / _folder(matrix, image) if image.family else None)]
    if image.variant is Variant.BUILD:
        parts += programs(matrix, image)
    if not_executed is not None:
        parts.append(not_executed)
    return hashlib.sha256(" ".join(parts).encode()).hexdigest() if parts[1:] else parts[0]
