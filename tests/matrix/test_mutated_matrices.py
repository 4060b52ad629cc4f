"""Five hundred broken matrices: each loads or gives a clear error, never a traceback."""

from __future__ import annotations

import json
import re
from collections import Counter
from copy import deepcopy
from datetime import date
from typing import Any

import tomli
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from factory.errors import UsageError
from factory.matrix.archives import Archive
from factory.matrix.images import expand
from factory.matrix.loading import MatrixError, parse
from factory.matrix.lock import Lock, wanted_archives
from factory.matrix.runtimes import ArchiveSource, Family, Runtime
from factory.matrix.schema import Signatures
from factory.matrix.tables import Base, Extra
from factory.render.bake import bake_file, target_name
from tests.support import REAL, TOOLCHAINS, bootstrap_keys, contexts, inputs_of, renderer_of, small_text

_SIGNATURES = """
[signatures."upstream.example/lambda"]
key = "upstream.pub"

[signatures."upstream.example/lambda/nodejs"]
identity = "^https://git.example/"
issuer = "https://token.example"
"""
_TEXTS = [REAL.read_text(), TOOLCHAINS.read_text(), small_text() + _SIGNATURES]
_EXAMPLES = 500
_STRANGE = [
    *"{}[]\"'=.,#\\\n\r\t-+:%$\x00\x07\x1b\x7f\u00e9\u2028\ufeff\U0001f40d",
    '"""',
    "'''",
    "[[",
    "{runtime}",
    "{0}",
    "{",
    "9999-99-99",
    "nan",
    "0x",
    "${PATH}",
]
_VALUES: list[Any] = [
    *(0, -1, 1.5, True, "", "x", "{nope}", "{", "a b", "a\nb", "é", [], [1], [""], ["x86_64", "x86_64"], [[]]),
    *(
        "any",
        "gradle",
        "$PATH",
        "/",
        "../x",
        "poetry==1",
        "a" * 64,
        "b" * 128,
        "https://a.b/{version}.zip",
        "zip",
        "java8",
    ),
    *(
        {"any": {"url": "https://a.b/c.zip"}},
        {"al2": "x==1"},
        {"any": {}, "x86_64": {}},
        ["pipx"],
        ["gradle", "gradle"],
    ),
    *({}, {"a": 1}, {"image": 1}, {"archive": {}}, {"archive": {"x86_64": {}}}, date(2020, 1, 1), "2020-01-01", 10**30),
]
_SCALARS = ["1", '""', '"x"', "[]", "{}", "true", "1.5", "2020-01-01", "[1]", '[""]', "{a = 1}", "nan", '"{nope}"']
_KEYS = sorted(
    {key for model in (Base, Family, Extra, Archive, ArchiveSource, Runtime, Signatures) for key in model.model_fields}
)

loaded: Counter[str] = Counter()


def toml(document: dict[str, Any]) -> str:
    """A document as TOML: inline values under top-level keys."""
    return "\n".join(f"{_key(name)} = {_value(value)}" for name, value in document.items()) + "\n"


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else _string(name)


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return _string(value)
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_key(name)} = {_value(inner)}" for name, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_value, value)) + "]"
    return str(value)


def _string(text: str) -> str:
    escaped = "".join(c if c.isprintable() and c not in '"\\' else f"\\U{ord(c):08x}" for c in text)
    return f'"{escaped}"'


@st.composite
def mutated_texts(draw: st.DrawFn) -> str:
    """A whole matrix after one to four accidents with an editor."""
    text = draw(st.sampled_from(_TEXTS))
    for _ in range(draw(st.integers(1, 4))):
        text = draw(st.sampled_from(_ACCIDENTS))(draw, text)
    return text


def _delete_line(draw: st.DrawFn, text: str) -> str:
    lines = text.splitlines(keepends=True) or [""]
    del lines[draw(st.integers(0, len(lines) - 1))]
    return "".join(lines)


def _duplicate_line(draw: st.DrawFn, text: str) -> str:
    lines = text.splitlines(keepends=True) or [""]
    lines.insert(draw(st.integers(0, len(lines))), lines[draw(st.integers(0, len(lines) - 1))])
    return "".join(lines)


def _swap_lines(draw: st.DrawFn, text: str) -> str:
    lines = text.splitlines(keepends=True) or [""]
    one, other = draw(st.integers(0, len(lines) - 1)), draw(st.integers(0, len(lines) - 1))
    lines[one], lines[other] = lines[other], lines[one]
    return "".join(lines)


def _insert(draw: st.DrawFn, text: str) -> str:
    where = draw(st.integers(0, len(text)))
    what = draw(st.one_of(st.sampled_from(_STRANGE), st.characters(exclude_categories=["Cs"])))
    return text[:where] + what + text[where:]


def _delete(draw: st.DrawFn, text: str) -> str:
    where = draw(st.integers(0, len(text)))
    return text[:where] + text[where + draw(st.integers(1, 3)) :]


def _truncate(draw: st.DrawFn, text: str) -> str:
    return text[: draw(st.integers(0, len(text)))]


def _exchange_value(draw: st.DrawFn, text: str) -> str:
    places = list(re.finditer(r"(?<= = )[^\n]+", text))
    if not places:
        return text
    place = draw(st.sampled_from(places))
    return text[: place.start()] + draw(st.sampled_from(_SCALARS)) + text[place.end() :]


def _rename_key(draw: st.DrawFn, text: str) -> str:
    places = list(re.finditer(r"^\[?[A-Za-z_.]+", text, re.MULTILINE))
    if not places:
        return text
    place = draw(st.sampled_from(places))
    return text[: place.end()] + draw(st.sampled_from(["s", "x", ".x", " ", "é"])) + text[place.end() :]


_ACCIDENTS = (
    _delete_line,
    _duplicate_line,
    _swap_lines,
    _insert,
    _delete,
    _truncate,
    _exchange_value,
    _rename_key,
)


@st.composite
def mutated_documents(draw: st.DrawFn) -> str:
    """A whole matrix, read, changed somewhere in its tree, and written again."""
    document = tomli.loads(draw(st.sampled_from(_TEXTS)))
    for _ in range(draw(st.integers(1, 4))):
        _change_somewhere(draw, document)
    return toml(document)


def _change_somewhere(draw: st.DrawFn, document: dict[str, Any]) -> None:
    table = document
    while inner := [value for value in table.values() if isinstance(value, dict)]:
        if draw(st.booleans()):
            break
        table = draw(st.sampled_from(inner))
    if not table:
        return
    key = draw(st.sampled_from(list(table)))
    match draw(st.sampled_from(["drop", "exchange", "add", "rename", "copy"])):
        case "drop":
            del table[key]
        case "exchange":
            table[key] = deepcopy(draw(st.sampled_from(_VALUES)))
        case "add":
            strange = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
            table[draw(st.one_of(strange, st.sampled_from(_KEYS)))] = deepcopy(draw(st.sampled_from(_VALUES)))
        case "rename":
            table[f"{key}x"] = table.pop(key)
        case "copy":
            table[draw(st.sampled_from(["al2", "build-al1", "x", "python"]))] = deepcopy(table[key])


@settings(
    max_examples=_EXAMPLES,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(st.one_of(mutated_texts(), mutated_documents()))
def _every_mutation_loads_or_is_refused(text: str) -> None:
    try:
        matrix = parse(text, bootstraps=bootstrap_keys())
    except MatrixError as error:
        loaded["refused"] += 1
        _assert_clear(error)
    else:
        loaded["loaded"] += 1
        renderer = renderer_of(matrix)
        assert {image.stem for image in expand(matrix)} == renderer.all().keys()
        lock = Lock(archives=dict.fromkeys(wanted_archives(matrix), "0" * 64))
        leading = contexts(matrix, inputs_of(matrix, lock), {"archive.example": "127.0.0.1:1"})
        targets = {image: leading.target(image) for image in expand(matrix)}
        assert json.loads(bake_file(targets, "a/b"))["target"].keys() == {target_name(image.name) for image in targets}


def _assert_clear(error: MatrixError) -> None:
    assert isinstance(error, UsageError)
    assert error.exit_code == 2
    assert error.problems
    for problem in error.problems:
        assert problem.message.strip()
        assert problem.remedy.strip()
        first, remedy = problem.text("matrix.toml").split("\n    ", 1)
        assert re.match(r"matrix\.toml(:\d+)?: \S", first)
        assert remedy.strip()
    count = len(error.problems)
    assert str(error).endswith(f"matrix.toml: {count} error{'s' if count > 1 else ''}, nothing was done")


def test_mutated_matrices_load_or_are_refused() -> None:
    loaded.clear()
    _every_mutation_loads_or_is_refused()
    print(f"{loaded['loaded']} loaded, {loaded['refused']} refused")
    assert loaded["loaded"] + loaded["refused"] >= _EXAMPLES
    assert loaded["loaded"] > 20
    assert loaded["refused"] > 200


def test_the_dumper_writes_what_was_read() -> None:
    for text in _TEXTS:
        assert tomli.loads(toml(tomli.loads(text))) == tomli.loads(text)
