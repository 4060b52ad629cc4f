"""The plan: for each selected image whether it is built, skipped or blocked, and why, in words. A pure function."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from factory.build.records import Record, Records
from factory.matrix.images import Image
from factory.plan.keys import Inputs, InputsOf, local_name


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

    `record` is the finished image that need not be built again. `fresh` says that an image with these very inputs
    exists and is built anew all the same, without any cache.
    """

    image: Image
    action: Action
    reason: str
    record: Record | None = None
    fresh: bool = False


@dataclass(frozen=True)
class World:
    """What is there already. `finished` maps local names in the engine to digests."""

    records: Records
    finished: Mapping[str, str]
    tests_key: Callable[[Image], str]
    repository: str
    locked: bool = False


def plan(images: Sequence[Image], inputs_of: InputsOf, world: World) -> list[Item]:
    """One item an image, in the order given; parents must come before their children."""
    items: dict[Image, Item] = {}
    for image in images:
        items[image] = _item(image, inputs_of, world, items)
    return list(items.values())


def current(image: Image, inputs: Inputs, world: World) -> Record | None:
    """The record of a finished image that has these very inputs and is in the engine."""
    digest = world.finished.get(local_name(image.name, inputs.key))
    record = world.records.get(digest) if digest else None
    return record if record and record.inputs_key == inputs.key else None


def blocked(image: Image, inputs_of: InputsOf, parent: Item | None, locked: bool) -> Item | None:
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


def _item(image: Image, inputs_of: InputsOf, world: World, items: Mapping[Image, Item]) -> Item:
    parent = items.get(image.parent) if image.parent else None
    if stop := blocked(image, inputs_of, parent, world.locked):
        return stop
    record = current(image, inputs_of(image), world)
    if record is None:
        return Item(image, Action.BUILD, _why_build(image, inputs_of, world, parent))
    return _unfinished(image, record, world) or Item(image, Action.SKIP, "nothing changed", record)


def _unfinished(image: Image, record: Record, world: World) -> Item | None:
    """What a built image still lacks."""
    if record.tests is None:
        return Item(image, Action.TEST, "built, but not tested", record)
    if record.tests.key != world.tests_key(image):
        return Item(image, Action.TEST, "the smoke test changed", record)
    if not record.tests.sound:
        return Item(image, Action.TEST, "its smoke test failed", record)
    if image.name not in record.pushed.get(world.repository, ()):
        did = "not executed here" if record.tests.not_executed else "tested"
        return Item(image, Action.PUSH, f"{did}, but not in {world.repository}", record)
    return None


def _why_build(image: Image, inputs_of: InputsOf, world: World, parent: Item | None) -> str:
    inputs = inputs_of(image)
    before = world.records.latest(image.name)
    if before is None:
        return "never built"
    if before.inputs_key == inputs.key:
        return "built before, but gone from the engine"
    templates = changed_templates(before.templates, inputs_of.templates(image))
    return "; ".join(differences(before.inputs, inputs, parent, templates)) or "its inputs changed"


def changed_templates(before: Mapping[str, str], now: Mapping[str, str]) -> list[str] | None:
    """The templates that are not what they were; None where nobody knows."""
    return (
        [name for name in sorted(before.keys() | now.keys()) if before.get(name) != now.get(name)] if before else None
    )


def differences(before: Inputs, now: Inputs, parent: Item | None, templates: Sequence[str] | None = None) -> list[str]:
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
        found.append(f"its parent {parent.image.name if parent else ''} changed")
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
