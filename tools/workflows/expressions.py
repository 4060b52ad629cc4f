"""GitHub's expressions, as far as our workflows use them; anything else is refused by name, never guessed."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

_EXPRESSION = re.compile(r"\$\{\{((?:(?!\}\}).)*)\}\}", re.DOTALL)
_TOKEN = re.compile(r"\s*(?:(?P<text>'(?:[^']|'')*')|(?P<name>[A-Za-z_][\w.-]*)|(?P<sign>&&|\|\||==|!=|[!()]))")

Functions = Mapping[str, Callable[..., Any]]


class ExpressionError(ValueError):
    """An expression that GitHub might know and we do not."""


def interpolate(value: Any, contexts: Mapping[str, Any], functions: Functions | None = None) -> Any:
    """A value of a workflow with its expressions evaluated; one that is nothing but an expression keeps its type.

    Raises:
        ExpressionError: as `evaluate`.
    """
    if isinstance(value, Mapping):
        return {key: interpolate(each, contexts, functions) for key, each in value.items()}
    if isinstance(value, list):
        return [interpolate(each, contexts, functions) for each in value]
    if not isinstance(value, str):
        return value
    if whole := _EXPRESSION.fullmatch(value.strip()):
        return evaluate(whole[1], contexts, functions)
    return _EXPRESSION.sub(lambda match: text(evaluate(match[1], contexts, functions)), value)


def evaluate(expression: str, contexts: Mapping[str, Any], functions: Functions | None = None) -> Any:
    """The value of what stands between `${{` and `}}`.

    Raises:
        ExpressionError: it has a word, a function or an operator that is not known here.
    """
    parser = _Parser(expression, contexts, {"fromJSON": json.loads, **(functions or {})})
    value = parser.either()
    parser.end()
    return value


def text(value: Any) -> str:
    """A value as GitHub writes it into a string."""
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: ""}[value]
    return value if isinstance(value, str) else json.dumps(value)


class _Parser:
    """Recursive descent, loosest operator first."""

    def __init__(self, expression: str, contexts: Mapping[str, Any], functions: Functions) -> None:
        self.expression, self.contexts, self.functions = expression, contexts, functions
        self.tokens: list[str] = []
        place = 0
        while expression[place:].strip():
            match = _TOKEN.match(expression, place)
            if not match:
                raise ExpressionError(f"{expression.strip()!r}: not known here: {expression[place:].strip()[:20]!r}")
            self.tokens.append(match[0].strip())
            place = match.end()

    def either(self) -> Any:
        value = self.both()
        while self.take("||"):
            other = self.both()
            value = value or other  # what GitHub calls false, Python does too
        return value

    def both(self) -> Any:
        value = self.equal()
        while self.take("&&"):
            other = self.equal()
            value = other if value else value
        return value

    def equal(self) -> Any:
        value = self.single()
        if self.take("=="):
            return text(value).lower() == text(self.single()).lower()
        if self.take("!="):
            return text(value).lower() != text(self.single()).lower()
        return value

    def single(self) -> Any:
        if self.take("!"):
            return not self.single()
        if self.take("("):
            value = self.either()
            self.expect(")")
            return value
        word = self.tokens.pop(0) if self.tokens else ""
        if word.startswith("'"):
            return word[1:-1].replace("''", "'")
        if word in ("true", "false"):
            return word == "true"
        if self.take("("):
            return self.call(word)
        return self.look_up(word)

    def call(self, name: str) -> Any:
        if name not in self.functions:
            raise ExpressionError(f"{self.expression.strip()!r}: the function {name!r} is not known here")
        arguments = [] if self.tokens[:1] == [")"] else [self.either()]
        self.expect(")")
        return self.functions[name](*arguments)

    def look_up(self, path: str) -> Any:
        first, *rest = path.split(".")
        if first not in self.contexts:
            raise ExpressionError(f"{self.expression.strip()!r}: {path!r} is not known here")
        value = self.contexts[first]
        for key in rest:
            value = value.get(key, "") if isinstance(value, Mapping) else ""
        return value

    def take(self, token: str) -> bool:
        if self.tokens[:1] != [token]:
            return False
        del self.tokens[0]
        return True

    def expect(self, token: str) -> None:
        if not self.take(token):
            raise ExpressionError(f"{self.expression.strip()!r}: {token!r} is missing")

    def end(self) -> None:
        if self.tokens:
            raise ExpressionError(f"{self.expression.strip()!r}: {self.tokens[0]!r} is too much")
