"""Trust, with the real programs: what is published is signed and attested, and one changed byte is found."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from factory.app.outside import SHIPPED, Outside
from factory.build.records import RECORD_TYPE
from factory.cli.main import main
from factory.registry.attached import is_bundle, referrers_tag, signature_tag
from factory.registry.client import Registry
from factory.registry.manifests import MANIFESTS, OCI_INDEX, Manifest
from factory.registry.references import Repository
from factory.registry.referrers import Referrers
from factory.trust.provenance import IN_TOTO
from factory.trust.sbom import CYCLONEDX, SPDX
from tests.lab import cosign
from tests.lab.conftest import LAB, ROOT, Factory
from tests.lab.servers import registry_over
from tools.lab import programs
from tools.lab.settings import Settings

IMAGE, OTHER = "al2-x86_64", "al2023-x86_64"
NAME = "factory/lambda"
ITEMS = {"provenance": IN_TOTO, "SBOM (SPDX)": SPDX, "SBOM (CycloneDX)": CYCLONEDX, "smoke record": RECORD_TYPE}


@dataclass(frozen=True)
class World:
    """A registry whose stored files a test may change, with two images that are signed and attested."""

    factory: Factory
    root: Path
    key: Path

    def referrers(self, folder: Path) -> Referrers:
        return Referrers(Registry(retries=0), self.factory.repository, folder)

    def manifest(self, name: str = IMAGE) -> Manifest:
        found = self.factory.published(name)
        assert found is not None
        return found

    def verify(self, *words: str, status: int, name: str = IMAGE) -> dict[str, dict[str, Any]]:
        """The findings by item."""
        key = () if "--key" in words else ("--key", str(self.key.with_suffix(".pub")))
        done = self.factory("verify", name, *key, "--no-transparency-log", "--format", "json", *words, status=status)
        return {finding["item"]: finding for finding in json.loads(done.stdout)}

    @contextmanager
    def changed(self, digest: str) -> Iterator[None]:
        """One byte of a stored blob is another one, as a broken disk or an intruder leaves it."""
        digits = digest.removeprefix("sha256:")
        file = self.root / "docker/registry/v2/blobs/sha256" / digits[:2] / digits / "data"
        before = file.read_bytes()
        middle = len(before) // 2
        file.write_bytes(before[:middle] + bytes([before[middle] ^ 1]) + before[middle + 1 :])
        try:
            yield
        finally:
            file.write_bytes(before)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, locked: Path) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("trust")
    extra = {**cosign.environment(), "FACTORY_PIP_CONF": ""}
    key = cosign.new_key(folder / "cosign", extra)
    with registry_over(folder / "registry") as host:
        factory = Factory(folder, ROOT / "matrix.toml", Repository(host, NAME), locked, extra)
        factory("release", IMAGE, OTHER, "--attest", "--sign", str(key), "--no-transparency-log")
        yield World(factory, folder / "registry", key)


def test_what_is_signed_and_attested_is_the_tested_image_and_plain(world: World) -> None:
    manifest = world.manifest()
    assert manifest.digest == world.factory.record(IMAGE)["digest"]
    assert manifest.media_type in MANIFESTS
    assert manifest.json().keys() == {"schemaVersion", "mediaType", "config", "layers"}
    findings = world.verify("--deep", status=0)
    assert findings.keys() == {"manifest", "configuration", "layers", "signature", *ITEMS}


def test_vouching_again_adds_nothing(world: World, tmp_path: Path) -> None:
    before = world.referrers(tmp_path).of(world.manifest().digest)
    tags = Registry().tags(world.factory.repository)
    world.factory("push", IMAGE, "--attest", "--sign", str(world.key), "--no-transparency-log")
    assert world.referrers(tmp_path).of(world.manifest().digest) == before
    assert Registry().tags(world.factory.repository) == tags
    assert len([one for one in before if not is_bundle(one.artifact_type)]) == len(ITEMS)


def test_one_byte_of_the_manifest(world: World) -> None:
    with world.changed(world.manifest().digest):
        assert _failed(world.verify(status=1)) == {"manifest"}


def test_one_byte_of_the_configuration(world: World) -> None:
    with world.changed(world.manifest().json()["config"]["digest"]):
        assert _failed(world.verify(status=1)) == {"configuration"}


def test_one_byte_of_a_layer_is_seen_by_reading_it(world: World) -> None:
    layer = world.manifest().json()["layers"][-1]["digest"]
    with world.changed(layer):
        assert _failed(world.verify(status=0)) == set()
        findings = world.verify("--deep", status=1)
    assert _failed(findings) == {"layers"}
    assert layer in findings["layers"]["seen"]


@pytest.mark.parametrize("part", ["manifest", "payload"])
def test_one_byte_of_the_signature(world: World, part: str, tmp_path: Path) -> None:
    signature = _signature(world, tmp_path)
    digest = signature.digest if part == "manifest" else signature.json()["layers"][0]["digest"]
    with world.changed(digest):
        assert _failed(world.verify(status=1)) == {"signature"}


@pytest.mark.parametrize("item", ITEMS)
@pytest.mark.parametrize("part", ["manifest", "document"])
def test_one_byte_of_a_document(world: World, item: str, part: str, tmp_path: Path) -> None:
    digest = _attached(world, IMAGE, ITEMS[item], tmp_path)
    if part == "document":
        digest = world.manifest(digest).json()["layers"][0]["digest"]
    with world.changed(digest):
        assert _failed(world.verify(status=1)) == {item}


@pytest.mark.parametrize("item", ITEMS)
def test_another_images_document_does_not_count_although_it_is_signed(world: World, item: str, tmp_path: Path) -> None:
    mine, foreign = (_attached(world, name, ITEMS[item], tmp_path) for name in (IMAGE, OTHER))
    listed = world.manifest(referrers_tag(world.manifest().digest))
    content = listed.content.replace(mine.encode(), foreign.encode())
    registry = Registry(retries=0)
    registry.put(world.factory.repository, referrers_tag(world.manifest().digest), Manifest(OCI_INDEX, content))
    try:
        findings = world.verify(status=1)
    finally:
        registry.put(world.factory.repository, referrers_tag(world.manifest().digest), listed)
    assert _failed(findings) == {item}
    assert "do not trust it" in findings[item]["seen"]


def test_an_unsigned_image(world: World) -> None:
    plain = Factory(
        world.factory.folder, world.factory.matrix, Repository(world.factory.repository.host, "un/signed"),
        world.factory.lock, world.factory.extra,
    )  # fmt: skip
    plain("push", IMAGE)
    findings = World(plain, world.root, world.key).verify(status=1)
    assert _failed(findings) == {"signature", *ITEMS}
    assert findings["provenance"]["seen"] == "none is attached"


def test_another_key(world: World, tmp_path: Path) -> None:
    key = cosign.new_key(tmp_path / "other", world.factory.extra)
    findings = world.verify("--key", str(key.with_suffix(".pub")), status=1)
    assert _failed(findings) == {"signature", *ITEMS}


def test_a_build_that_would_fetch_what_the_plan_does_not_name_fails(
    factory: Factory, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The stray image is one that the registry has: nothing else keeps it out."""
    shipped = tmp_path / "shipped"
    for folder in ("templates", "bootstraps", "smoke"):
        shutil.copytree(SHIPPED / folder, shipped / folder)
    (shipped / "emulator").symlink_to(SHIPPED / "emulator")
    dockerfile = shipped / "templates" / "base-run.Dockerfile.j2"
    dockerfile.write_text(f"{dockerfile.read_text()}COPY --from={LAB}/lambda/provided:al2023 /etc/passwd /stray\n")
    words = [f"--matrix={factory.matrix}", f"--lock={factory.lock}", f"--build-dir={tmp_path / 'build'}"]
    mirror = f"--mirror=public.ecr.aws={LAB}"
    assert main(["build", IMAGE, *words, mirror, "--quiet"], Outside(shipped=shipped)) == 1
    said = capsys.readouterr().err
    assert said.startswith(f"{IMAGE}: not built, as its Dockerfile would fetch what neither the lock nor")
    assert f"{LAB}/lambda/provided:al2023" in said


def _signature(world: World, folder: Path) -> Manifest:
    """The image's own: under a tag by cosign 2, attached by cosign 3."""
    digest = world.manifest().digest
    bundles = [one.digest for one in world.referrers(folder).of(digest) if is_bundle(one.artifact_type)]
    assert len(bundles) <= 1
    return world.manifest(*bundles or [signature_tag(digest)])


def test_workflows_install_the_version_that_is_called_here() -> None:
    """Debian's cosign does not tell its version."""
    [installed] = re.findall(r"cosign-release: v(\S+)", (ROOT / ".github/actions/factory/action.yml").read_text())
    packages = (programs.folder(Settings.from_environment()).parents[1] / "complete").read_text()
    assert f"cosign={installed}-" in packages


def _attached(world: World, name: str, kind: str, folder: Path) -> str:
    [found] = [
        one.digest for one in world.referrers(folder).of(world.manifest(name).digest) if one.artifact_type == kind
    ]
    return found


def _failed(findings: dict[str, dict[str, Any]]) -> set[str]:
    return {item for item, finding in findings.items() if not finding["ok"]}
