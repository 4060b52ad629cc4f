"""What is present of images, told from the registry alone, and what a plan makes of that."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import date, timedelta
from pathlib import Path

import pytest

from factory.build.records import document
from factory.matrix.images import Image, with_ancestors
from factory.plan.keys import INPUTS_LABEL, LABEL, InputsOf
from factory.plan.planner import Action, Item, Standard, plan
from factory.plan.present import There
from factory.publish.present import InRegistry, there
from factory.publish.published import Published, Reader
from factory.registry.client import Registry
from factory.registry.manifests import OCI_INDEX, OCI_MANIFEST, Manifest, digest_of
from factory.registry.referrers import Document, Referrers
from tests.fake_registry import FakeRegistry
from tests.support import full_lock, image, inputs_of, passed, record, small, small_with

NAME = "factory/lambda"
TODAY = date(2026, 11, 23)
RUN, BASE = image("nodejs22.x-x86_64"), image("al2023-x86_64")


class Shelf:
    """A registry with images of ours on it, and what reads them."""

    def __init__(self, registry: FakeRegistry, folder: Path) -> None:
        self.registry = registry
        http = Registry(retries=0)
        self.referrers = Referrers(http, registry.repository(NAME), folder)
        self.reader = Reader(http, registry.repository(NAME), self.referrers)

    def put(
        self,
        which: Image,
        inputs: InputsOf,
        day: str = "20261120",
        tests: str | None = "tests",
        templates: Mapping[str, str] | None = None,
    ) -> Manifest:
        """Publishes an image that was made from these inputs."""
        made = inputs(which)
        manifest = self.put_labelled(which, {LABEL: made.key, INPUTS_LABEL: made.text}, day)
        if tests:
            known = record(which.name, made, passed(tests), with_digest=manifest.digest)
            self.referrers.attach(manifest, document(replace(known, templates=dict(templates or {}))))
        return manifest

    def put_labelled(self, which: Image, labels: object, day: str = "20261120") -> Manifest:
        config = json.dumps({"architecture": "amd64", "name": which.name, "config": {"Labels": labels}}).encode()
        self.registry.blobs[digest_of(config)] = config
        content = {"mediaType": OCI_MANIFEST, "config": {"digest": digest_of(config)}, "layers": []}
        manifest = Manifest(OCI_MANIFEST, json.dumps(content).encode())
        for tag in (which.name, f"{day}-{which.name}"):
            self.registry.keep(NAME, tag, manifest)
        return manifest

    def present(self, dated: bool = True) -> InRegistry:
        return InRegistry(self.reader, dated)

    def there(self, which: Image, inputs: InputsOf | None = None, dated: bool = True) -> There:
        return self.present(dated).look([which], inputs or inputs_of())[which]

    def published(self, which: Image) -> Published:
        found = self.present().published([which])[which]
        assert found
        return found

    def plan(
        self,
        *wanted: Image,
        inputs: InputsOf | None = None,
        tests: str = "tests",
        max_age: timedelta | None = None,
        locked: bool = False,
    ) -> dict[str, Item]:
        images, inputs = with_ancestors(wanted), inputs or inputs_of()
        standard = Standard(dict.fromkeys(images, tests), TODAY, max_age, locked)
        present = self.present(dated=max_age is not None).look(images, inputs)
        return {image.name: item for image, item in plan(images, inputs, present, standard).items()}


@pytest.fixture
def shelf(registry: FakeRegistry, tmp_path: Path) -> Shelf:
    return Shelf(registry, tmp_path)


@pytest.fixture
def full(shelf: Shelf) -> Shelf:
    """A shelf with the run image and its parent, as they should be."""
    for which in (BASE, RUN):
        shelf.put(which, inputs_of())
    return shelf


def test_what_is_as_it_should_be_is_left_alone(full: Shelf) -> None:
    assert [(item.action, item.reason) for item in full.plan(RUN).values()] == [
        (Action.SKIP, "nothing changed"),
        (Action.SKIP, "nothing changed"),
    ]


def test_all_that_is_known_of_a_published_image(full: Shelf) -> None:
    inputs = inputs_of()(RUN)
    assert full.there(RUN) == There(
        digest=full.registry.tags(NAME)[RUN.name],
        inputs_key=inputs.key,
        inputs=inputs,
        published=date(2026, 11, 20),
        tests_key="tests",
    )
    assert full.there(RUN, dated=False).published is None
    assert full.plan(RUN)[RUN.name].digest == full.registry.tags(NAME)[RUN.name]


def test_what_is_missing_is_built(shelf: Shelf) -> None:
    assert shelf.there(RUN) == There(lacking="not published")
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
    assert items[BASE.name].reason == "the emulator changed"
    assert items[RUN.name].reason == f"its parent {BASE.name} changed"


def test_a_changed_dockerfile_is_told(full: Shelf) -> None:
    other = small_with(('handler = "index.handler"', 'handler = "main.handler"'))
    assert full.plan(RUN, inputs=inputs_of(other, full_lock(other)))[RUN.name].reason == "the Dockerfile changed"


def test_the_template_that_changed_it_is_named(shelf: Shelf) -> None:
    other = small_with(('handler = "index.handler"', 'handler = "main.handler"'))
    inputs = inputs_of(other, full_lock(other))

    def reason(templates: Mapping[str, str]) -> str:
        shelf.registry.manifests.clear()
        shelf.put(BASE, inputs_of())
        shelf.put(RUN, inputs_of(), templates=templates)
        return shelf.plan(RUN, inputs=inputs)[RUN.name].reason

    now = inputs.templates(RUN)
    assert {"run.Dockerfile.j2", "blocks.j2", "families/node.run.j2"} <= now.keys()
    assert not {"build.Dockerfile.j2", "families/node.build.j2", "families/python.run.j2"} & now.keys()
    assert reason({}) == "the Dockerfile changed"
    assert reason(now) == "the Dockerfile changed by its tables in the matrix"
    assert reason({**now, "blocks.j2": "another"}) == "the Dockerfile changed by templates/blocks.j2"


def test_a_record_is_read_only_where_it_helps_to_say_what_changed(full: Shelf) -> None:
    def reads(inputs: InputsOf) -> list[str]:
        full.registry.requests.clear()
        full.present().look([BASE, RUN], inputs)
        asked = {line.rpartition("/")[2] for line in full.registry.requests}
        return [name for name, digest in records.items() if digest in asked]

    records = {which.name: one.digest for which in (BASE, RUN) for one in full.published(which).records}
    assert len(records) == 2
    assert reads(inputs_of()) == []
    moved = full_lock(small(), changes={"upstream.example/lambda/nodejs:22": "moved"})
    assert reads(inputs_of(lock=moved)) == [RUN.name]


def test_an_image_is_read_once(full: Shelf) -> None:
    present = full.present()
    present.look([RUN], inputs_of())
    full.registry.requests.clear()
    assert present.published([RUN])[RUN]
    assert full.registry.requests == []
    present.published([BASE, RUN])
    names = [line.rpartition("/")[2] for line in full.registry.requests]
    assert BASE.name in names
    assert RUN.name not in names


def test_a_changed_smoke_test_asks_for_a_test_alone(full: Shelf) -> None:
    item = full.plan(RUN, tests="other")[RUN.name]
    assert (item.action, item.reason) == (Action.TEST, "the smoke test changed")
    assert full.there(RUN).has_passed("tests")
    assert not full.there(RUN).has_passed("other")


def test_an_image_without_a_record_is_tested(shelf: Shelf) -> None:
    for which in (BASE, RUN):
        shelf.put(which, inputs_of(), tests=None)
    item = shelf.plan(RUN)[RUN.name]
    assert (item.action, item.reason) == (Action.TEST, "no record of a smoke test is attached to it")
    assert not shelf.there(RUN).has_passed("tests")


@pytest.mark.parametrize(("days", "action"), [(3, Action.SKIP), (2, Action.BUILD)])
def test_age_is_counted_from_the_youngest_dated_tag(full: Shelf, days: int, action: Action) -> None:
    item = full.plan(RUN, max_age=timedelta(days=days))[RUN.name]
    assert (item.action, item.fresh) == (action, action is Action.BUILD)


def test_an_old_image_and_the_children_of_an_old_parent_are_built_afresh(shelf: Shelf) -> None:
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
    item = shelf.plan(RUN)[RUN.name]
    assert (item.action, item.reason) == (
        Action.BUILD,
        "an index is published under its name, which Lambda refuses",
    )


def test_with_locked_an_unlocked_image_and_its_children_are_blocked(full: Shelf) -> None:
    lock = full_lock(small())
    lock = lock.model_copy(update={"images": {}})
    items = full.plan(RUN, inputs=inputs_of(lock=lock), locked=True)
    assert {item.action for item in items.values()} == {Action.BLOCKED}


def test_the_record_comes_back_whole(full: Shelf) -> None:
    known = full.reader.record(full.published(RUN))
    assert known
    assert (known.name, known.inputs, known.tests) == (RUN.name, inputs_of()(RUN), passed("tests"))
    assert asdict(known)["pushed"] == {}
    assert full.present().records([RUN, image("al2-x86_64")]) == {RUN: known}


def test_a_record_that_nobody_can_read_is_none(shelf: Shelf) -> None:
    manifest = shelf.put(RUN, inputs_of())
    [attached] = shelf.referrers.of(manifest.digest)
    published = Published(manifest, None, None, None, (attached,))
    assert shelf.reader.record(published)
    foreign = Document("application/vnd.lambda-factory.record.v1+json", b'{"format": 99}')
    digest = shelf.referrers.attach(manifest, foreign)
    assert shelf.reader.record(replace(published, records=(replace(attached, digest=digest),))) is None


def test_what_may_be_adopted_is_made_of_the_very_inputs(full: Shelf) -> None:
    found = there(full.published(RUN))
    assert found.is_made_of(inputs_of()(RUN))
    assert not found.is_made_of(inputs_of(emulator="another")(RUN))
    assert not There(lacking="nothing", inputs_key=inputs_of()(RUN).key).is_made_of(inputs_of()(RUN))
