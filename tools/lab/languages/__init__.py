"""The languages, each a module and a TOML file of its name. What is here is found: nothing else names them."""

from __future__ import annotations

import inspect
from functools import cache
from importlib import import_module
from pathlib import Path

from tools.lab.language import Language, Runtime


@cache
def languages() -> tuple[Language, ...]:
    """Every language, by name."""
    return tuple(_language(file.stem) for file in sorted(Path(__file__).parent.glob("*.toml")))


def runtimes() -> list[Runtime]:
    """Every runtime of every language."""
    return [runtime for language in languages() for runtime in language.runtimes]


def _language(name: str) -> Language:
    module = import_module(f"tools.lab.languages.{name}")
    (found,) = (
        member
        for _, member in inspect.getmembers(module, inspect.isclass)
        if issubclass(member, Language) and member.__module__ == module.__name__
    )
    made: Language = found(name)
    return made
