"""What a family's folder in `smoke/` says: which handler to call, how to compile something native."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from typing import Annotated

import tomli
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from factory.errors import UsageError
from factory.images import Image
from factory.matrix import Matrix

FOLDER = Path(__file__).parent.parent.parent / "smoke"


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Native(_Table):
    """Something to compile in the build image and to run in the run image."""

    build: str
    """Shell line, run in the build image with the `native` folder as its working directory."""
    handler: str
    """The handler to invoke afterwards; its result must be {"answer": 42}."""


class Recipe(_Table):
    """`smoke/<family>/smoke.toml`; the functions lie beside it in `function/` and `native/`."""

    handler: str
    """The handler in `function/`."""
    error_type: str
    """The `errorType` of what it raises when told to fail."""
    native: Native
    tools: Annotated[tuple[str, ...], Field(min_length=1)]
    """Programs that a build image must have on its PATH."""


@cache
def recipe(family: str, root: Path = FOLDER) -> Recipe:
    """The recipe of a family's folder.

    Raises:
        UsageError: there is none, or it cannot be.
    """
    file = root / family / "smoke.toml"
    try:
        return Recipe.model_validate(tomli.loads(file.read_text("utf-8")))
    except FileNotFoundError:
        raise UsageError(f"{file} is missing; it says how the images of its family are tested") from None
    except (tomli.TOMLDecodeError, ValidationError) as error:
        raise UsageError(f"{file}: {error}") from None


@cache
def fingerprint(family: str | None, root: Path = FOLDER) -> str:
    """sha256 over a family's folder and the checks' own code: when it changes, tested images are tested again.

    A base's own images have no family: there it is the code alone.
    """
    key = hashlib.sha256()
    folders = [(Path(__file__).parent, "*.py")] + ([(root / family, "**/*")] if family else [])
    for top, pattern in folders:
        for file in sorted(path for path in top.glob(pattern) if path.is_file() and "__pycache__" not in path.parts):
            key.update(f"{file.relative_to(top)}\n".encode())
            key.update(file.read_bytes())
    return key.hexdigest()


def tests_key(matrix: Matrix, image: Image, not_executed: str | None) -> str:
    """The fingerprint of what an image is tested with, which is less where it is not executed."""
    key = fingerprint(matrix.families[image.family].smoke if image.family else None)
    return key if not_executed is None else hashlib.sha256(f"{key} {not_executed}".encode()).hexdigest()
