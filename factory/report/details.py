"""What `list`, `show` and `plan` tell of images, as data whose keys are a contract."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from factory.build import sizes
from factory.build.records import Record
from factory.matrix.downloads import of_source
from factory.matrix.images import Image, status_on
from factory.matrix.lock import source_reference
from factory.matrix.schema import Matrix
from factory.matrix.words import Variant
from factory.plan.keys import Inputs
from factory.plan.planner import Action, Item
from factory.plan.shards import RUNNERS
from factory.report.tables import megabytes, table

if TYPE_CHECKING:
    from factory.publish.compare import Difference

_MOST_FILES = 50  # lines of files that are shown; a runtime's update changes thousands
_WIDEST = 100  # characters of a shown step: one may install a hundred packages


def entry(matrix: Matrix, image: Image, today: date, not_executed: str | None) -> dict[str, Any]:
    """One image of `factory list --format json`; `not_executed` says why it cannot be executed here."""
    return {
        "name": image.name,
        "runtime": image.runtime,
        "family": image.family,
        "base": image.base,
        "package_manager": matrix.bases[image.base].package_manager.value,
        "variant": image.variant.value,
        "architecture": image.architecture.value,
        "tags": list(image.tags),
        "source": _source(matrix, image),
        "status": status_on(matrix, today)(image),
        "executed": f"not executed here: {not_executed}" if not_executed else "yes",
    }


def list_text(entries: Iterable[dict[str, Any]]) -> str:
    """`factory list` for people."""
    rows = [
        (
            entry["name"],
            entry["base"],
            entry["package_manager"],
            entry["status"] or "-",
            entry["source"] or "-",
            entry["executed"],
        )
        for entry in entries
    ]
    return table(("NAME", "BASE", "PACKAGES", "STATUS", "SOURCE", "EXECUTED"), rows)


@dataclass(frozen=True)
class Known:
    """What is known of an image beside its declaration: what it is made from, its youngest record, and its parent's."""

    inputs: Inputs
    upstreams: Mapping[str, str | None]
    """By reference, the locked digest."""
    dockerfile: str
    record: Record | None
    parent: Record | None


def detail(matrix: Matrix, image: Image, listed: dict[str, Any], known: Known) -> dict[str, Any]:
    """One image of `factory show`: the list's keys, its inputs, and what its youngest record knows."""
    lifecycle = matrix.runtimes[image.runtime].lifecycle if image.runtime else None
    record = known.record
    return listed | {
        "inputs_key": known.inputs.key,
        "upstreams": dict(known.upstreams),
        "parent": image.parent.name if image.parent else None,
        "lifecycle": lifecycle.model_dump(mode="json", exclude_none=True) if lifecycle else None,
        "dockerfile": known.dockerfile,
        "record": _record(record) if record else None,
        "sizes": _sizes(matrix, image, record, known.parent) if record else None,
    }


def detail_text(details: dict[str, Any]) -> str:
    """`factory show` for people."""
    record = details["record"]
    apart = ("dockerfile", "record", "sizes")
    lines = [f"{key:16} {_plain(value)}" for key, value in details.items() if key not in apart]
    if record:
        lines += ["", *(f"{key:16} {_plain(value)}" for key, value in record.items() if key != "packages")]
        lines += [f"{'packages':16} {len(record['packages'])}", "", _sizes_text(details["sizes"])]
    else:
        lines += ["", "never built here"]
    return "\n".join([*lines, "", details["dockerfile"]])


def plan_entry(item: Item) -> dict[str, Any]:
    """One image of `factory plan --format json`."""
    return {
        "name": item.image.name,
        "action": item.action.value,
        "reason": item.reason,
        "digest": item.digest,
        "fresh": item.fresh,
    }


def plan_text(items: Sequence[Item]) -> str:
    """`factory plan` for people."""
    return table(("NAME", "ACTION", "REASON"), [(item.image.name, item.action.value, item.reason) for item in items])


def plan_markdown(items: Sequence[Item]) -> str:
    """The plan for a job's summary: what is to be done, and how much is not."""
    todo = [item for item in items if item.action is not Action.SKIP]
    lines = [f"\n{len(todo)} of {len(items)} images are to be worked on.\n"]
    if todo:
        lines += ["| image | action | reason |", "|---|---|---|"]
        lines += [f"| {item.image.name} | {item.action} | {item.reason} |" for item in todo]
    return "\n".join(lines) + "\n"


def github_matrix(items: Iterable[Item]) -> dict[str, Any]:
    """`factory plan --format github`: a job matrix of what there is to do, a job an image."""
    return {
        "include": [
            {
                "name": item.image.name,
                "architecture": item.image.architecture.value,
                "runner": RUNNERS[item.image.architecture],
                "action": item.action.value,
            }
            for item in items
            if item.action.value not in ("skip", "blocked")
        ]
    }


def differences_text(found: Sequence[tuple[str, Difference]]) -> str:
    """A table for people; of many files the first."""
    if not found:
        return "nothing differs"
    files = [row for row in found if row[0] == "files"]
    shown = [row for row in found if row[0] != "files"] + files[:_MOST_FILES]
    rows = [(section, each.what, each.old or "-", each.new or "-") for section, each in shown]
    more = f"\nand {len(files) - _MOST_FILES} more files" if len(files) > _MOST_FILES else ""
    return table(("", "WHAT", "OLD", "NEW"), rows) + more


def _source(matrix: Matrix, image: Image) -> str | None:
    """The upstream that the image's content comes from."""
    if image.runtime is None:
        return matrix.bases[image.base].upstream
    runtime = matrix.runtimes[image.runtime]
    family = matrix.families[runtime.family]
    if download := of_source(image.runtime, runtime, family):
        return download.artifact(image.architecture).url
    return source_reference(runtime, family) or matrix.bases[image.base].upstream


def _record(record: Record) -> dict[str, Any]:
    tests = record.tests
    return {
        "digest": record.digest,
        "media_type": record.media_type,
        "built": record.built,
        "build_seconds": record.build_seconds,
        "size": record.size,
        "size_text": megabytes(record.size),
        "tests": {check.name: check.message or "passed" for check in tests.checks} if tests else None,
        "test_seconds": tests.seconds if tests else None,
        "not_executed": tests.not_executed if tests else None,
        "pushed": record.pushed,
        "packages": list(record.packages),
    }


def _sizes(matrix: Matrix, image: Image, record: Record, parent: Record | None) -> dict[str, Any]:
    """What takes room in an image, as its records know it; bytes, unpacked."""
    return {
        "layers": [{"step": layer.step, "size": layer.size} for layer in record.layers],
        "extras": sizes.of_extras(matrix, image, record),
        "overhead": sizes.overhead(record, parent) if image.variant is Variant.RUN else None,
    }


def _sizes_text(found: dict[str, Any]) -> str:
    """The sizes for people: what this image's own Dockerfile adds, and of which extras that is."""
    rows = [(layer["size"], _short(layer["step"])) for layer in found["layers"]]
    rows += [(size, f"extra {name}") for name, size in found["extras"].items()]
    if found["overhead"] is not None:
        rows.append((found["overhead"], "beyond upstream, the emulator included"))
    return table(("BYTES", "WHAT"), [("unknown" if size is None else f"{size:,}", what) for size, what in rows])


def _short(step: str) -> str:
    return step if len(step) <= _WIDEST else f"{step[: _WIDEST - 1]}…"


def _plain(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key}: {inner}" for key, inner in value.items()) or "-"
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "-"
    return "-" if value is None else str(value)
