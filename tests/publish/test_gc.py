"""Garbage: found without harm, deleted only when no tag needs it."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest

from factory.matrix.words import Architecture
from factory.publish.gc import Collector, Garbage
from factory.publish.push import index
from factory.registry.attached import referrers_tag
from factory.registry.client import Registry
from factory.registry.errors import RegistryError
from factory.registry.manifests import Manifest
from factory.registry.referrers import Document, Referrers
from tests.fake_registry import FakeRegistry

NAME = "factory/lambda"
TODAY = date(2026, 11, 23)
BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"
SBOM = Document("application/spdx+json", b"{}")


def collector(registry: FakeRegistry, keep: int = 90) -> Collector:
    return Collector(Registry(retries=0), registry.repository(NAME), TODAY, timedelta(days=keep))


def digests(garbage: list[Garbage]) -> list[str]:
    return [item.digest for item in garbage]


def publish(registry: FakeRegistry, salt: str, *tags: str) -> Manifest:
    manifest = registry.image(NAME, tags[0], salt=salt)
    for other in tags[1:]:
        registry.keep(NAME, other, manifest)
    return manifest


def attach(registry: FakeRegistry, folder: Path, subject: Manifest, document: Document = SBOM) -> str:
    return Referrers(Registry(retries=0), registry.repository(NAME), folder).attach(subject, document)


def test_old_dated_images_that_nothing_else_names_are_garbage(registry: FakeRegistry) -> None:
    old = publish(registry, "old", "20260101-python3.13-x86_64", "20260102-python3.13-x86_64")
    publish(registry, "now", "20261120-python3.13-x86_64", "python3.13-x86_64")
    [found] = collector(registry).find()
    assert found == Garbage(
        old.digest,
        ("20260101-python3.13-x86_64", "20260102-python3.13-x86_64"),
        "published more than 90 days ago, and no other tag names it",
    )


@pytest.mark.parametrize("tags", [("20260101-a-x86_64", "a-x86_64"), ("20260101-a-x86_64", "20261101-a-x86_64")])
def test_an_old_tag_of_an_image_that_is_needed_stays(registry: FakeRegistry, tags: tuple[str, ...]) -> None:
    publish(registry, "one", *tags)
    assert collector(registry).find() == []


@pytest.mark.parametrize(("keep", "count"), [(326, 0), (325, 1)])
def test_the_limit_is_kept_to_the_day(registry: FakeRegistry, keep: int, count: int) -> None:
    publish(registry, "old", "20260101-python3.13-x86_64")
    assert len(collector(registry, keep).find()) == count


def test_members_of_an_index_stay(registry: FakeRegistry) -> None:
    old = publish(registry, "old", "20260101-python3.13-x86_64")
    registry.keep(NAME, "python3.13", index([(Architecture.X86_64, old)]))
    assert collector(registry).find() == []


def test_tags_that_are_not_ours_stay(registry: FakeRegistry) -> None:
    publish(registry, "else", "latest")
    publish(registry, "no day", "20261399-x")
    assert collector(registry).find() == []


def test_what_is_attached_goes_with_its_image(registry: FakeRegistry, tmp_path: Path) -> None:
    old = publish(registry, "old", "20260101-a-x86_64")
    now = publish(registry, "now", "a-x86_64")
    document, _ = attach(registry, tmp_path, old), attach(registry, tmp_path, now)
    signature = publish(registry, "signature", f"{referrers_tag(old.digest)}.sig")
    publish(registry, "good signature", f"{referrers_tag(now.digest)}.sig")
    listing = registry.tags(NAME)[referrers_tag(old.digest)]
    assert sorted(digests(collector(registry).find())) == sorted([old.digest, document, listing, signature.digest])


def test_the_signature_of_an_attached_document_stays_while_its_image_does(
    registry: FakeRegistry, tmp_path: Path
) -> None:
    now = publish(registry, "now", "a-x86_64")
    document = attach(registry, tmp_path, now)
    publish(registry, "signature", f"{referrers_tag(document)}.sig")
    assert collector(registry).find() == []


def test_signatures_of_cosign_3_stay_with_what_they_sign_and_go_with_it(registry: FakeRegistry, tmp_path: Path) -> None:
    old = publish(registry, "old", "20260101-a-x86_64")
    now = publish(registry, "now", "a-x86_64")
    for manifest in (old, now):
        document = registry.manifests[NAME, attach(registry, tmp_path, manifest)]
        for signed in (manifest, document):
            attach(registry, tmp_path, signed, Document(BUNDLE, f'{{"for": "{signed.digest}"}}'.encode()))
    garbage = digests(collector(registry).find())
    for digest in garbage:
        for key in [key for key, manifest in registry.manifests.items() if manifest.digest == digest]:
            del registry.manifests[key]
    assert len(garbage) == len(set(garbage)) == 1 + 3 + 2, "an image, three documents, two lists"
    assert registry.tags(NAME).keys() == {
        "a-x86_64",
        referrers_tag(now.digest),
        referrers_tag(document.digest),
    }


def test_looking_changes_nothing(registry: FakeRegistry) -> None:
    publish(registry, "old", "20260101-python3.13-x86_64")
    before = registry.tags(NAME)
    collector(registry).find()
    assert registry.tags(NAME) == before


def test_deleting_takes_all_tags_along(registry: FakeRegistry) -> None:
    publish(registry, "old", "20260101-a-x86_64", "20260102-a-x86_64")
    publish(registry, "now", "a-x86_64")
    found = collector(registry).find()
    assert list(collector(registry).delete(found)) == found
    assert registry.tags(NAME).keys() == {"a-x86_64"}


def test_a_registry_that_deletes_nothing_is_told(registry: FakeRegistry) -> None:
    registry.deletes = False
    publish(registry, "old", "20260101-a-x86_64")
    with pytest.raises(RegistryError, match="is set up to delete nothing"):
        list(collector(registry).delete(collector(registry).find()))


def test_what_somebody_else_deleted_is_no_error(registry: FakeRegistry) -> None:
    assert list(collector(registry).delete([Garbage("sha256:" + "0" * 64, (), "gone")]))


def test_an_empty_repository_has_no_garbage(registry: FakeRegistry) -> None:
    assert collector(registry).find() == []
