"""The tags of a repository, by image."""

from __future__ import annotations

from datetime import date

import pytest

from factory.publish.tags import Dated, Tags
from tests.support import image

BASE, BUILD = image("al2023-x86_64"), image("build-al2023-x86_64")
TAGS = Tags(
    [
        *("al2023-x86_64", "al2023", "build-al2023-x86_64", "20261123-build-al2023-x86_64"),
        *(
            "20261123-al2023-x86_64",
            "20261123.2-al2023-x86_64",
            "20261123.10-al2023-x86_64",
            "20261120.99-al2023-x86_64",
        ),
        *("sha256-" + "0" * 64, "20261399-al2023-x86_64", "2026112-al2023-x86_64"),
    ]
)


def test_an_image_has_the_dated_tags_of_its_very_name_youngest_first() -> None:
    assert [dated.tag.partition("-")[0] for dated in TAGS.dated(BASE)] == [
        *("20261123.10", "20261123.2", "20261123", "20261120.99"),
    ]
    assert [dated.tag for dated in TAGS.dated(BUILD)] == ["20261123-build-al2023-x86_64"]


def test_what_is_shown_are_the_moving_tags_and_the_youngest_dated_one() -> None:
    assert TAGS.shown(BASE) == ["al2023-x86_64", "al2023", "20261123.10-al2023-x86_64"]
    assert TAGS.shown(BUILD) == ["build-al2023-x86_64", "20261123-build-al2023-x86_64"]
    assert TAGS.shown(image("al2-x86_64")) == []


@pytest.mark.parametrize(
    ("tag", "found"),
    [
        ("20261123-python3.13-arm64", ("python3.13-arm64", date(2026, 11, 23), 1)),
        ("20261123.2-al1-x86_64", ("al1-x86_64", date(2026, 11, 23), 2)),
        ("20261323-al1-x86_64", None),
        ("python3.13-arm64", None),
        ("20261123", None),
    ],
)
def test_a_dated_tag_is_taken_apart(tag: str, found: tuple[str, date, int] | None) -> None:
    dated = Dated.parse(tag)
    assert (dated and (dated.name, dated.day, dated.number)) == found
