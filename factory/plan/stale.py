"""What must be rebuilt, and why: the inputs of every image against the labels of what is published. A pure function."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from factory.matrix.images import Image
from factory.plan.keys import Inputs, InputsOf
from factory.plan.planner import Action, Item, blocked, changed_templates, differences
from factory.publish.published import Published


@dataclass(frozen=True)
class Standard:
    """What a published image must meet."""

    tests_key: Callable[[Image], str]
    today: date
    max_age: timedelta | None = None
    locked: bool = False


def stale(
    images: Sequence[Image], inputs_of: InputsOf, published: Mapping[Image, Published | None], standard: Standard
) -> list[Item]:
    """One item an image, in the order given; parents must come before their children.

    An image that is built although its inputs are the published ones (`fresh`) is too old, or its parent is.
    """
    items: dict[Image, Item] = {}
    for image in images:
        parent = items.get(image.parent) if image.parent else None
        items[image] = blocked(image, inputs_of, parent, standard.locked) or _item(
            image, inputs_of, published[image], parent, standard
        )
    return list(items.values())


def _item(image: Image, inputs_of: InputsOf, there: Published | None, parent: Item | None, standard: Standard) -> Item:
    inputs = inputs_of(image)
    if there is None:
        return Item(image, Action.BUILD, "not published")
    if there.manifest.is_index:
        return Item(image, Action.BUILD, "an index is published under its name, which Lambda refuses")
    if there.inputs_key is None:
        return Item(image, Action.BUILD, "what is published has no label of ours")
    if there.inputs_key != inputs.key:
        moved = changed_templates(there.record.templates if there.record else {}, inputs_of.templates(image))
        return Item(image, Action.BUILD, _why(there, inputs, parent, moved))
    if parent and parent.fresh:
        return Item(image, Action.BUILD, f"its parent {parent.image.name} is rebuilt", fresh=True)
    if age := _too_old(there.day, standard):
        return Item(image, Action.BUILD, age, fresh=True)
    if there.tests_key != standard.tests_key(image):
        known = "the smoke test changed" if there.tests_key else "no record of a smoke test is attached to it"
        return Item(image, Action.TEST, known)
    return Item(image, Action.SKIP, "nothing changed")


def _why(there: Published, inputs: Inputs, parent: Item | None, templates: Sequence[str] | None) -> str:
    if there.inputs is None:
        return "its inputs changed; what they were, its labels do not tell"
    return "; ".join(differences(there.inputs, inputs, parent, templates)) or "its inputs changed"


def _too_old(day: date | None, standard: Standard) -> str | None:
    if standard.max_age is None:
        return None
    if day is None:
        return "published without a dated tag, so nobody knows how old it is"
    age = standard.today - day
    if age <= standard.max_age:
        return None
    return f"published {age.days} days ago, and may be {standard.max_age.days}"
