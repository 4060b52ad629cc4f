"""Upstream's signatures with the real cosign: what has none does not enter the lock."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

import pytest
import requests

from factory.matrix import lock
from factory.matrix.words import Architecture
from factory.registry.client import Registry
from factory.registry.manifests import Manifest
from factory.registry.references import Repository
from tests.lab import cosign
from tests.lab.conftest import LAB, Factory

UP, NAME = "public.ecr.aws", "lambda/provided"
TAGS = ("al2", "al2023")
MATRIX = """
[publish]
repository = "registry.example/signed"
source = "https://git.example/signed"
vendor = "signed"
licenses = "MIT"

[signatures."public.ecr.aws/lambda"]
key = "upstream.pub"
transparency_log = false
"""
BASE = """
[bases.{tag}]
title = "{tag}"
version = "2"
upstream = "public.ecr.aws/lambda/provided:{tag}"
package_manager = "yum"
architectures = ["x86_64", "arm64"]
user = {{ name = "sbx_user1051", uid = 993, gid = 990 }}
"""


@pytest.fixture
def upstream(tmp_path: Path) -> Factory:
    """Copies of two stand-ins in a repository of their own, which a mirror names; a matrix that wants them signed."""
    given = cosign.environment()
    for name in ("upstream", "another"):
        cosign.new_key(tmp_path / name, given)
    own = f"tests/{uuid4().hex[:12]}"
    for tag in TAGS:
        _copy(Repository(LAB, NAME), Repository(LAB, f"{own}/{NAME}"), tag)
    (tmp_path / "matrix.toml").write_text(MATRIX + "".join(BASE.format(tag=tag) for tag in TAGS))
    extra = {**given, "FACTORY_MIRROR": f"{UP}={LAB}/{own}", "FACTORY_SKIP_TESTS": ""}
    return Factory(
        tmp_path, tmp_path / "matrix.toml", Repository(LAB, f"{own}/{NAME}"), tmp_path / "matrix.lock", extra
    )


def test_only_what_the_right_key_signed_enters_the_lock(upstream: Factory) -> None:
    told = _refused(upstream)
    assert [line.partition(" has no good")[0] for line in told] == [
        f"{UP}/{NAME}:{tag}: {architecture}" for tag in TAGS for architecture in ("arm64", "x86_64")
    ]
    assert all("no signatures found" in line for line in told)
    _sign(upstream, "upstream", "al2")
    _sign(upstream, "another", "al2023")
    told = _refused(upstream)
    assert all(line.startswith(f"{UP}/{NAME}:al2023: ") for line in told)
    assert all("invalid signature" in line for line in told)
    _sign(upstream, "upstream", "al2023")
    upstream("lock")
    images = lock.read(upstream.lock).images
    assert {name: one.digests.keys() for name, one in images.items()} == {
        f"{UP}/{NAME}:{tag}": set(Architecture) for tag in TAGS
    }


def _refused(factory: Factory) -> list[str]:
    """What stopped the lock, a line each; nothing was written."""
    done = factory("lock", status=2)
    assert not factory.lock.exists()
    *lines, last = done.stderr.splitlines()
    assert last == "the lock was not changed; if upstream signs otherwise now, change `signatures` in the matrix"
    return lines


def _sign(factory: Factory, key: str, tag: str) -> None:
    """Signs what a tag names, as most upstreams do: the index alone."""
    manifest = factory.published(tag)
    assert manifest
    assert manifest.is_index
    options = ("--yes", "--tlog-upload=false", f"--key={factory.folder / key}.key")
    cosign.cosign(factory.extra, "sign", *options, f"{factory.repository}@{manifest.digest}")


def _copy(source: Repository, target: Repository, tag: str) -> None:
    registry = Registry()
    index = _found(registry, source, tag)
    for entry in index.json()["manifests"]:
        member = _found(registry, source, entry["digest"])
        document = member.json()
        for blob in (document["config"], *document["layers"]):
            answer = requests.post(
                f"{target.url}/blobs/uploads/", params={"mount": blob["digest"], "from": source.name}, timeout=60
            )
            assert answer.status_code == 201, answer.text
        registry.put(target, member.digest, member)
    registry.put(target, tag, index)


def _found(registry: Registry, repository: Repository, reference: str) -> Manifest:
    manifest = registry.manifest(repository, reference)
    assert manifest
    return manifest
