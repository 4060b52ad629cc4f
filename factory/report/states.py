"""Where an image of a run stands."""

from __future__ import annotations

from enum import StrEnum


class State(StrEnum):
    """Where an image stands."""

    WAITING = "waiting"
    BUILDING = "building"
    BUILT = "built"
    TESTING = "testing"
    TESTED = "tested"
    PUSHING = "pushing"
    PUSHED = "pushed"
    UNCHANGED = "unchanged"
    FAILED = "failed"
    BLOCKED = "blocked"


ACTIVE = frozenset((State.BUILDING, State.TESTING, State.PUSHING))
"""The states in which something happens."""
