"""buildx's `rawjson` progress as steps and lines of output.

buildx prints JSON documents one after the other, some versions (0.13) over several lines and later ones on one, and now
and then plain text between them. Each document may hold vertexes (the steps), logs (what they print) and statuses.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True)
class Event:
    """A step that began, a line that a step printed, or one that buildx itself did."""

    text: str
    kind: Literal["step", "output", "message"]


def events(lines: Iterable[str]) -> Iterator[Event]:
    """The events of a build in the order in which buildx told them."""
    begun: set[str] = set()
    for item in _documents(lines):
        if isinstance(item, str):
            yield Event(item, "message")
            continue
        for vertex in item.get("vertexes") or ():
            if vertex.get("error"):
                yield Event(f"ERROR {vertex['name']}: {vertex['error']}", "message")
            elif vertex.get("started") and vertex["digest"] not in begun:
                begun.add(vertex["digest"])
                yield Event(vertex["name"], "step")
        for entry in item.get("logs") or ():
            text = base64.b64decode(entry.get("data") or "").decode("utf-8", "replace")
            yield from (Event(line.rstrip(), "output") for line in text.splitlines())


def _documents(lines: Iterable[str]) -> Iterator[dict[str, Any] | str]:
    """Whole JSON objects, and as text what belongs to none."""
    begun = ""
    for line in lines:
        if not begun and not line.startswith("{"):
            if line.strip():
                yield line.rstrip()
            continue
        begun += line
        if line.startswith("}") or (line.rstrip().endswith("}") and begun == line):
            document = _parsed(begun)
            if document is not None:
                yield document
                begun = ""
            elif begun == line:
                yield line.rstrip()
                begun = ""
    if begun:
        yield begun.rstrip()


def _parsed(text: str) -> dict[str, Any] | None:
    try:
        document = json.loads(text)
    except ValueError:
        return None
    return document if isinstance(document, dict) else None
