"""Scheduled rebuilds: what the registry has decides, on whatever machine the schedule runs."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

from factory.registry.client import Registry
from factory.registry.manifests import Manifest
from factory.registry.references import Repository
from tests.lab.conftest import LAB, Factory

_BASES = ("al2023-x86_64", "build-al2023-x86_64")
_RUNTIME = ("python3.13-x86_64", "build-python3.13-x86_64")
_UPSTREAM = Repository(LAB, "lambda/python")


def test_only_what_an_upstream_moved_is_built_tested_and_pushed(factory: Factory, tmp_path: Path) -> None:
    factory("release", *_BASES, *_RUNTIME)
    before = _tags(factory)

    elsewhere = _another_machine(factory, tmp_path / "elsewhere")
    assert set(_plan(elsewhere).values()) == {("skip", "nothing changed")}

    moved = replace(elsewhere, lock=_moved_lock(factory.lock, tmp_path / "moved.lock"))
    todo = {name: reason for name, (action, reason) in _plan(moved).items() if action != "skip"}
    assert todo.keys() == set(_RUNTIME)
    assert all("public.ecr.aws/lambda/python:3.13 moved from " in reason for reason in todo.values())

    moved("release", "--stale", *_BASES, *_RUNTIME)
    after = _tags(factory)
    changed = {tag for tag in before if after[tag] != before[tag]}
    assert changed == {*_RUNTIME, "python3.13", "build-python3.13"}
    assert {record["name"] for record in moved.records() if record["pushed"]} == set(_RUNTIME)

    third = replace(_another_machine(factory, tmp_path / "third"), lock=moved.lock)
    assert set(_plan(third).values()) == {("skip", "nothing changed")}
    third("release", "--stale", *_BASES, *_RUNTIME)
    assert third.records() == [], "nothing was built, and nothing had to be taken from the registry"
    assert _tags(factory) == after


def test_held_images_move_no_tag_until_all_are_promoted(factory: Factory, tmp_path: Path) -> None:
    factory("release", "--hold", _RUNTIME[0])
    assert not {_RUNTIME[0], "python3.13"} & _tags(factory).keys()
    elsewhere = _another_machine(factory, tmp_path / "elsewhere")
    refused = elsewhere("promote", *_RUNTIME, status=1)
    assert f"has no {_RUNTIME[1]}" in refused.stderr
    assert not {_RUNTIME[0], "python3.13"} & _tags(factory).keys()
    elsewhere("promote", _RUNTIME[0])
    assert {_RUNTIME[0], "python3.13"} <= _tags(factory).keys()
    listed = json.loads(elsewhere("plan", "--stale", _RUNTIME[0], "--format", "json").stdout)
    assert [item["action"] for item in listed if item["name"] == _RUNTIME[0]] == ["skip"]


def test_two_published_images_are_compared(factory: Factory, tmp_path: Path) -> None:
    factory("release", _RUNTIME[0])
    old = next(tag for tag in _tags(factory) if tag.endswith(f"-{_RUNTIME[0]}") and tag != _RUNTIME[0])
    before = f"{_RUNTIME[0]}@{old.partition('-')[0]}"
    assert factory("diff", before, _RUNTIME[0]).stdout == "nothing differs\n"
    matrix = tmp_path / "changed.toml"
    text = factory.matrix.read_text()
    assert 'TZ = ":UTC"' in text
    matrix.write_text(text.replace('TZ = ":UTC"', 'TZ = ":Europe/Berlin"'))
    replace(factory, matrix=matrix)("release", _RUNTIME[0])
    told = factory("diff", before, _RUNTIME[0]).stdout
    assert re.search(r"environment\s+TZ\s+:UTC\s+:Europe/Berlin", told)
    assert "packages" not in told


def _plan(factory: Factory) -> dict[str, tuple[str, str]]:
    listed = json.loads(factory("plan", "--stale", *_BASES, *_RUNTIME, "--format", "json").stdout)
    return {item["name"]: (item["action"], item["reason"]) for item in listed}


def _another_machine(factory: Factory, folder: Path) -> Factory:
    """The same project with no records; the engine is shared, which only spares time."""
    folder.mkdir()
    return replace(factory, folder=folder)


def _tags(factory: Factory) -> dict[str, str]:
    registry = Registry()
    found = {tag: registry.manifest(factory.repository, tag) for tag in registry.tags(factory.repository)}
    return {tag: manifest.digest for tag, manifest in found.items() if manifest and not tag.startswith("sha256-")}


def _moved_lock(lock: Path, moved: Path) -> Path:
    """A lock in which one upstream is another image: the same layers with one label more, known by digest alone."""
    registry = Registry()
    index = registry.manifest(_UPSTREAM, "3.13")
    assert index
    entry = next(each for each in index.json()["manifests"] if each["platform"]["architecture"] == "amd64")
    old = registry.manifest(_UPSTREAM, entry["digest"])
    assert old
    config = registry.config(_UPSTREAM, old)
    config["config"]["Labels"] = {"org.example.moved": "yes"}
    blob = json.dumps(config).encode()
    document = old.json()
    document["config"] |= {"digest": registry.put_blob(_UPSTREAM, blob), "size": len(blob)}
    new = Manifest(old.media_type, json.dumps(document).encode())
    registry.put(_UPSTREAM, new.digest, new)
    text = lock.read_text()
    assert old.digest in text
    moved.write_text(text.replace(old.digest, new.digest))
    return moved


def test_young_images_are_no_garbage(factory: Factory) -> None:
    factory("release", "provided.al2-x86_64")
    before = _tags(factory)
    for words in (["gc"], ["gc", "--yes"]):
        assert "0 manifests" in factory(*words).stdout
        assert _tags(factory) == before
