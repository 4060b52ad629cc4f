"""What differs between two renderings of a matrix."""

from __future__ import annotations

import difflib
from collections.abc import Mapping


def unified(old: Mapping[str, str], new: Mapping[str, str]) -> str:
    """A unified diff of all Dockerfiles, by name without architecture; empty when nothing differs."""
    parts: list[str] = []
    for stem in sorted(old.keys() | new.keys()):
        before, after = old.get(stem, ""), new.get(stem, "")
        if before != after:
            name = f"{stem}/Dockerfile"
            parts += difflib.unified_diff(
                before.splitlines(keepends=True),
                after.splitlines(keepends=True),
                f"a/{name}" if stem in old else "/dev/null",
                f"b/{name}" if stem in new else "/dev/null",
            )
    return "".join(parts)
