"""What moved between two locks, as Markdown that fits a pull request: runtimes, digests, and packages where known."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from factory.build.records import Record
from factory.matrix.images import Image, with_ancestors
from factory.matrix.lock import Lock, Replaced, Unresolved
from factory.matrix.words import Variant
from factory.plan.planner import short
from factory.publish.compare import Difference, package_differences

_MOST = 40  # lines of packages of one runtime

RecordsOf = Callable[[Image], Iterable[Record]]
"""All that is known of the images that a name stood for, youngest first."""


@dataclass(frozen=True)
class Move:
    """An upstream that is not what it was; None where a lock does not have it. An archive has no architecture."""

    upstream: str
    architecture: str
    old: str | None
    new: str | None


def moves(old: Lock, new: Lock) -> list[Move]:
    """All that differs between two locks, sorted; what the old one did not know at all is no move."""
    return [*_images(old, new), *_archives(old, new)]


def summary(
    found: Sequence[Move], images: Sequence[Image], upstreams: Callable[[Image], Iterable[str]], records: RecordsOf
) -> str:
    """The moves as Markdown; `upstreams` are the references and addresses that an image itself is made from.

    What moved under a base is told with all runtimes that are built on it.
    """
    if not found:
        return "Nothing moved upstream.\n"
    lines = ["| runtime | upstream | architecture | from | to |", "|---|---|---|---|---|"]
    sections: list[str] = []
    for move in found:
        users = [image for image in images if move.upstream in upstreams(image)]
        of_it = [image for image in images if move.architecture in ("-", image.architecture)]
        touched = [image for image in of_it if any(each in users for each in with_ancestors([image]))]
        subjects = ", ".join(dict.fromkeys(image.declared for image in touched)) or "-"
        lines.append(
            f"| {subjects} | `{move.upstream}` | {move.architecture} | {_code(move.old)} | {_code(move.new)} |"
        )
        runs = [each for each in users if each.variant is Variant.RUN and each.architecture == move.architecture]
        sections += [section for image in runs if (section := _packages(image, move, records))]
    if not sections:
        sections = ["Which packages that changes is known when the images are built: `factory lock --since REV`."]
    return "\n".join([*lines, "", *sections]) + "\n"


def _images(old: Lock, new: Lock) -> Iterator[Move]:
    for reference, locked in sorted(old.images.items()):
        before = locked.digests
        after = new.images[reference].digests if reference in new.images else {}
        for architecture in sorted(before.keys() | after.keys()):
            if before.get(architecture) != after.get(architecture):
                yield Move(reference, str(architecture), before.get(architecture), after.get(architecture))


def _archives(old: Lock, new: Lock) -> Iterator[Move]:
    for url in sorted(old.archives):
        before, after = (_checksum(side.archives.get(url)) for side in (old, new))
        if before != after:
            yield Move(url, "-", before, after)


def _checksum(archive: str | Replaced | Unresolved | None) -> str | None:
    if isinstance(archive, Replaced):
        return archive.instead
    return "unresolved" if isinstance(archive, Unresolved) else archive


def _code(value: str | None) -> str:
    return f"`{short(value)}`" if value else "-"


def _packages(image: Image, move: Move, records: RecordsOf) -> str | None:
    """The packages that differ between the youngest images made from either digest; None where one was never made."""
    made = [next((each for each in records(image) if each.inputs.upstreams.get(move.upstream) == digest), None)
            for digest in (move.old, move.new)]  # fmt: skip
    if made[0] is None or made[1] is None:
        return None
    found = package_differences(made[0].packages, made[1].packages)
    return f"**{image.name}**: {_told(found)}"


def _told(found: Sequence[Difference]) -> str:
    if not found:
        return "no package differs\n"
    rows = [f"| {each.what} | {each.old or '-'} | {each.new or '-'} |" for each in found[:_MOST]]
    more = [f"\nand {len(found) - _MOST} more"] if len(found) > _MOST else []
    return "\n".join([f"{len(found)} packages\n", "| package | from | to |", "|---|---|---|", *rows, *more]) + "\n"
