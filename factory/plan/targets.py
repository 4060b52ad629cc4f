"""Targets: the images that a command is about, and those that they need."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from factory.matrix.images import Image, with_ancestors
from factory.plan.planner import Action, Item

Peers = Mapping[Image, tuple[Image, ...]]
"""By image, the other images that its smoke test needs."""


@dataclass(frozen=True)
class Targets:
    """What a command is about.

    `named` are the images that the selectors name, `selected` those of them that are worked on; `peers` has an entry
    for each of the named ones.
    """

    named: Sequence[Image]
    selected: Sequence[Image]
    peers: Peers = field(default_factory=dict)

    @staticmethod
    def of(named: Sequence[Image], peers: Peers | None = None) -> Targets:
        """All that is named is worked on."""
        return Targets(named, named, peers or {})

    @property
    def ancestors(self) -> list[Image]:
        """What the selected images are built from, or tested with, and that is not selected itself; parents first."""
        chosen = set(self.selected)
        return [image for image in self.with_needs(self.selected) if image not in chosen]

    def with_needs(self, images: Sequence[Image]) -> list[Image]:
        """The images with their peers and all that either is built from, parents first."""
        return with_ancestors([*images, *(peer for image in images for peer in self.peers.get(image, ()))])

    def only_stale(self, items: Mapping[Image, Item]) -> Targets:
        """Of the named images, work on those alone that a plan has something to do with."""
        wanted = set(self.named)
        todo = [image for image, item in items.items() if image in wanted and item.action is not Action.SKIP]
        return replace(self, selected=todo)


def relevant(items: Iterable[Item], targets: Targets) -> list[Item]:
    """The named images, and what must be built for those of them that are built or tested."""
    items, named = list(items), set(targets.named)
    undone = {item.image: item for item in items if item.action in (Action.BUILD, Action.BLOCKED)}
    for_tests = {
        other: item.image
        for item in items
        if item.image in named and item.action in (Action.BUILD, Action.TEST)
        for other in targets.peers.get(item.image, ())
        if other in undone and other not in named
    }
    parents = {image.parent for image in (named | for_tests.keys()) & undone.keys()}
    return [
        replace(item, reason=f"{item.reason}; {for_tests[item.image].name} is tested with it")
        if item.image in for_tests
        else item
        for item in items
        if item.image in named | for_tests.keys() | (undone.keys() & parents)
    ]
