"""The tags of a repository, read once: the dated ones by image name, youngest first."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from factory.matrix.images import Image

_DATED = re.compile(r"(?P<day>[0-9]{8})(?:\.(?P<number>[0-9]+))?-(?P<name>.+)")


@dataclass(frozen=True)
class Dated:
    """A dated tag, `20261123.2-python3.13-x86_64`, taken apart: the second of its day is younger than the first."""

    tag: str
    name: str
    day: date
    number: int = 1

    @staticmethod
    def parse(tag: str) -> Dated | None:
        """A tag taken apart; None for one that is not dated."""
        match = _DATED.fullmatch(tag)
        if not match:
            return None
        try:
            day = datetime.strptime(match["day"], "%Y%m%d").date()
        except ValueError:
            return None
        return Dated(tag, match["name"], day, int(match["number"] or 1))


class Tags:
    """All tags of a repository at one moment."""

    def __init__(self, tags: Iterable[str] = ()) -> None:
        self.all = frozenset(tags)
        found = (dated for tag in self.all if (dated := Dated.parse(tag)))
        self._dated: dict[str, list[Dated]] = {}
        for dated in sorted(found, key=lambda one: (one.day, one.number), reverse=True):
            self._dated.setdefault(dated.name, []).append(dated)

    def dated(self, image: Image) -> Sequence[Dated]:
        """The dated tags of an image, youngest first."""
        return self._dated.get(image.name, ())

    def shown(self, image: Image) -> list[str]:
        """The tags of an image that people want to see: those that move, and the youngest dated one."""
        moving = [tag for tag in image.tags if tag in self.all]
        return moving + [dated.tag for dated in self.dated(image)[:1]]


def version_tag(word: str) -> str:
    """The tag or digest that `python3.13-x86_64`, `python3.13-x86_64@20261123` or `…@sha256:…` stands for."""
    name, at, version = word.partition("@")
    if not at or version.startswith("sha256:"):
        return version or name
    return f"{version}-{name}"
