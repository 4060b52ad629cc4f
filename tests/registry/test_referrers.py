"""Referrers, with registries that keep account of them and with those that do not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from factory.registry.attached import referrers_tag
from factory.registry.client import Registry
from factory.registry.errors import RegistryError
from factory.registry.manifests import OCI_INDEX, OCI_MANIFEST, Manifest
from factory.registry.referrers import CREATED, Document, Referrers
from tests.fake_registry import FakeRegistry

NAME = "factory/lambda"
SBOM = Document("application/spdx+json", b'{"spdxVersion": "SPDX-2.3"}', {"made-by": "syft"})


def referrers(registry: FakeRegistry, folder: Path) -> Referrers:
    return Referrers(Registry(retries=0), registry.repository(NAME), folder)


@pytest.fixture(params=[True, False], ids=["referrers API", "fallback tag"])
def world(request: pytest.FixtureRequest, registry: FakeRegistry, tmp_path: Path) -> Referrers:
    registry.keeps_referrers = request.param
    return referrers(registry, tmp_path)


@pytest.fixture
def subject(registry: FakeRegistry) -> Manifest:
    return registry.image(NAME, "nodejs22.x-x86_64")


def test_what_is_attached_is_found_again(world: Referrers, subject: Manifest) -> None:
    digest = world.attach(subject, SBOM)
    [found] = world.of(subject.digest)
    assert (found.digest, found.artifact_type, found.annotations) == (digest, SBOM.media_type, {"made-by": "syft"})
    assert world.fetch(found) == SBOM.content


def test_the_image_itself_does_not_change(world: Referrers, registry: FakeRegistry, subject: Manifest) -> None:
    world.attach(subject, SBOM)
    assert registry.tags(NAME)["nodejs22.x-x86_64"] == subject.digest
    assert registry.manifests[NAME, subject.digest] == subject


def test_attaching_again_writes_nothing(world: Referrers, registry: FakeRegistry, subject: Manifest) -> None:
    world.attach(subject, SBOM)
    registry.requests.clear()
    world.attach(subject, SBOM)
    assert [line for line in registry.requests if not line.startswith("GET")] == []


def test_several_documents_stand_side_by_side(world: Referrers, subject: Manifest) -> None:
    world.attach(subject, SBOM)
    world.attach(subject, Document("application/vnd.cyclonedx+json", b"{}"))
    assert [found.artifact_type for found in world.of(subject.digest)] == [
        "application/spdx+json",
        "application/vnd.cyclonedx+json",
    ]


def test_nothing_attached_is_an_empty_list(world: Referrers, subject: Manifest) -> None:
    assert world.of(subject.digest) == []


def test_a_registry_without_the_api_is_asked_for_it_once(
    registry: FakeRegistry, tmp_path: Path, subject: Manifest
) -> None:
    world = referrers(registry, tmp_path)
    world.attach(subject, SBOM)
    assert [found.artifact_type for found in world.of(subject.digest)] == [SBOM.media_type]
    assert sum("/referrers/" in line for line in registry.requests) == 1


def test_a_repository_that_is_still_to_come_says_nothing_about_the_api(registry: FakeRegistry, tmp_path: Path) -> None:
    registry.keeps_referrers = True
    world = referrers(registry, tmp_path)
    assert world.of("sha256:" + 64 * "0") == []
    subject = registry.image(NAME, "nodejs22.x-x86_64")
    digest = world.attach(subject, SBOM)
    assert [found.digest for found in world.of(subject.digest)] == [digest]


def test_the_manifest_is_one_of_the_specification(world: Referrers, registry: FakeRegistry, subject: Manifest) -> None:
    digest = world.attach(subject, SBOM)
    document = registry.manifests[NAME, digest].json()
    assert document["mediaType"] == OCI_MANIFEST
    assert document["artifactType"] == SBOM.media_type
    assert document["subject"] == {
        "mediaType": OCI_MANIFEST,
        "digest": subject.digest,
        "size": len(subject.content),
    }
    assert registry.blobs[document["config"]["digest"]] == b"{}"


def test_the_fallback_index_has_the_tag_and_the_entries_of_the_specification(
    registry: FakeRegistry, tmp_path: Path, subject: Manifest
) -> None:
    digest = referrers(registry, tmp_path).attach(subject, SBOM)
    index = registry.manifests[NAME, referrers_tag(subject.digest)]
    assert index.media_type == OCI_INDEX
    [entry] = index.json()["manifests"]
    assert entry == {
        "mediaType": OCI_MANIFEST,
        "digest": digest,
        "size": len(registry.manifests[NAME, digest].content),
        "artifactType": SBOM.media_type,
        "annotations": {"made-by": "syft"},
    }


def test_a_changed_document_is_refused(world: Referrers, registry: FakeRegistry, subject: Manifest) -> None:
    world.attach(subject, SBOM)
    [found] = world.of(subject.digest)
    digest = json.loads(registry.manifests[NAME, found.digest].content)["layers"][0]["digest"]
    registry.blobs[digest] = SBOM.content.replace(b"2.3", b"2.2")
    with pytest.raises(RegistryError, match="do not trust it"):
        world.fetch(found)


def test_a_document_that_is_gone_is_none(world: Referrers, registry: FakeRegistry, subject: Manifest) -> None:
    world.attach(subject, SBOM)
    [found] = world.of(subject.digest)
    del registry.manifests[NAME, found.digest]
    assert world.fetch(found) is None


def test_the_youngest_is_last_whatever_the_order_of_the_list(
    registry: FakeRegistry, subject: Manifest, tmp_path: Path
) -> None:
    """cosign 3 sorts by digest the index of a registry without the referrers API."""
    world = referrers(registry, tmp_path)
    days = [f"2026-11-{day}T00:00:00+00:00" for day in range(10, 18)]
    made = [world.attach(subject, Document(SBOM.media_type, b"{}", {CREATED: day})) for day in days]
    timeless = world.attach(subject, SBOM)
    assert made != sorted(made)
    index = registry.manifests[NAME, referrers_tag(subject.digest)].json()
    index["manifests"].sort(key=lambda entry: entry["digest"])
    registry.keep(NAME, referrers_tag(subject.digest), Manifest(OCI_INDEX, json.dumps(index).encode()))
    assert [found.digest for found in world.of(subject.digest)] == [timeless, *made]


def test_every_page_of_a_registrys_list_is_read(registry: FakeRegistry, subject: Manifest, tmp_path: Path) -> None:
    registry.keeps_referrers, registry.referrers_page = True, 2
    world = referrers(registry, tmp_path)
    digests = [world.attach(subject, Document(SBOM.media_type, b'{"n": %d}' % number)) for number in range(5)]
    assert [found.digest for found in world.of(subject.digest)] == digests
