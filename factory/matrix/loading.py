"""From the text of `matrix.toml` to a `Matrix`, or to all its errors at once."""

from __future__ import annotations

import re
import types
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Annotated, Any, Union, get_args, get_origin

import tomli
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from factory.errors import UsageError, did_you_mean, nearest
from factory.matrix.positions import line_of, positions
from factory.matrix.problems import KeyPath, Problem
from factory.matrix.rules import inconsistencies
from factory.matrix.schema import SECTIONS, Matrix
from factory.matrix.words import Table, meanings_of

Raw = Mapping[str, Any]

_SOURCE = 'write { image = "registry/name:tag" } or { archive = { x86_64 = { url = …, sha256 = … } } }'


class MatrixError(UsageError):
    """A matrix that cannot be, with every reason. `problems` is sorted by line."""

    def __init__(self, file: str, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(problems, key=lambda problem: (problem.line or 0, problem.path)))
        count = len(self.problems)
        lines = [problem.text(file) for problem in self.problems]
        lines.append(f"{file}: {count} error{'s' if count != 1 else ''}, nothing was done")
        super().__init__("\n".join(lines))


def parse(text: str, file: str = "matrix.toml", bootstraps: Collection[str] | None = None) -> Matrix:
    """Checks the text of a matrix; `file` names it in messages, `bootstraps` are those that there are, where known.

    Raises:
        MatrixError: with all that is wrong.
    """
    raw = toml(text, file)
    matrix, problems = _validate(raw)
    problems += inconsistencies(matrix, raw, bootstraps)
    if problems:
        raise refusal(text, file, problems)
    return matrix


def decode(content: bytes, file: str) -> str:
    """The text of a file that people write.

    Raises:
        MatrixError: it is not UTF-8.
    """
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise MatrixError(file, [Problem((), "is not UTF-8 text", "save it as UTF-8", line)]) from None


def refusal(text: str, file: str, problems: Iterable[Problem]) -> MatrixError:
    """What is wrong with a document, each problem with its line."""
    found = positions(text)
    return MatrixError(file, [problem.at(line_of(problem.path, found)) for problem in problems])


def toml(text: str, file: str) -> Raw:
    """A TOML document; `file` names it in messages.

    Raises:
        MatrixError: it is none.
    """
    try:
        return tomli.loads(text)
    except tomli.TOMLDecodeError as error:
        match = re.search(r"line (\d+)", str(error))
        line = int(match[1]) if match else text.count("\n") + 1
        reason = re.sub(r" \(at .*\)$", "", str(error))
        problem = Problem((), f"is not TOML: {reason}", "see https://toml.io for the syntax", line)
        raise MatrixError(file, [problem]) from None
    except ValueError as error:  # an integer of thousands of digits, which Python will not convert
        raise MatrixError(file, [Problem((), f"is not TOML: {error}", "shorten that number")]) from None
    except RecursionError:
        raise MatrixError(file, [Problem((), "is not a matrix: it nests too deeply", "flatten it", 1)]) from None


def _validate(raw: Raw) -> tuple[Matrix, list[Problem]]:
    """The matrix, or what is left of it without its broken tables, and what is wrong with those."""
    try:
        return Matrix.model_validate(raw), []
    except ValidationError as error:
        problems = [_problem(detail, raw) for detail in _causes(error.errors(include_url=False))]
        return _remainder(raw), problems


def _causes(details: list[ErrorDetails]) -> Iterator[ErrorDetails]:
    """Without the lists that count as too short only because of what is wrong with their items."""
    for detail in details:
        location = detail["loc"]
        below = (other for other in details if len(other["loc"]) > len(location))
        if detail["type"] != "too_short" or not any(other["loc"][: len(location)] == location for other in below):
            yield detail


def _remainder(raw: Raw) -> Matrix:
    """Every named table that is sound on its own: enough to check what spans tables."""
    sections: dict[str, Any] = {section: dict(_sound_tables(section, raw.get(section))) for section in SECTIONS}
    return Matrix.model_construct(**sections)


def _sound_tables(section: str, tables: object) -> Iterator[tuple[str, Table]]:
    model = _model_at((section, "*"))
    if model is None or not isinstance(tables, Mapping):
        return
    for name, table in tables.items():
        with suppress(ValidationError):
            yield name, model.model_validate(table)


def _problem(detail: ErrorDetails, raw: Raw) -> Problem:
    context = detail.get("ctx", {})
    path = _key_path(detail["loc"], raw) + tuple(context.get("at", ()))
    kind, value = detail["type"], detail["input"]
    if kind == "missing":
        return Problem(path, "is missing", f"add `{path[-1]} = …`: {_meaning(path)}")
    if kind == "extra_forbidden" and path[-2:-1] == ("source",):
        return Problem(path, "does not go with the other key of this source", _SOURCE)
    if kind == "extra_forbidden":
        return Problem(path, "is no key of the matrix", did_you_mean(path[-1], _siblings(path)))
    if kind == "enum":
        known = [word.strip(" '") for word in re.split(r", | or ", context["expected"])]
        close = nearest(str(value), known)
        wish = f"did you mean '{close[0]}'?" if close else f"known: {', '.join(known)}"
        return Problem(path, f"{_shown(value)} is not one of {context['expected']}", wish)
    if kind == "string_pattern_mismatch":
        return Problem(path, f"{_shown(value)} has not the form of this key", _meaning(path))
    if kind == "source":
        return Problem(path, detail["msg"], _SOURCE)
    if kind.endswith("_type"):
        return Problem(path, f"{_shown(value)} is of the wrong type", f"{detail['msg'].lower()} ({_meaning(path)})")
    return Problem(path, detail["msg"], context.get("remedy") or _meaning(path))


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}…"


def _key_path(location: tuple[int | str, ...], raw: object) -> KeyPath:
    """pydantic's location as keys of the document: without the union tags and markers that it adds."""
    path: list[str] = []
    for index, part in enumerate(location):
        last = index == len(location) - 1
        if index and location[index - 1] == "source" and not last:
            continue  # the union's tag, which is also the name of a key
        if isinstance(raw, Mapping):
            if part in raw:
                path.append(str(part))
                raw = raw[part]
            elif last and part != "[key]":
                path.append(str(part))
        elif isinstance(raw, list) and isinstance(part, int) and part < len(raw):
            path.append(str(part))
            raw = raw[part]
    return tuple(path)


def _siblings(path: KeyPath) -> list[str]:
    model = _model_at(path[:-1])
    return list(model.model_fields) if model else []


def _meaning(path: KeyPath) -> str:
    """What the key is for, from the model's own documentation."""
    model = _model_at(path[:-1])
    meaning = meanings_of(model).get(path[-1], "") if model and path else ""
    return meaning.replace("\n", " ") or "`factory schema` shows what may stand here"


def _model_at(path: KeyPath) -> type[Table] | None:
    """The model of the table at `path`, or None where a plain value or nothing stands."""
    options: list[Any] = [Matrix]
    for part in path:
        options = [inner for option in options for inner in _inside(option, part)]
    return next((option for option in options if _is_table(option)), None)


def _inside(annotation: Any, key: str) -> list[Any]:
    """The annotations that may stand under a key of a value so annotated."""
    if _is_table(annotation):
        field = annotation.model_fields.get(key)
        return _unwrap(field.annotation) if field else []
    if get_origin(annotation) is dict:
        return _unwrap(get_args(annotation)[1])
    return []


def _unwrap(annotation: Any) -> list[Any]:
    """The members of a union, without Annotated."""
    if get_origin(annotation) is Annotated:
        return _unwrap(get_args(annotation)[0])
    if get_origin(annotation) in (Union, types.UnionType):
        return [inner for member in get_args(annotation) for inner in _unwrap(member)]
    return [annotation]


def _is_table(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, Table)
