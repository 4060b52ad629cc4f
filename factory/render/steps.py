"""The steps of an image: the instructions of its Dockerfile's last stage, and what each of them brings."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from factory.render.templates import Rendered

UPSTREAM = "upstream"
"""What a step brings that copies what is upstream's."""


@dataclass(frozen=True)
class Step:
    """An instruction of a Dockerfile on one line, without its mounts. `brings` is empty for one that is nobody's."""

    text: str
    brings: str = ""


def of_extra(name: str) -> str:
    """What a step brings that is there for an extra alone."""
    return f"extra {name}"


def steps(rendered: Rendered) -> tuple[Step, ...]:
    """The instructions of the last stage, first to last.

    A builder writes one entry of an image's history for each of them, FROM apart.
    """
    lines = rendered.text.split("\n")
    begins = list(_begins(lines))
    stage = max((number for number in begins if lines[number].startswith("FROM ")), default=-1)
    own = (number for number in begins if number > stage)
    return tuple(Step(_text(lines, number), rendered.brings.get(number, "")) for number in own)


def _begins(lines: Sequence[str]) -> Iterator[int]:
    """The lines on which instructions begin: not those that continue one, nor comments, nor a heredoc's text."""
    continued, heredocs = False, list[str]()
    for number, line in enumerate(lines):
        if heredocs and not continued:
            heredocs = heredocs[1:] if line.strip() == heredocs[0] else heredocs
            continue
        if _is_comment(line) or (not line.strip() and not continued):
            continue
        if not continued:
            yield number
        heredocs += [word.strip("<-'\"") for word in line.split() if word.startswith("<<")]
        continued = _continues(line)


def _text(lines: Sequence[str], begin: int) -> str:
    end = begin
    while _continues(lines[end]) or _is_comment(lines[end]):
        end += 1
    words = " ".join(line.removesuffix("\\") for line in lines[begin : end + 1] if not _is_comment(line)).split()
    return re.sub(r" --mount=\S+", "", " ".join(words))


def _is_comment(line: str) -> bool:
    return line.lstrip().startswith("#")


def _continues(line: str) -> bool:
    return line.rstrip().endswith("\\")
