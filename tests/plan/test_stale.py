"""What must be rebuilt, told from the registry alone."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from datetime import date, timedelta
from pathlib import Path

import pytest

from factory.build.records import document
from factory.matrix.images import Image, with_ancestors
from factory.plan.keys import INPUTS_LABEL, LABEL, InputsOf
from factory.plan.planner import Action, Item
from factory.plan.stale import Standard, stale
from factory.publish.published import Published, Reader
from factory.registry.client import OCI_INDEX, OCI_MANIFEST, Manifest, Registry, digest_of
from factory.registry.referrers import Document, Referrers
from tests.fake_registry import FakeRegistry
from tests.support import full_lock, image, inputs_of, passed, record, small, small_with

NAME = "factory/lambda"
TODAY = date(2026, 11, 23)
RUN = image("nodejs22.x-x86_64")
BASE = RUN.parent


class Shelf:
    """A registry with images of ours on it, and what reads them."""

    def __init__(self, registry: FakeRegistry, folder: Path) -> None:
        self.registry = registry
        http = Registry(retries=0)
        self.referrers = Referrers(http, registry.repository(NAME), folder)
        self.reader = Reader(http, registry.repository(NAME), self.referrers)

    def put(self, which: Image, inputs: InputsOf, day: str = "20261120", tests: str | None = "tests") -> Manifest:
        """Publishes an image that was made from these inputs."""
        made = inputs(which)
        return self.put_labelled(which, {LABEL: made.key, INPUTS_LABEL: made.text}, day, tests, inputs)

    def put_labelled(
        self,
        which: Image,
        labels: object,
        day: str = "20261120",
        tests: str | None = None,
        inputs: InputsOf | None = None,
    ) -> Manifest:
        config = json.dumps({"architecture": "amd64", "name": which.name, "config": {"Labels": labels}}).encode()
        self.registry.blobs[digest_of(config)] = config
        content = {"mediaType": OCI_MANIFEST, "config": {"digest": digest_of(config)}, "layers": []}
        manifest = Manifest(OCI_MANIFEST, json.dumps(content).encode())
        for tag in (which.name, f"{day}-{which.name}"):
            self.registry.keep(NAME, tag, manifest)
        if tests and inputs:
            known = record(which.name, inputs(which), passed(tests), with_digest=manifest.digest)
            self.referrers.attach(manifest, document(known))
        return manifest

    def plan(
        self,
        *wanted: Image,
        inputs: InputsOf | None = None,
        tests: str = "tests",
        max_age: timedelta | None = None,
        locked: bool = False,
    ) -> dict[str, Item]:
        images = with_ancestors(wanted)
        standard = Standard(lambda _: tests, TODAY, max_age, locked)
        items = stale(images, inputs or inputs_of(), self.reader.read(images, dated=True), standard)
        return {item.image.name: item for item in items}


@pytest.fixture
def shelf(registry: FakeRegistry, tmp_path: Path) -> Shelf:
    return Shelf(registry, tmp_path)


@pytest.fixture
def full(shelf: Shelf) -> Shelf:
    """A shelf with the run image and its parent, as they should be."""
    assert BASE
    for which in (BASE, RUN):
        shelf.put(which, inputs_of())
    return shelf


def test_what_is_as_it_should_be_is_left_alone(full: Shelf) -> None:
    assert [(item.action, item.reason) for item in full.plan(RUN).values()] == [
        (Action.SKIP, "nothing changed"),
        (Action.SKIP, "nothing changed"),
    ]


def test_what_is_missing_is_built(shelf: Shelf) -> None:
    item = shelf.plan(RUN)[RUN.name]
    assert (item.action, item.reason, item.fresh) == (Action.BUILD, "not published", False)


def test_a_moved_upstream_is_told_from_where_to_where(full: Shelf) -> None:
    [reference] = inputs_of()(RUN).upstreams
    moved = inputs_of(lock=full_lock(small(), changes={reference: "moved"}))
    item = full.plan(RUN, inputs=moved)[RUN.name]
    before = inputs_of()(RUN).upstreams[reference].removeprefix("sha256:")[:12]
    after = moved(RUN).upstreams[reference].removeprefix("sha256:")[:12]
    assert (item.action, item.reason) == (Action.BUILD, f"{reference} moved from {before} to {after}")


def test_a_changed_parent_is_the_reason_for_its_children(full: Shelf) -> None:
    items = full.plan(RUN, inputs=inputs_of(emulator="another"))
    assert BASE
    assert items[BASE.name].reason == "the emulator changed"
    assert items[RUN.name].reason == f"its parent {BASE.name} changed"


def test_a_changed_dockerfile_is_told(full: Shelf) -> None:
    other = small_with(('handler = "index.handler"', 'handler = "main.handler"'))
    assert full.plan(RUN, inputs=inputs_of(other, full_lock(other)))[RUN.name].reason == "the Dockerfile changed"


def test_the_template_that_changed_it_is_named(full: Shelf) -> None:
    other = small_with(('handler = "index.handler"', 'handler = "main.handler"'))
    inputs = inputs_of(other, full_lock(other))
    there = full.reader.read([RUN])[RUN]
    assert there
    known = full.reader.record(there)
    assert known

    def reason(templates: dict[str, str]) -> str:
        published = {RUN: replace(there, record=replace(known, templates=templates)), BASE: None}
        return stale([RUN], inputs, published, Standard(lambda _: "tests", TODAY))[0].reason  # type: ignore[arg-type]

    now = inputs.templates(RUN)
    assert {"run.Dockerfile.j2", "blocks.j2", "families/node.run.j2"} <= now.keys()
    assert not {"build.Dockerfile.j2", "families/node.build.j2", "families/python.run.j2"} & now.keys()
    assert reason({}) == "the Dockerfile changed"
    assert reason(now) == "the Dockerfile changed by its tables in the matrix"
    assert reason({**now, "blocks.j2": "another"}) == "the Dockerfile changed by templates/blocks.j2"


def test_a_changed_smoke_test_asks_for_a_test_alone(full: Shelf) -> None:
    item = full.plan(RUN, tests="other")[RUN.name]
    assert (item.action, item.reason) == (Action.TEST, "the smoke test changed")


def test_an_image_without_a_record_is_tested(shelf: Shelf) -> None:
    assert BASE
    for which in (BASE, RUN):
        shelf.put(which, inputs_of(), tests=None)
    item = shelf.plan(RUN)[RUN.name]
    assert (item.action, item.reason) == (Action.TEST, "no record of a smoke test is attached to it")


@pytest.mark.parametrize(("days", "action"), [(3, Action.SKIP), (2, Action.BUILD)])
def test_age_is_counted_from_the_youngest_dated_tag(full: Shelf, days: int, action: Action) -> None:
    item = full.plan(RUN, max_age=timedelta(days=days))[RUN.name]
    assert (item.action, item.fresh) == (action, action is Action.BUILD)


def test_an_old_image_and_the_children_of_an_old_parent_are_built_afresh(shelf: Shelf) -> None:
    assert BASE
    shelf.put(BASE, inputs_of(), day="20260101")
    shelf.put(RUN, inputs_of())
    items = shelf.plan(RUN, max_age=timedelta(days=30))
    assert (items[BASE.name].reason, items[BASE.name].fresh) == ("published 326 days ago, and may be 30", True)
    assert (items[RUN.name].reason, items[RUN.name].fresh) == (f"its parent {BASE.name} is rebuilt", True)


def test_an_image_without_a_dated_tag_is_as_good_as_old(full: Shelf) -> None:
    del full.registry.manifests[NAME, f"20261120-{RUN.name}"]
    item = full.plan(RUN, max_age=timedelta(days=30))[RUN.name]
    assert item.reason == "published without a dated tag, so nobody knows how old it is"


@pytest.mark.parametrize(
    ("labels", "reason"),
    [
        (None, "what is published has no label of ours"),
        ({}, "what is published has no label of ours"),
        ("a text", "what is published has no label of ours"),
        ({"org.example": "foreign"}, "what is published has no label of ours"),
        ({LABEL: "0" * 64}, "its inputs changed; what they were, its labels do not tell"),
        ({LABEL: "0" * 64, INPUTS_LABEL: "{broken"}, "its inputs changed; what they were, its labels do not tell"),
        ({LABEL: "0" * 64, INPUTS_LABEL: "[]"}, "its inputs changed; what they were, its labels do not tell"),
        ({LABEL: "0" * 64, INPUTS_LABEL: '{"a": 1}'}, "its inputs changed; what they were, its labels do not tell"),
    ],
)
def test_lost_and_foreign_labels_are_a_reason(shelf: Shelf, labels: object, reason: str) -> None:
    shelf.put_labelled(RUN, labels)
    item = shelf.plan(RUN)[RUN.name]
    assert (item.action, item.reason) == (Action.BUILD, reason)


@pytest.mark.parametrize("config", [b"no JSON", b"[]", b'{"config": null}', b'{"config": {"Labels": 5}}'])
def test_a_configuration_that_is_none_is_a_reason(shelf: Shelf, config: bytes) -> None:
    shelf.registry.blobs[digest_of(config)] = config
    content = {"mediaType": OCI_MANIFEST, "config": {"digest": digest_of(config)}}
    shelf.registry.keep(NAME, RUN.name, Manifest(OCI_MANIFEST, json.dumps(content).encode()))
    assert shelf.plan(RUN)[RUN.name].reason == "what is published has no label of ours"


def test_an_index_under_an_images_name_is_a_reason(shelf: Shelf) -> None:
    shelf.registry.keep(NAME, RUN.name, Manifest(OCI_INDEX, b'{"manifests": []}'))
    assert "index" in shelf.plan(RUN)[RUN.name].reason


def test_with_locked_an_unlocked_image_and_its_children_are_blocked(full: Shelf) -> None:
    lock = full_lock(small())
    lock = lock.model_copy(update={"images": {}})
    items = full.plan(RUN, inputs=inputs_of(lock=lock), locked=True)
    assert {item.action for item in items.values()} == {Action.BLOCKED}


def test_the_record_comes_back_whole(full: Shelf) -> None:
    there = full.reader.read([RUN])[RUN]
    assert there
    known = full.reader.record(there)
    assert known
    assert (known.name, known.inputs, known.tests) == (RUN.name, inputs_of()(RUN), passed("tests"))
    assert asdict(known)["pushed"] == {}


def test_a_record_that_nobody_can_read_is_none(shelf: Shelf) -> None:
    manifest = shelf.put(RUN, inputs_of())
    [attached] = shelf.referrers.of(manifest.digest)
    there = Published(manifest, None, None, None, (attached,))
    assert shelf.reader.record(there)
    foreign = Document("application/vnd.lambda-factory.record.v1+json", b'{"format": 99}')
    digest = shelf.referrers.attach(manifest, foreign)
    assert shelf.reader.record(replace(there, records=(replace(attached, digest=digest),))) is None
