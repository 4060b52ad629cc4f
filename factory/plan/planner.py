"""The plan: for each image what comes next, build, test or push, or nothing, and why, in words. A pure function."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import StrEnum

from factory.matrix.images import Image
from factory.plan.keys import Inputs, InputsOf
from factory.plan.present import There


class Action(StrEnum):
    """What is done with an image."""

    BUILD = "build"
    TEST = "test"
    PUSH = "push"
    SKIP = "skip"
    BLOCKED = "blocked"


@dataclass(frozen=True)
class Item:
    """The plan for one image.

    `digest` is that of the finished image that need not be built again. `fresh` says that an image with these very
    inputs exists and is built anew all the same, without any cache.
    """

    image: Image
    action: Action
    reason: str
    digest: str | None = None
    fresh: bool = False


@dataclass(frozen=True)
class Standard:
    """What an image must meet: the smoke test of `tests_keys`, and an age of at most `max_age` on the day `today`.

    With `locked` an image is blocked whose references the lock has no digest for.
    """

    tests_keys: Mapping[Image, str] = field(default_factory=dict)
    today: date = date.min
    max_age: timedelta | None = None
    locked: bool = False


def plan(
    images: Sequence[Image], inputs_of: InputsOf, present: Mapping[Image, There], standard: Standard
) -> dict[Image, Item]:
    """One item an image, in the order given; parents must come before their children."""
    items: dict[Image, Item] = {}
    for image in images:
        parent = items.get(image.parent) if image.parent else None
        items[image] = _blocked(image, inputs_of, parent, standard.locked) or _item(
            image, inputs_of, present[image], parent, standard
        )
    return items


def _blocked(image: Image, inputs_of: InputsOf, parent: Item | None, locked: bool) -> Item | None:
    """What keeps an image from being worked on, if anything does."""
    if parent and parent.action is Action.BLOCKED:
        return Item(image, Action.BLOCKED, f"its parent {parent.image.name} is blocked")
    if locked and (unlocked := inputs_of.unlocked(image)):
        return Item(image, Action.BLOCKED, f"{', '.join(unlocked)} is not locked; run `factory lock`")
    if unsigned := inputs_of.unsigned(image):
        return Item(image, Action.BLOCKED, f"the signature of {', '.join(unsigned)} is unchecked; run `factory lock`")
    if archives := inputs_of.unverifiable(image):
        return Item(image, Action.BLOCKED, f"nobody knows the checksum of {', '.join(archives)}; run `factory lock`")
    return None


def _item(image: Image, inputs_of: InputsOf, there: There, parent: Item | None, standard: Standard) -> Item:
    inputs = inputs_of(image)
    if there.lacking:
        return Item(image, Action.BUILD, there.lacking)
    if not there.is_made_of(inputs):
        return Item(image, Action.BUILD, _why(there, inputs, parent, inputs_of.templates(image)))
    if parent and parent.fresh:
        return Item(image, Action.BUILD, f"its parent {parent.image.name} is rebuilt", fresh=True)
    if age := _too_old(there.published, standard):
        return Item(image, Action.BUILD, age, fresh=True)
    if there.tests_key is not None and there.tests_key != standard.tests_keys[image]:
        return Item(image, Action.TEST, "the smoke test changed", there.digest)
    if there.untested:
        return Item(image, Action.TEST, there.untested, there.digest)
    if there.unpublished:
        return Item(image, Action.PUSH, there.unpublished, there.digest)
    return Item(image, Action.SKIP, "nothing changed", there.digest)


def _why(there: There, inputs: Inputs, parent: Item | None, templates: Mapping[str, str]) -> str:
    if there.inputs is None:
        return "its inputs changed; what they were, its labels do not tell"
    moved = changed_templates(there.templates, templates)
    return "; ".join(changes(there.inputs, inputs, parent.image if parent else None, moved)) or "its inputs changed"


def _too_old(published: date | None, standard: Standard) -> str | None:
    if standard.max_age is None:
        return None
    if published is None:
        return "published without a dated tag, so nobody knows how old it is"
    age = standard.today - published
    if age <= standard.max_age:
        return None
    return f"published {age.days} days ago, and may be {standard.max_age.days}"


def changed_templates(before: Mapping[str, str], now: Mapping[str, str]) -> list[str] | None:
    """The templates that are not what they were; None where nobody knows."""
    if not before:
        return None
    return [name for name in sorted(before.keys() | now.keys()) if before.get(name) != now.get(name)]


def changes(
    before: Inputs, now: Inputs, parent: Image | None = None, templates: Sequence[str] | None = None
) -> list[str]:
    """Every input that is not what it was, in words; `templates` are those that changed, if that is known."""
    found = []
    if before.dockerfile != now.dockerfile:
        found.append(f"the Dockerfile changed{_by(templates)}")
    if before.context != now.context:
        found.append("its bootstrap changed" if parent else "the emulator changed")
    for reference in sorted(before.upstreams.keys() | now.upstreams.keys()):
        old, new = before.upstreams.get(reference, "nothing"), now.upstreams.get(reference, "nothing")
        if old != new:
            found.append(f"{reference} moved from {short(old)} to {short(new)}")
    found += [
        f"{url} is {'another file' if url in before.archives else 'new'}"
        for url, checksum in sorted(now.archives.items())
        if before.archives.get(url) != checksum
    ]
    if before.parent != now.parent:
        found.append(f"its parent {parent.name if parent else ''} changed")
    elif before.epoch != now.epoch:
        found.append("the lock's date moved")
    return found


def _by(templates: Sequence[str] | None) -> str:
    if templates is None:
        return ""
    return (
        f" by {', '.join(f'templates/{name}' for name in templates)}" if templates else " by its tables in the matrix"
    )


def short(digest: str) -> str:
    """A digest as people quote it."""
    return digest.removeprefix("sha256:")[:12]
