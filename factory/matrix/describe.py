"""Which model describes the table at a key path, read off the models' own annotations."""

from __future__ import annotations

import types
from typing import Annotated, Any, Union, get_args, get_origin

from factory.matrix.problems import KeyPath
from factory.matrix.schema import Matrix
from factory.matrix.words import Table


def model_at(path: KeyPath) -> type[Table] | None:
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
