"""One thing that is wrong with a document, told so that a person can mend it."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

KeyPath = tuple[str, ...]


@dataclass(frozen=True)
class Problem:
    """What is wrong at a key, and what would be right.

    `path` is the key's path, `line` counts from 1 and is None while it is not known.
    """

    path: KeyPath
    message: str
    remedy: str
    line: int | None = None

    def at(self, line: int | None) -> Problem:
        """The same problem at a line, unless it knows its own."""
        return self if self.line is not None else replace(self, line=line)

    def text(self, file: str) -> str:
        """`file:line: key.path: message`, the remedy indented below."""
        where = f"{file}:{self.line}" if self.line else file
        key = f" {dotted(self.path)}:" if self.path else ""
        return f"{where}:{key} {self.message}\n    {self.remedy}"


def dotted(path: KeyPath) -> str:
    """A key path as TOML writes it: `runtimes."python3.13".base`."""
    return ".".join(part if re.fullmatch(r"[A-Za-z0-9_-]+", part) else f'"{part}"' for part in path)
