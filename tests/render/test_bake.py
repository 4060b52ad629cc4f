"""The bake file: the same graph for plain `docker buildx bake`."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from factory.build.contexts import Contexts
from factory.matrix.images import expand
from factory.matrix.loading import parse
from factory.matrix.lock import Lock
from factory.matrix.schema import Matrix
from factory.plan.keys import LABEL
from factory.render.bake import bake_file, target_name
from tests.support import contexts, digest, full_lock, image, inputs_of, small, small_text, toolchains

REPOSITORY = "registry.example/factory/lambda"


def _bake(
    lock: Lock | None = None, mirrors: dict[str, str] | None = None, matrix: Matrix | None = None
) -> dict[str, Any]:
    matrix = matrix or small()
    return _document(contexts(matrix, inputs_of(matrix, lock), mirrors), matrix)


def _document(leading: Contexts, matrix: Matrix) -> dict[str, Any]:
    targets = {image: leading.target(image) for image in expand(matrix)}
    document: dict[str, Any] = json.loads(bake_file(targets, REPOSITORY))
    return document


def test_there_is_a_target_for_each_image_and_a_group_for_each_name() -> None:
    document = _bake()
    targets = [target_name(image.name) for image in expand(small())]
    assert list(document["target"]) == targets
    assert document["group"]["default"]["targets"] == targets
    assert document["group"]["build-nodejs22_x"]["targets"] == ["build-nodejs22_x-x86_64", "build-nodejs22_x-arm64"]
    assert all(re.fullmatch(r"[A-Za-z0-9_-]+", name) for name in [*document["target"], *document["group"]])
    assert not document["group"].keys() & document["target"].keys()


def test_a_childs_parent_is_a_target() -> None:
    target = _bake()["target"]["nodejs22_x-arm64"]
    seed = f"upstream.example/lambda/nodejs:22 {image('nodejs22.x-arm64').architecture}"
    assert target["contexts"] == {
        f"{REPOSITORY}:al2023": "target:al2023-arm64",
        "upstream.example/lambda/nodejs:22": f"docker-image://upstream.example/lambda/nodejs@{digest(seed)}",
    }
    assert target["platforms"] == ["linux/arm64"]
    assert target["tags"] == [f"{REPOSITORY}:nodejs22.x-arm64"]


def test_every_name_that_leads_to_a_target_leads_to_one_that_is_there() -> None:
    text = small_text().replace("[bases.al2]", '[bases."al.2"]').replace('base = "al2"', 'base = "al.2"')
    document = _bake(matrix=parse(text))
    assert "al_2-x86_64" in document["target"]
    for target in document["target"].values():
        for where in target["contexts"].values():
            assert where.startswith("docker-image://") or where.removeprefix("target:") in document["target"]


def test_an_unlocked_reference_keeps_its_tag_and_a_mirror_is_used() -> None:
    target = _bake(Lock(), {"upstream.example": "127.0.0.1:5000"})["target"]["al2-x86_64"]
    assert target["contexts"] == {
        "upstream.example/lambda/provided:al2": "docker-image://127.0.0.1:5000/lambda/provided:al2"
    }
    assert target["args"] == {"SOURCE_DATE_EPOCH": "0"}


def test_attestations_are_off_because_they_would_make_an_index() -> None:
    for target in _bake()["target"].values():
        assert set(target["attest"]) == {"type=provenance,disabled=true", "type=sbom,disabled=true"}


@pytest.mark.parametrize("name", ["al2-x86_64", "build-nodejs22.x-arm64"])
def test_the_labels_are_those_of_the_factorys_own_build(name: str) -> None:
    inputs = inputs_of()(image(name))
    labels = _bake()["target"][target_name(name)]["labels"]
    assert labels[LABEL] == inputs.key
    base = "org.opencontainers.image.base.digest"
    assert labels.get(base) == (inputs.upstreams["upstream.example/lambda/provided:al2"] if "al2-" in name else None)
    assert _bake()["target"][target_name(name)]["args"] == {"SOURCE_DATE_EPOCH": str(inputs.epoch)}


def test_only_the_base_run_images_have_something_to_copy() -> None:
    folders = {name: target["context"] for name, target in _bake()["target"].items()}
    assert {name: where for name, where in folders.items() if where != "empty"} == {
        "al1-x86_64": "emulator/x86_64",
        "al2-x86_64": "emulator/x86_64",
        "al2-arm64": "emulator/arm64",
        "al2023-x86_64": "emulator/x86_64",
        "al2023-arm64": "emulator/arm64",
    }


def test_it_is_the_same_every_time() -> None:
    assert _bake(full_lock(small())) == _bake(full_lock(small()))


def test_the_network_and_pips_settings_reach_every_target_when_they_are_given(tmp_path: Path) -> None:
    document = _document(contexts(network="host", pip_conf=tmp_path / "pip.conf"), small())
    assert document["target"].keys() == _bake()["target"].keys()
    for target in document["target"].values():
        assert target["network"] == "host"
        assert target["secret"] == [f"id=pip,src={tmp_path}/pip.conf"]
    for target in _bake()["target"].values():
        assert not target.keys() & {"network", "secret"}


def test_an_archives_mirror_and_checksum_reach_the_target() -> None:
    lock = full_lock(toolchains())
    known = Lock(images=lock.images, archives={**lock.archives, "https://archive.example/package/tools?id=5": "5" * 64})
    args = _bake(known, {"archive.example": "127.0.0.1:5001"}, toolchains())["target"]["build-java21-x86_64"]["args"]
    assert args["TOOLS_SHA256"] == "5" * 64
    assert args["TOOLS_URL"] == "http://127.0.0.1:5001/package/tools?id=5"
    assert "GRADLE_SHA256" not in args
