"""Pushing: what was tested, once, and tags that are never moved. Only the engine is stood in for."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import cast

import pytest

from factory.build.engine import Engine, EngineError
from factory.build.records import RECORD_TYPE, TESTS_ANNOTATION, Record
from factory.build.records import TestResult as SmokeResult
from factory.matrix.images import Image, expand
from factory.matrix.words import Architecture
from factory.publish.push import NotTestedError, Publisher, index
from factory.registry.client import Registry
from factory.registry.errors import RegistryError
from factory.registry.manifests import DOCKER_INDEX, DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST, Manifest
from factory.registry.references import Repository
from factory.registry.referrers import CREATED, Referrers
from tests.fake_registry import Answer, FakeRegistry
from tests.support import failed, image, inputs_of, not_executed, passed, record, small

TODAY = date(2026, 11, 23)
NAME = "factory/lambda"
X86, ARM = Architecture.X86_64, Architecture.ARM64
RUN_X86 = image("nodejs22.x-x86_64")
RUN_ARM = image("nodejs22.x-arm64")


class FakeEngine:
    """Holds manifests by digest and copies them into the registry, as the engine's push does with layers."""

    def __init__(self, registry: FakeRegistry) -> None:
        self.registry = registry
        self.holds: dict[str, Manifest] = {}
        self.errors: list[str] = []
        self.pushed: list[str] = []
        self.overtaken_by: list[str] = []
        """The digests that another run's engine pushes to the same tag right after ours."""
        self.loses = False
        """Whether nothing arrives, without an error."""

    def push(self, digest: str, repository: str, tag: str) -> None:
        self.pushed.append(tag)
        if self.errors:
            raise EngineError(self.errors.pop(0))
        for one in () if self.loses else (digest, *self.overtaken_by):
            self.registry.keep(repository.partition("/")[2], tag, self.holds[one])


class World:
    """A registry, an engine, and a publisher between them."""

    def __init__(self, registry: FakeRegistry, folder: Path) -> None:
        self.registry, self.folder = registry, folder
        self.engine = FakeEngine(registry)
        self.steps: list[str] = []

    def publisher(self, day: date = TODAY, architectures: Sequence[Architecture] = (X86, ARM)) -> Publisher:
        registry, repository = Registry(retries=1, backoff=0.01), self.registry.repository(NAME)
        return Publisher(
            cast(Engine, self.engine),
            registry,
            repository,
            Referrers(registry, repository, self.folder / "locks"),
            {image.stem: architectures for image in expand(small())},
            day,
            self.folder,
            pauses=(0.0, 0.0, 0.0),
        )

    def built(
        self, image: Image, salt: str = "", tests: SmokeResult | None = None, media_type: str = OCI_MANIFEST
    ) -> Record:
        """A finished image in the engine, tested unless told otherwise."""
        content = json.dumps({"mediaType": media_type, "config": {}, "name": image.name, "salt": salt}).encode()
        manifest = Manifest(media_type, content)
        self.engine.holds[manifest.digest] = manifest
        made = record(image.name, inputs_of()(image), tests or passed(), with_digest=manifest.digest)
        return replace(made, media_type=media_type)

    def push(self, image: Image, record: Record, day: date = TODAY) -> Record:
        return self.publisher(day).push(image, record, self.steps.append)

    def tags(self) -> dict[str, str]:
        attached = self.registry.attached(NAME)
        return {tag: digest for tag, digest in self.registry.tags(NAME).items() if tag not in attached}


@pytest.fixture
def world(registry: FakeRegistry, tmp_path: Path) -> World:
    return World(registry, tmp_path)


def test_an_image_gets_its_tag_its_dated_tag_and_a_place_in_the_index(world: World) -> None:
    made = world.built(RUN_X86)
    pushed = world.push(RUN_X86, made)
    tags = world.tags()
    assert tags["nodejs22.x-x86_64"] == tags["20261123-nodejs22.x-x86_64"] == made.digest
    assert tags.keys() == {"nodejs22.x-x86_64", "20261123-nodejs22.x-x86_64", "nodejs22.x"}
    assert pushed.pushed == {str(world.registry.repository(NAME)): sorted(tags)}
    document = world.registry.manifests[NAME, "nodejs22.x"].json()
    assert [(m["digest"], m["platform"]) for m in document["manifests"]] == [
        (made.digest, {"architecture": "amd64", "os": "linux"})
    ]
    assert world.steps == ["pushing 20261123-nodejs22.x-x86_64", "index nodejs22.x"]


def test_what_was_tested_is_what_is_there_byte_for_byte(world: World) -> None:
    made = world.built(RUN_X86)
    world.push(RUN_X86, made)
    found = world.registry.manifests[NAME, "nodejs22.x-x86_64"]
    assert found == world.engine.holds[made.digest]
    assert found.media_type == OCI_MANIFEST


@pytest.mark.parametrize("tests", [None, failed(), SmokeResult("tests", "now", ())], ids=["none", "failed", "no check"])
def test_what_did_not_pass_is_not_pushed(world: World, tests: SmokeResult | None) -> None:
    made = replace(world.built(RUN_X86), tests=tests)
    with pytest.raises(
        NotTestedError, match=rf"nodejs22.x-x86_64: not pushed, because no smoke test passed on {made.digest}"
    ):
        world.push(RUN_X86, made)
    assert world.tags() == {}
    assert world.engine.pushed == []


def test_what_was_not_executed_goes_to_the_loopback_address_only(world: World) -> None:
    made = world.built(RUN_X86, tests=not_executed())
    abroad = replace(world.publisher(), repository=Repository("registry.example", NAME))
    with pytest.raises(NotTestedError, match=r"not pushed to registry.example/factory/lambda, .*: no interpreter;"):
        abroad.push(RUN_X86, made, world.steps.append)
    assert world.engine.pushed == []
    world.push(RUN_X86, made)
    assert RUN_X86.name in world.tags()


def test_unchanged_images_are_not_pushed_again(world: World) -> None:
    pushed = world.push(RUN_X86, world.built(RUN_X86))
    world.registry.requests.clear()
    world.engine.pushed.clear()
    again = world.push(RUN_X86, pushed, date(2026, 12, 24))
    assert again == pushed
    assert world.engine.pushed == []
    assert world.registry.written() == []


def test_a_held_image_moves_no_tag_until_it_is_promoted(world: World) -> None:
    old = world.push(RUN_X86, world.built(RUN_X86))
    new = world.built(RUN_X86, salt="2")
    held = world.publisher().hold(RUN_X86, new, world.steps.append)
    assert world.tags()["20261123.2-nodejs22.x-x86_64"] == new.digest
    assert world.tags()["nodejs22.x-x86_64"] == old.digest
    assert held.pushed == {str(world.registry.repository(NAME)): ["20261123.2-nodejs22.x-x86_64"]}
    world.publisher().promote(RUN_X86, held, world.steps.append)
    assert world.tags()["nodejs22.x-x86_64"] == new.digest
    assert world.engine.pushed == ["20261123-nodejs22.x-x86_64", "20261123.2-nodejs22.x-x86_64"]


def test_what_is_not_in_the_registry_cannot_be_promoted(world: World) -> None:
    with pytest.raises(RegistryError, match=r"nodejs22.x-x86_64 is not there any more; push it again"):
        world.publisher().promote(RUN_X86, world.built(RUN_X86), world.steps.append)
    assert world.tags() == {}


def test_an_image_that_was_found_good_again_gets_a_new_date(world: World) -> None:
    pushed = world.push(RUN_X86, world.built(RUN_X86))
    world.publisher(date(2026, 12, 24)).push(RUN_X86, pushed, world.steps.append, renew=True)
    assert world.tags()["20261224-nodejs22.x-x86_64"] == pushed.digest
    assert len(world.engine.pushed) == 1, "nothing has to travel"


def test_the_record_is_attached_to_the_image(world: World) -> None:
    made = world.built(RUN_X86)
    world.push(RUN_X86, made)
    publisher = world.publisher()
    [attached] = publisher.referrers.of(made.digest)
    assert (attached.artifact_type, attached.annotations) == (
        RECORD_TYPE,
        {TESTS_ANNOTATION: "tests", CREATED: "2026-11-23T12:00:00+00:00"},
    )
    content = publisher.referrers.fetch(attached)
    assert content
    assert json.loads(content)["digest"] == made.digest
    assert json.loads(content)["pushed"] == {}


def test_the_other_architecture_joins_the_index(world: World) -> None:
    one, other = world.built(RUN_X86), world.built(RUN_ARM)
    world.push(RUN_ARM, other)
    world.push(RUN_X86, one)
    document = world.registry.manifests[NAME, "nodejs22.x"].json()
    assert [(m["platform"]["architecture"], m["digest"]) for m in document["manifests"]] == [
        ("amd64", one.digest),
        ("arm64", other.digest),
    ]


def test_a_new_image_moves_the_moving_tags_and_no_dated_one(world: World) -> None:
    first = world.built(RUN_X86)
    world.push(RUN_X86, first)
    second = world.built(RUN_X86, salt="2")
    world.push(RUN_X86, second)
    third = world.built(RUN_X86, salt="3")
    pushed = world.push(RUN_X86, third)
    tags = world.tags()
    assert tags["nodejs22.x-x86_64"] == third.digest
    assert tags["20261123-nodejs22.x-x86_64"] == first.digest
    assert tags["20261123.2-nodejs22.x-x86_64"] == second.digest
    assert tags["20261123.3-nodejs22.x-x86_64"] == third.digest
    assert "20261123.3-nodejs22.x-x86_64" in pushed.pushed[str(world.registry.repository(NAME))]
    document = world.registry.manifests[NAME, "nodejs22.x"].json()
    assert [member["digest"] for member in document["manifests"]] == [third.digest]


def test_the_next_day_has_its_own_dated_tags(world: World) -> None:
    first, second = world.built(RUN_X86), world.built(RUN_X86, salt="2")
    world.push(RUN_X86, first)
    world.push(RUN_X86, second, date(2026, 11, 24))
    assert world.tags()["20261123-nodejs22.x-x86_64"] == first.digest
    assert world.tags()["20261124-nodejs22.x-x86_64"] == second.digest


def test_a_half_done_set_of_tags_is_completed(world: World) -> None:
    made = world.built(RUN_X86)
    world.registry.keep(NAME, "nodejs22.x-x86_64", world.engine.holds[made.digest])
    world.push(RUN_X86, made)
    assert world.engine.pushed == [], "the layers were there already"
    assert world.tags().keys() == {"nodejs22.x-x86_64", "20261123-nodejs22.x-x86_64", "nodejs22.x"}


def test_a_tag_that_was_lost_is_set_again(world: World) -> None:
    pushed = world.push(RUN_X86, world.built(RUN_X86))
    for lost in ("nodejs22.x-x86_64", "nodejs22.x", "20261123-nodejs22.x-x86_64"):
        del world.registry.manifests[NAME, lost]
        world.push(RUN_X86, pushed)
        assert world.tags()[lost] in {pushed.digest, world.registry.manifests[NAME, "nodejs22.x"].digest}


def test_an_index_never_shrinks(world: World) -> None:
    world.push(RUN_X86, world.built(RUN_X86))
    world.push(RUN_ARM, world.built(RUN_ARM))
    before = world.tags()["nodejs22.x"]
    del world.registry.manifests[NAME, "nodejs22.x-arm64"]
    with pytest.raises(RegistryError, match=r"nodejs22.x would lose arm64"):
        world.push(RUN_X86, world.built(RUN_X86, salt="2"))
    assert world.tags()["nodejs22.x"] == before


def test_an_index_does_not_shrink_because_the_matrix_did(world: World) -> None:
    world.push(RUN_X86, world.built(RUN_X86))
    world.push(RUN_ARM, world.built(RUN_ARM))
    with pytest.raises(RegistryError, match=r"would lose arm64"):
        world.publisher(architectures=(X86,)).push(RUN_X86, world.built(RUN_X86, salt="2"), world.steps.append)


def test_another_digest_in_the_registry_than_the_tested_one_is_refused(world: World) -> None:
    made = world.built(RUN_X86)
    other = world.built(RUN_X86, salt="compressed differently")
    world.engine.holds[made.digest] = world.engine.holds[other.digest]
    with pytest.raises(RegistryError, match=rf"{made.digest} was tested, but the registry holds {other.digest}"):
        world.push(RUN_X86, made)
    assert "nodejs22.x" not in world.tags()
    assert "20261123-nodejs22.x-x86_64" not in world.tags()


def test_an_index_where_an_image_must_be_is_refused(world: World) -> None:
    made = world.built(RUN_X86, media_type=OCI_INDEX)
    with pytest.raises(
        RegistryError, match=rf"holds a {OCI_INDEX}; Lambda takes image manifests only".replace("+", r"\+")
    ):
        world.push(RUN_X86, made)
    assert "nodejs22.x" not in world.tags()


def test_a_push_that_fails_is_tried_again(world: World) -> None:
    world.engine.errors = ["connection reset", "unexpected EOF", "received unexpected HTTP status: 500"]
    made = world.built(RUN_X86)
    world.push(RUN_X86, made)
    assert world.tags()["nodejs22.x-x86_64"] == made.digest
    assert len(world.engine.pushed) == 4


def test_a_push_that_goes_on_failing_is_reported(world: World) -> None:
    world.engine.errors = ["connection reset"] * 9
    with pytest.raises(EngineError, match="connection reset"):
        world.push(RUN_X86, world.built(RUN_X86))
    assert len(world.engine.pushed) == 4
    assert world.tags() == {}


@pytest.mark.parametrize("message", ["denied: no", "unauthorized: authentication required", "403 Forbidden"])
def test_a_no_is_not_asked_again(world: World, message: str) -> None:
    world.engine.errors = [message] * 9
    with pytest.raises(EngineError):
        world.push(RUN_X86, world.built(RUN_X86))
    assert len(world.engine.pushed) == 1


def test_a_registry_that_swallows_a_push_is_told(world: World) -> None:
    world.engine.loses = True
    with pytest.raises(RegistryError, match="pushed, but the registry does not have it"):
        world.push(RUN_X86, world.built(RUN_X86))


def test_busy_registries_are_asked_again(world: World) -> None:
    world.registry.failures.append(Answer(503))
    made = world.built(RUN_X86)
    world.push(RUN_X86, made)
    assert world.tags()["nodejs22.x-x86_64"] == made.digest


def test_what_is_known_of_other_repositories_is_kept(world: World) -> None:
    made = replace(world.built(RUN_X86), pushed={"ghcr.io/a/b": ["nodejs22.x-x86_64"]})
    pushed = world.push(RUN_X86, made)
    assert pushed.pushed.keys() == {"ghcr.io/a/b", str(world.registry.repository(NAME))}


def test_equal_members_give_equal_bytes() -> None:
    members = [(X86, Manifest(OCI_MANIFEST, b"{}")), (ARM, Manifest(OCI_MANIFEST, b"[]"))]
    made = index(members)
    assert made == index(list(members))
    assert made.media_type == OCI_INDEX
    assert made.json() == {
        "schemaVersion": 2,
        "mediaType": OCI_INDEX,
        "manifests": [
            {
                "mediaType": OCI_MANIFEST,
                "digest": manifest.digest,
                "size": 2,
                "platform": {"architecture": architecture.oci, "os": "linux"},
            }
            for architecture, manifest in members
        ],
    }


def test_docker_manifests_are_listed_in_dockers_own_index() -> None:
    assert index([(X86, Manifest(DOCKER_MANIFEST, b"{}"))]).media_type == DOCKER_INDEX
    mixed = [(X86, Manifest(DOCKER_MANIFEST, b"{}")), (ARM, Manifest(OCI_MANIFEST, b"{}"))]
    assert index(mixed).media_type == OCI_INDEX


def test_what_another_run_tested_is_not_deleted(world: World) -> None:
    made, theirs = world.built(RUN_X86), world.built(RUN_X86, salt="theirs")
    world.engine.overtaken_by = [theirs.digest]
    with pytest.raises(RegistryError, match=f"{made.digest} was tested, but the registry holds {theirs.digest}"):
        world.push(RUN_X86, made)
    assert world.tags() == {"20261123-nodejs22.x-x86_64": theirs.digest}
