"""What is present of images: the one idea that every plan compares with, whoever answers.

Two answer: this machine, its engine and records (`factory.build.present`), and a registry (`factory.publish.present`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Protocol

from factory.matrix.images import Image
from factory.plan.keys import Inputs, InputsOf


@dataclass(frozen=True)
class There:
    """What is there of an image.

    `lacking` says in words why nothing is, else it is empty. `inputs_key` and `inputs` are those of what is there, or
    was; `templates` the fingerprints of the templates behind its Dockerfile; each empty or None where nobody knows.
    """

    lacking: str = ""
    digest: str | None = None
    inputs_key: str | None = None
    inputs: Inputs | None = None
    templates: Mapping[str, str] = field(default_factory=dict)
    published: date | None = None
    """The day of the youngest dated tag that stands for it, where that was asked for."""
    tests_key: str | None = None
    """The fingerprint of the smoke test that it was tested with last; None where it was with none."""
    untested: str = ""
    """Why that test does not count, in words; empty where it was sound."""
    unpublished: str = ""
    """Where it still is to be pushed, in words."""

    def is_made_of(self, inputs: Inputs) -> bool:
        """Whether there is an image with these very inputs."""
        return not self.lacking and self.inputs_key == inputs.key

    def has_passed(self, tests_key: str) -> bool:
        """Whether it is sound by this very smoke test."""
        return self.tests_key == tests_key and not self.untested


class Present(Protocol):
    """Who knows what is present."""

    def look(self, images: Sequence[Image], inputs_of: InputsOf) -> Mapping[Image, There]:
        """What is there of each of the images, which are to have these inputs now."""
