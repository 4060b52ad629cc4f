"""buildx's progress as steps and lines."""

from __future__ import annotations

import base64
import json
from typing import Any

from factory.build.progress import Event, events


def _log(text: str) -> dict[str, Any]:
    return {"logs": [{"vertex": "v", "data": base64.b64encode(text.encode()).decode()}]}


def _lines(*documents: dict[str, Any] | str, indent: int | None = None) -> list[str]:
    texts = [entry if isinstance(entry, str) else json.dumps(entry, indent=indent) for entry in documents]
    return "".join(f"{text}\n" for text in texts).splitlines(keepends=True)


def _begun(digest: str, name: str, **more: str) -> dict[str, Any]:
    return {"vertexes": [{"digest": digest, "name": name, "started": "now", **more}]}


STREAM: tuple[dict[str, Any] | str, ...] = (
    {"vertexes": [{"digest": "1", "name": "waits"}]},
    _begun("1", "[1/2] FROM base"),
    "WARNING: something else\n",
    _begun("1", "[1/2] FROM base", completed="now"),
    _log("one\ntwo \r\n"),
    _begun("2", "[2/2] RUN false", completed="now", error="exit code: 1"),
)
EXPECTED = [
    Event("[1/2] FROM base", "step"),
    Event("WARNING: something else", "message"),
    Event("one", "output"),
    Event("two", "output"),
    Event("ERROR [2/2] RUN false: exit code: 1", "message"),
]


def test_a_document_a_line() -> None:
    assert list(events(_lines(*STREAM))) == EXPECTED


def test_a_document_over_several_lines() -> None:
    assert list(events(_lines(*STREAM, indent=2))) == EXPECTED


def test_output_that_is_no_text() -> None:
    data = base64.b64encode(b"\xff\xfe").decode()
    assert list(events(_lines({"logs": [{"data": data}]}))) == [Event("\ufffd\ufffd", "output")]


def test_a_stream_that_breaks_off_loses_nothing() -> None:
    assert list(events(['{"vertexes": [\n', '  {"digest"\n'])) == [Event('{"vertexes": [\n  {"digest"', "message")]


def test_nothing_at_all() -> None:
    assert list(events([])) == []
    assert list(events(["\n", "{}\n"])) == []


def test_braces_in_plain_text_swallow_nothing() -> None:
    assert list(events(["{not json}\n", *_lines(_log("one"))])) == [
        Event("{not json}", "message"),
        Event("one", "output"),
    ]
