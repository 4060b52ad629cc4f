"""A new runtime's table in matrix.toml: `factory new NAME --like OTHER`, an edit that leaves other text as it is."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from factory.errors import UsageError, did_you_mean
from factory.matrix.loading import parse, toml
from factory.matrix.positions import positions
from factory.matrix.problems import dotted
from factory.matrix.runtimes import ArchiveSource, ImageSource
from factory.matrix.schema import Matrix
from factory.registry.references import split_reference

_NAME = re.compile(r"[a-z][a-z0-9]*([._-][a-z0-9]+)*")
_OWN = ("version", "lifecycle", "source")
"""What a new runtime does not take over from the one it is like: these set the two apart."""


@dataclass(frozen=True)
class Addition:
    """A runtime's new table, the line that it begins on, and the matrix's text with it."""

    table: str
    line: int
    text: str


def add(
    text: str, file: str, name: str, like: str, preview_tag: bool, bootstraps: Collection[str] | None = None
) -> Addition:
    """The text of a matrix with the table of a new runtime below that of the one it is like, if the result loads.

    With `preview_tag` its source is upstream's tag `<version>-preview`. `file` names the matrix in messages.

    Raises:
        UsageError: the runtime exists or cannot be called so, or there is none to be like.
        MatrixError: the matrix cannot be, without the new table or with it.
    """
    matrix = parse(text, file, bootstraps)
    _check_names(file, text, name, like, matrix)
    taken_over: Mapping[str, Any] = toml(text, file)["runtimes"][like]
    table = _table(name, taken_over, _version(name, like, matrix), _source(name, like, matrix, preview_tag))
    new, line = _inserted(text, table, like)
    parse(new, file, bootstraps)
    return Addition(table, line, new)


def _check_names(file: str, text: str, name: str, like: str, matrix: Matrix) -> None:
    if like not in matrix.runtimes:
        raise UsageError(f"{file}: there is no runtime {like!r} to be like; {did_you_mean(like, matrix.runtimes)}")
    where = positions(text)
    if name in matrix.runtimes:
        line = where[("runtimes", name)]
        raise UsageError(f"{file}:{line}: the runtime {name!r} exists already; edit its table there")
    if not _NAME.fullmatch(name):
        wish = f"did you mean {name.lower()!r}?" if _NAME.fullmatch(name.lower()) else "such as 'python3.16'"
        raise UsageError(f"{name!r} cannot be a runtime's name: lower case, digits, single separators; {wish}")
    if not _line(text, where[("runtimes", like)]).lstrip().startswith("["):
        raise UsageError(
            f"{file}:{where[('runtimes', like)]}: {like!r} has no table of its own, so there is no place below it; "
            f"write it as [{dotted(('runtimes', like))}]"
        )


def _version(name: str, like: str, matrix: Matrix) -> str:
    """What stands in the new name where the other has its version."""
    before, version, after = like.partition(matrix.runtimes[like].version)
    if not version:
        raise UsageError(
            f"the version {matrix.runtimes[like].version!r} of {like!r} is not in its name, "
            f"so that of {name!r} cannot be told; name another one with --like"
        )
    found = name.removeprefix(before).removesuffix(after)
    shape = r"\d+(\.\d+)*" if re.fullmatch(r"[\d.]+", version) else r".+"
    if before + found + after != name or not re.fullmatch(shape, found):
        raise UsageError(
            f"{name!r} is not made as {like!r} is, {before}VERSION{after}; "
            f"name one with --like that is: {did_you_mean(name, matrix.runtimes)}"
        )
    return found


def _source(name: str, like: str, matrix: Matrix, preview_tag: bool) -> str | None:
    """The image that the table must name; None where the family says enough."""
    other = matrix.runtimes[like]
    repository = matrix.families[other.family].source
    version = _version(name, like, matrix)
    if isinstance(other.source, ArchiveSource) and repository is None:
        raise UsageError(f"{like!r} comes from an archive, which is no other version's; write the table by hand")
    if isinstance(other.source, ImageSource) and repository is None:
        host, path, _ = split_reference(other.source.image)
        return f"{host}/{path}:{version}{'-preview' if preview_tag else ''}"
    if preview_tag and repository is None:
        raise UsageError(f"the family {other.family!r} has no official images, so none is a preview; leave that out")
    return f"{repository}:{version}-preview" if preview_tag else None


def _table(name: str, like: Mapping[str, Any], version: str, source: str | None) -> str:
    keys: dict[str, Any] = {key: value for key, value in like.items() if key in ("base", "family")}
    keys |= {"version": version, "lifecycle": {"preview": True}}
    keys |= {"source": {"image": source}} if source else {}
    keys |= {key: value for key, value in like.items() if key not in (*keys, *_OWN)}
    lines = [f"[{dotted(('runtimes', name))}]", *(f"{dotted((key,))} = {_value(value)}" for key, value in keys.items())]
    return "\n".join(lines)


def _value(value: object) -> str:
    """A value as TOML, on one line."""
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{dotted((key,))} = {_value(inner)}" for key, inner in value.items()) + " }"
    if isinstance(value, list):
        return f"[{', '.join(map(_value, value))}]"
    return json.dumps(value, ensure_ascii=False)


def _inserted(text: str, table: str, like: str) -> tuple[str, int]:
    """The text with a table below that of a runtime, and the table's line."""
    lines = text.split("\n")
    end = _end_of(like, text, lines)
    carriage = "\r" if lines[0].endswith("\r") else ""
    after = [] if end < len(lines) and not lines[end].strip() else [""]
    lines[end:end] = [line + carriage for line in ("", *table.split("\n"), *after)]
    return "\n".join(lines), end + 2


def _end_of(like: str, text: str, lines: list[str]) -> int:
    """The index of the first line below a runtime's table; comments above what follows belong to that."""
    where = positions(text)
    head = where[("runtimes", like)]
    stop = (
        min((line for path, line in where.items() if line > head and path[1:2] != (like,)), default=len(lines) + 1) - 1
    )
    end = stop
    while _is_comment(lines[end - 1]) or not lines[end - 1].strip():
        end -= 1
    below = end
    while below < stop and _is_comment(lines[below]):
        below += 1
    return below if below < stop or stop == len(lines) else end


def _is_comment(line: str) -> bool:
    return line.lstrip().startswith("#")


def _line(text: str, number: int) -> str:
    return text.split("\n")[number - 1]
