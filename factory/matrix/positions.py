"""Where each key of a TOML document stands, for messages with a line number.

tomli reads values but keeps no positions. This scanner finds the lines of table headers and keys in a document that
tomli has already accepted, so it need not judge TOML, only recognise where a statement starts.
"""

from __future__ import annotations

import re

Path = tuple[str, ...]
Positions = dict[Path, int]

_KEY_PART = re.compile(r"""\s*(?:"((?:[^"\\]|\\.)*)"|'([^']*)'|([A-Za-z0-9_-]+))\s*""")
_STRING = re.compile(r'"""(?:[^\\]|\\.)*?"""|\'\'\'.*?\'\'\'|"(?:[^"\\\n]|\\.)*"|\'[^\'\n]*\'', re.DOTALL)


def positions(text: str) -> Positions:
    """Line numbers, counted from 1, of every table header and key, inline tables' keys included."""
    found: Positions = {}
    table: Path = ()
    offset = 0
    while offset < len(text):
        end = _statement_end(text, offset)
        statement = text[offset:end]
        stripped = statement.lstrip()
        if stripped and not stripped.startswith("#"):
            line = _line(text, offset + len(statement) - len(stripped))
            table = _note(stripped, line, table, found)
        offset = end + 1
    return found


def line_of(where: Path, found: Positions) -> int | None:
    """The line of a key path, or of the nearest part of it that stands in the document."""
    for length in range(len(where), 0, -1):
        if where[:length] in found:
            return found[where[:length]]
    return None


def _note(statement: str, line: int, table: Path, found: Positions) -> Path:
    """Records one statement; returns the table that the next statement belongs to."""
    if statement.startswith("["):
        path, _ = _key(statement, 2 if statement.startswith("[[") else 1)
        _record((), path, line, found)
        return path
    path, end = _key(statement, 0)
    _record(table, path, line, found)
    value = statement[end + 1 :]
    if value.lstrip().startswith("{"):
        _note_inline(value, line, table + path, found)
    return table


def _record(table: Path, path: Path, line: int, found: Positions) -> None:
    for length in range(1, len(path) + 1):
        found.setdefault(table + path[:length], line)


def _note_inline(value: str, line: int, table: Path, found: Positions) -> None:
    """Records the keys of an inline table, which may hold further ones."""
    start = value.index("{") + 1
    for offset, part in _split(value, start):
        path, end = _key(part, 0)
        if not path:
            continue
        here = line + value.count("\n", 0, offset + len(part) - len(part.lstrip()))
        _record(table, path, here, found)
        rest = part[end + 1 :]
        if rest.lstrip().startswith("{"):
            _note_inline(rest, here, table + path, found)


def _split(value: str, start: int) -> list[tuple[int, str]]:
    """The comma-separated parts of an inline table, each with its offset."""
    parts, depth, begin, offset = [], 0, start, start
    while offset < len(value):
        skip = _skip(value, offset)
        if skip > offset:
            offset = skip
            continue
        char = value[offset]
        if char in ",}" and depth == 0:
            parts.append((begin, value[begin:offset]))
            begin = offset + 1
            if char == "}":
                break
        depth += (char in "{[") - (char in "}]")
        offset += 1
    return parts


def _key(text: str, start: int) -> tuple[Path, int]:
    """A dotted key and the offset of what follows it."""
    parts: list[str] = []
    offset = start
    while match := _KEY_PART.match(text, offset):
        double, single, bare = match.groups()
        parts.append(double if double is not None else single if single is not None else bare)
        offset = match.end()
        if offset >= len(text) or text[offset] != ".":
            break
        offset += 1
    return tuple(parts), offset


def _statement_end(text: str, offset: int) -> int:
    """The offset of the newline that ends the statement, past strings, comments and open brackets."""
    header = text[offset:].lstrip(" \t").startswith("[")
    depth = 0
    while offset < len(text):
        skip = _skip(text, offset)
        if skip > offset:
            offset = skip
            continue
        char = text[offset]
        if char == "\n" and (depth <= 0 or header):
            return offset
        depth += (char in "{[") - (char in "}]")
        offset += 1
    return offset


def _skip(text: str, offset: int) -> int:
    """Past a string or a comment that starts here; `offset` itself when none does."""
    if text[offset] == "#":
        end = text.find("\n", offset)
        return len(text) if end < 0 else end
    if text[offset] in "\"'":
        match = _STRING.match(text, offset)
        return match.end() if match else offset
    return offset


def _line(text: str, offset: int) -> int:
    return text.count("\n", 0, offset) + 1
