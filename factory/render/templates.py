"""Templates as values: their texts by path, and rendering one of them."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from factory.errors import UsageError

if TYPE_CHECKING:
    from jinja2 import BytecodeCache, Environment

_MARK = re.compile(r"\x01([^\x02]*)\x02")


@dataclass(frozen=True)
class Rendered:
    """A rendered Dockerfile, and by line number, counted from 0, what the step that begins there brings."""

    text: str
    brings: Mapping[int, str]


@dataclass(frozen=True)
class Templates:
    """The texts of a folder of templates, by path in it: `families/python.run.j2`.

    `compiled` is where jinja2 keeps what it compiled, for the next process.
    """

    texts: Mapping[str, str]
    compiled: BytecodeCache | None = None

    def fingerprints(self, *names: str) -> dict[str, str]:
        """Of those of the named templates that there are, 12 hexadecimal digits over the text."""
        found = (name for name in sorted(names) if name in self.texts)
        return {name: hashlib.sha256(self.texts[name].encode()).hexdigest()[:12] for name in found}

    @property
    def shared(self) -> list[str]:
        """The macro files, which every Dockerfile may use."""
        return [name for name in self.texts if "/" not in name and not name.endswith(".Dockerfile.j2")]

    def render(self, name: str, context: Mapping[str, Any]) -> Rendered:
        """A template, rendered with at most one blank line in a row: what macros leave is not the reader's business.

        Raises:
            UsageError: it is missing or broken, or names what there is not.
        """
        from jinja2 import TemplateError, TemplateSyntaxError

        try:
            text = self._jinja.get_template(name).render(context)
        except TemplateSyntaxError as error:
            raise UsageError(f"templates/{error.name or name}:{error.lineno}: {error.message}") from None
        except TemplateError as error:
            raise UsageError(f"templates/{name}: {error}") from None
        return _unmarked(re.sub(r"\n{3,}", "\n\n", text).strip("\n") + "\n")

    @cached_property
    def _jinja(self) -> Environment:
        from jinja2 import DictLoader, Environment, StrictUndefined

        jinja = Environment(
            loader=DictLoader(self.texts),
            undefined=StrictUndefined,
            bytecode_cache=self.compiled,
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=True,
            autoescape=False,
        )
        jinja.filters["quoted"] = _quoted
        jinja.filters["literal"] = lambda value: _quoted(value).replace("$", "\\$")
        jinja.filters["exec_form"] = json.dumps
        jinja.globals["brings"] = lambda what: f"\x01{what}\x02"
        return jinja


def _unmarked(text: str) -> Rendered:
    """Without the marks by which templates say what a step brings."""
    lines = text.split("\n")
    marks = {number: found[1] for number, line in enumerate(lines) if (found := _MARK.match(line))}
    return Rendered("\n".join(_MARK.sub("", line) for line in lines), marks)


def _quoted(value: str) -> str:
    """A value as ENV and LABEL take it: bare where it can be, so that a reader is spared the noise."""
    if re.fullmatch(r"[A-Za-z0-9_./:@%+,$-]+", value):
        return value
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
