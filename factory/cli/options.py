"""From the declarations in `factory.app.options` to click's options, and back to values."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import Field, fields
from typing import Any, TypeVar

import click

from factory.app.app import App
from factory.app.options import Declared, Everywhere
from factory.errors import UsageError

T = TypeVar("T")


class Reading(click.ParamType[Any]):
    """A type that reads words as an option declares it."""

    name = "value"

    def __init__(self, declared: Declared) -> None:
        self._declared = declared

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The value of a word; several where commas may stand between."""
        if not isinstance(value, str):
            return value
        words = value.split(",") if self._declared.commas else [value]
        try:
            read = [self._declared.read(word) for word in words]
        except UsageError as error:
            self.fail(str(error), param, ctx)
        return read if self._declared.many else read[0]


class Given:
    """What the user gave, by group of options; a group that a command does not take is as if nothing was given."""

    def __init__(self, groups: Sequence[Any]) -> None:
        self._groups = {type(group): group for group in groups}

    def __getitem__(self, group: type[T]) -> T:
        found: T = self._groups.get(group) or group()
        return found


def takes(*groups: type, choices: Sequence[str] = ()) -> Callable[[Callable[..., int]], Callable[..., int]]:
    """Gives a command the options of these groups, and those of every command.

    It is called with an `App`, with what is `Given`, and with its arguments. `choices` are further ones of `--format`.
    """

    def decorate(function: Callable[..., int]) -> Callable[..., int]:
        def call(**given: Any) -> int:
            made = Given([_made(group, given) for group in groups])
            return function(App(_made(Everywhere, given), click.get_current_context().obj), made, **given)

        known = [(each, choices if each.name == "format" else ()) for group in groups for each in fields(group)]
        known += [(each, ()) for each in fields(Everywhere)]
        call.__click_params__ = [_option(each, more) for each, more in known]  # type: ignore[attr-defined]
        return call

    return decorate


def _option(each: Field[Any], more: Sequence[str]) -> click.Option:
    declared: Declared = each.metadata["option"]
    names = [f"--{_dashed(each.name)}", *([declared.short] if declared.short else [])]
    shared: dict[str, Any] = {"help": declared.help or None, "default": None}
    if isinstance(each.default, bool):
        return click.Option(names, is_flag=True, envvar=_variable(each, declared), **shared | {"default": False})
    if declared.choices:
        kind: click.ParamType[Any] = click.Choice([*declared.choices, *more])
        return click.Option(names, type=kind, envvar=_variable(each, declared), **shared | {"default": each.default})
    shared |= {"type": Reading(declared), "metavar": declared.metavar, "multiple": declared.many}
    if not declared.many:  # the words of many are added to those of the environment: see `_made`
        shared["envvar"] = _variable(each, declared)
    return click.Option(names, **shared)


def _made(group: type[T], given: dict[str, Any]) -> T:
    """An instance of a group, whose values are taken out of what click gives."""
    values = {}
    for each in fields(group):  # type: ignore[arg-type]
        declared, value = each.metadata["option"], given.pop(each.name)
        if declared.many:
            value = (*_from_environment(each, declared), *(one for words in value or () for one in words))
        values[each.name] = each.default if value is None else value
    return group(**values)


def _from_environment(each: Field[Any], declared: Declared) -> list[Any]:
    """What the environment has of an option that may be repeated: words, with spaces between, or commas."""
    text = os.environ.get(f"FACTORY_{each.name.upper()}", "")
    if declared.commas:
        text = text.replace(",", " ")
    return [declared.read(word) for word in text.split()]


def _variable(each: Field[Any], declared: Declared) -> str | None:
    return f"FACTORY_{each.name.upper()}" if declared.variable else None


def _dashed(name: str) -> str:
    return name.replace("_", "-")


def selectors(function: Callable[..., int]) -> Callable[..., int]:
    """Gives a command the names of images."""
    return click.argument("selectors", nargs=-1, metavar="[IMAGE]...")(function)
