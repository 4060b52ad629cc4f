"""From matrix to images: names, tags, parents, selection."""

from __future__ import annotations

from datetime import date
from itertools import pairwise

import pytest

from factory.errors import UsageError
from factory.matrix.images import Image, Selection, expand, select, status_on, with_ancestors
from factory.matrix.words import Architecture, Variant
from tests.support import image, names, real, small

IMAGES = expand(small())


def test_names_tags_and_dates() -> None:
    made = image("build-python3.11-x86_64")
    assert made == Image("al2", "python3.11", "python", Variant.BUILD, Architecture.X86_64)
    assert made.stem == "build-python3.11"
    assert made.tags == ("build-python3.11-x86_64", "build-python3.11")
    assert made.dated_tag(date(2026, 11, 23)) == "20261123-build-python3.11-x86_64"
    assert image("nodejs22.x-arm64").tags == ("nodejs22.x-arm64", "nodejs22.x")


def test_the_key_path_is_that_of_the_table() -> None:
    assert image("build-python3.11-x86_64").path == ("runtimes", "python3.11")
    assert image("build-al2-arm64").path == ("bases", "al2")


def test_a_runtime_is_built_from_its_base_of_the_same_variant_and_architecture() -> None:
    parent = image("build-nodejs22.x-arm64").parent
    assert parent is not None
    assert parent.name == "build-al2023-arm64"
    assert parent.parent is None


def test_every_base_and_runtime_has_both_variants_on_all_its_architectures() -> None:
    found = names(expand(real()))
    assert len(found) == len(set(found))
    declared = [
        runtime.architectures or real().bases[runtime.base].architectures for runtime in real().runtimes.values()
    ]
    assert len(found) == 2 * (1 + 2 + 2) + 2 * sum(map(len, declared))
    assert {"python3.13-arm64", "build-provided-x86_64", "al2023-arm64"} <= set(found)
    assert "provided-arm64" not in found
    assert "al1-arm64" not in found


def test_a_runtime_may_have_fewer_architectures_than_its_base() -> None:
    assert "python3.11-arm64" not in names(IMAGES)
    assert "python3.9-arm64" in names(IMAGES)


def test_bases_come_first() -> None:
    of_bases = [image.runtime is None for image in IMAGES]
    assert of_bases == sorted(of_bases, reverse=True)


def test_no_selector_means_all() -> None:
    assert select(IMAGES, Selection()) == IMAGES


@pytest.mark.parametrize(
    ("selection", "expected"),
    [
        (Selection(("python3.11",)), ["python3.11-x86_64", "build-python3.11-x86_64"]),
        (Selection(("build-python3.9",)), ["build-python3.9-x86_64", "build-python3.9-arm64"]),
        (Selection(("python3.9-arm64",)), ["python3.9-arm64"]),
        (Selection(("build-nodejs*-arm64",)), ["build-nodejs22.x-arm64", "build-nodejs26.x-arm64"]),
        (Selection(("nodejs6.1[0-9]",), variants=("run",)), ["nodejs6.10-x86_64"]),
        (
            Selection(("python3.1?", "nodejs6*"), variants=("build",)),
            ["build-nodejs6.10-x86_64", "build-python3.11-x86_64"],
        ),
        (Selection(bases=("al1",), variants=("run",)), ["al1-x86_64", "nodejs6.10-x86_64"]),
        (
            Selection(families=("provided",), architectures=("arm64",)),
            ["provided.al2-arm64", "build-provided.al2-arm64"],
        ),
        (Selection(("al2",), variants=("run",)), ["al2-x86_64", "al2-arm64"]),
    ],
)
def test_selectors(selection: Selection, expected: list[str]) -> None:
    assert names(select(IMAGES, selection)) == expected


@pytest.mark.parametrize(
    ("selection", "message"),
    [
        (Selection(("pyton3.11",)), "'pyton3.11' selects no image; did you mean 'python3.11' or "),
        (Selection(("python3.9", "zzzz")), "'zzzz' selects no image; `factory list` shows what there is"),
        (Selection(bases=("al3",)), "--base 'al3' selects no image; did you mean 'al2"),
        (Selection(families=("pyhton",)), "--family 'pyhton' selects no image; did you mean 'python'?"),
        (Selection(("python3.11",), architectures=("arm64",)), "these selectors together select no image"),
    ],
)
def test_a_selector_that_selects_nothing_is_an_error_with_the_nearest_names(selection: Selection, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        select(IMAGES, selection)
    assert str(caught.value).startswith(message)


def test_ancestors_come_first_and_once() -> None:
    chosen = [image("nodejs22.x-arm64"), image("nodejs26.x-arm64"), image("al2023-arm64"), image("al1-x86_64")]
    found = with_ancestors(chosen)
    assert sorted(names(found)) == ["al1-x86_64", "al2023-arm64", "nodejs22.x-arm64", "nodejs26.x-arm64"]
    for before, after in pairwise(found):
        assert (before.parent is not None) <= (after.parent is not None)


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        (("preview",), {"nodejs26.x"}),
        (("create blocked", "preview"), {"nodejs26.x", "provided.al2"}),
        (("supported",), {"nodejs22.x", "nodejs6.10", "python3.11", "python3.9"}),
    ],
)
def test_a_status_selects_runtimes_on_a_day_and_no_base(statuses: tuple[str, ...], expected: set[str]) -> None:
    chosen = select(IMAGES, Selection(statuses=statuses), status_on(small(), date(2027, 2, 15)))
    assert {image.declared for image in chosen} == expected
