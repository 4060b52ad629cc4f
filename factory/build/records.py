"""Records: what is known of an image by digest, one JSON file each in `build/records/`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from factory.files import write_text
from factory.plan.keys import Inputs

if TYPE_CHECKING:
    from factory.registry.referrers import Document

_FORMAT = 1

RECORD_TYPE = "application/vnd.lambda-factory.record.v1+json"
"""The media type of a record that is attached to its published image."""

TESTS_ANNOTATION = "io.github.lambda-factory.tests-key"
"""The annotation of an attached record that tells which smoke test the image passed."""


@dataclass(frozen=True)
class CheckResult:
    """One check of a smoke test. `message` says what was wrong; empty when it passed."""

    name: str
    passed: bool
    seconds: float
    message: str = ""

    @property
    def headline(self) -> str:
        return next(iter(self.message.splitlines()), "")


@dataclass(frozen=True)
class TestResult:
    """A whole smoke test. `key` is the fingerprint of the checks and handlers that ran."""

    key: str
    finished: str
    checks: tuple[CheckResult, ...]
    not_executed: str | None = None
    """Why the image was not invoked, where it could not be: then only checks that need no invocation ran."""
    skipped: tuple[str, ...] = ()
    """The names of the checks that were left out for that, or, with the reason, because they cannot be done here."""
    seconds: float = 0.0
    """How long it all took."""

    @property
    def sound(self) -> bool:
        """All checks that ran passed, and there was one at all: an image for which no check ran has failed."""
        return bool(self.checks) and all(check.passed for check in self.checks)

    @property
    def passed(self) -> bool:
        """Sound, and invoked: an image that was not executed has passed nothing."""
        return self.sound and self.not_executed is None


@dataclass(frozen=True)
class Layer:
    """A step of a Dockerfile that wrote something, and how many bytes."""

    step: str
    size: int
    brings: str = ""
    """What it is there for, as the templates say: `upstream`, `extra gradle`; empty where it is the image's own."""


@dataclass(frozen=True)
class Record:
    """What is known of an image. Times are UTC in ISO 8601, sizes bytes."""

    digest: str
    media_type: str
    name: str
    inputs_key: str
    inputs: Inputs
    built: str
    build_seconds: float
    size: int
    layers: tuple[Layer, ...] = ()
    """What its own Dockerfile added, unpacked; what its parent has is in the parent's record."""
    templates: dict[str, str] = field(default_factory=dict)
    """Fingerprints of the templates that its Dockerfile was rendered from, so that it can be told which one changed."""
    packages: tuple[str, ...] = ()
    package_sizes: dict[str, int] = field(default_factory=dict)
    """By name, of the packages that are an extra's."""
    tests: TestResult | None = None
    pushed: dict[str, list[str]] = field(default_factory=dict)
    """By repository: the tags that were seen there with this digest."""

    def is_since(self, moment: datetime | None) -> bool:
        """Whether it was built at a moment or later; where none is named, always."""
        return moment is None or datetime.fromisoformat(self.built) >= moment

    @property
    def seconds(self) -> float:
        """How long its build and its last test took."""
        return self.build_seconds + (sum(check.seconds for check in self.tests.checks) if self.tests else 0.0)


def document(record: Record) -> Document:
    """A record as it is attached to its published image: without what is true of one machine or repository alone."""
    # It brings the registry's client, which most commands do without.
    from factory.registry.referrers import CREATED, Document

    content = {"format": _FORMAT, **asdict(replace(record, pushed={}))}
    annotations = {TESTS_ANNOTATION: record.tests.key, CREATED: record.tests.finished} if record.tests else {}
    return Document(RECORD_TYPE, json.dumps(content, sort_keys=True).encode(), annotations)


def parse(content: bytes) -> Record | None:
    """A record from its JSON; None where it is damaged, or of another format."""
    try:
        return _record(json.loads(content))
    except (ValueError, TypeError, KeyError, AttributeError):
        return None


class Records:
    """The records of a build directory, read once. A damaged file counts as missing and is told by `damaged`."""

    def __init__(self, build_dir: Path) -> None:
        self._folder = build_dir / "records"
        self.damaged: list[Path] = []
        self._by_digest: dict[str, Record] = {}
        self._by_name: dict[str, dict[str, Record]] = {}
        for record in self._read():
            self._know(record)

    def __iter__(self) -> Iterator[Record]:
        return iter(sorted(self._by_digest.values(), key=lambda record: record.built))

    def get(self, digest: str) -> Record | None:
        return self._by_digest.get(digest)

    def latest(self, name: str) -> Record | None:
        """The youngest record of an image name."""
        return max(self._by_name.get(name, {}).values(), key=lambda record: record.built, default=None)

    def save(self, record: Record) -> Record:
        """Writes a record, whole or not at all."""
        self._know(record)
        write_text(self._file(record.digest), json.dumps({"format": _FORMAT, **asdict(record)}, indent=1) + "\n")
        return record

    def refresh(self, digest: str) -> Record | None:
        """Reads one record again, which another run may have written meanwhile."""
        record = self._parse(self._file(digest))
        if record:
            self._know(record)
        return record

    def _know(self, record: Record) -> None:
        self._by_digest[record.digest] = record
        self._by_name.setdefault(record.name, {})[record.digest] = record

    def _file(self, digest: str) -> Path:
        return self._folder / f"{digest.replace(':', '-')}.json"

    def _read(self) -> Iterator[Record]:
        for file in sorted(self._folder.glob("sha256-*.json")):
            if record := self._parse(file):
                yield record

    def _parse(self, file: Path) -> Record | None:
        try:
            record = parse(file.read_bytes())
        except FileNotFoundError:
            return None
        except OSError:
            record = None
        if record is None:
            self.damaged.append(file)
        return record


def _record(document: dict[str, Any]) -> Record:
    if document.pop("format") != _FORMAT:
        raise ValueError("another format")
    tests = document.pop("tests")
    parsed = {
        "inputs": Inputs.parse(document["inputs"]),
        "layers": tuple(Layer(**layer) for layer in document.get("layers", ())),
        "packages": tuple(document["packages"]),
    }
    record = Record(**{**document, **parsed})
    return replace(record, tests=_tests(tests)) if tests else record


def _tests(document: dict[str, Any]) -> TestResult:
    checks = tuple(CheckResult(**check) for check in document["checks"])
    return TestResult(**{**document, "checks": checks, "skipped": tuple(document.get("skipped", ()))})
