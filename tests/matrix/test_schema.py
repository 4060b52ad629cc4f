"""The JSON Schema that editors use, against the loader: one thing, so they agree."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import pytest
import tomli
from jsonschema import Draft202012Validator

from factory.matrix.loading import MatrixError, parse
from factory.matrix.schema import Matrix
from factory.matrix.words import Table, meanings_of
from tests.support import REAL, SMALL, small_text

_VALIDATOR = Draft202012Validator(Matrix.model_json_schema())


def _as_json(text: str) -> Any:
    """A TOML document as an editor sees it: dates are strings."""

    def plain(value: object) -> str:
        assert isinstance(value, date)
        return value.isoformat()

    return json.loads(json.dumps(tomli.loads(text), default=plain))


def test_the_schema_is_a_schema() -> None:
    Draft202012Validator.check_schema(Matrix.model_json_schema())


@pytest.mark.parametrize("file", [REAL, SMALL], ids=lambda file: file.parent.name)
def test_what_loads_is_valid(file: Any) -> None:
    assert list(_VALIDATOR.iter_errors(_as_json(file.read_text()))) == []


@pytest.mark.parametrize(
    "change",
    [
        ("uid = 496", 'uid = "496"'),
        ("uid = 496", "uid = 0"),
        ("gid = 495", "git = 495"),
        ('package_manager = "microdnf"', 'package_manager = "dnf"'),
        ('architectures = ["x86_64"]', 'architectures = ["x86-64"]'),
        ('architectures = ["x86_64"]', "architectures = []"),
        ('upstream = "upstream.example/lambda/provided:al2"', ""),
        ("groups =", "grups ="),
        ('"which", "jq"', '"which; reboot"'),
        (f'sha256 = "{"6" * 64}"', 'sha256 = "abc"'),
        ("x86_64 = { url =", "amd64 = { url ="),
        ('source = { image = "upstream.example/lambda/nodejs:26-preview" }', "source = {}"),
        (':26-preview"', '"'),
        ("preview = true", 'preview = "soon"'),
        ("[extras.headers]", '[extras."he aders"]'),
        ("[environment.run]", "[environmet.run]"),
        ('repository = "registry.example/factory/lambda"', 'repository = "Not A Repository"'),
        ("[publish]", "[pubish]"),
        ("[publish]", '[signatures."upstream.example/lambda:1"]\nkey = "k.pub"\n\n[publish]'),
        ("[publish]", '[signatures."upstream.example"]\nidentity = "a"\nissuer = "https://b"\n\n[publish]'),
        ("[publish]", '[signatures."upstream.example"]\nkey = 5\n\n[publish]'),
    ],
    ids=lambda change: f"{change[0]} -> {change[1]}"[:60],
)
def test_a_wrong_shape_is_refused_by_both(change: tuple[str, str]) -> None:
    text = small_text(change)
    assert not _VALIDATOR.is_valid(_as_json(text))
    with pytest.raises(MatrixError):
        parse(text)


def test_every_key_is_explained() -> None:
    schema = Matrix.model_json_schema()
    shown = {"Matrix": schema["properties"], **{name: one["properties"] for name, one in _tables(schema).items()}}
    for table in Table.__subclasses__():
        meant = meanings_of(table)
        for key in table.model_fields:
            assert meant.get(key), f"{table.__name__}.{key} has no description"
            assert shown[table.__name__][key]["description"] == meant[key]


def _tables(schema: dict[str, Any]) -> dict[str, Any]:
    return {name: one for name, one in schema["$defs"].items() if "properties" in one}
