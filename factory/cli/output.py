"""Printing a command's result: a text for people, or JSON whose keys are a contract."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

from factory.app.options import Selecting
from factory.matrix.images import Selection


def show(form: str, data: object, text: Callable[[], str]) -> None:
    """Prints the data as JSON where that is the form, else the text."""
    print(json.dumps(data, indent=2) if form == "json" else text())


def selection(patterns: Sequence[str], selecting: Selecting) -> Selection:
    return Selection(
        patterns=tuple(patterns),
        bases=tuple(selecting.base),
        families=tuple(selecting.family),
        variants=tuple(selecting.variant),
        architectures=tuple(selecting.arch),
        statuses=tuple(word.replace("-", " ") for word in selecting.status),
    )
