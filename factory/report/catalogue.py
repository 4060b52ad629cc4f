"""The catalogue: a static site, also as Markdown, of every image: what is published, how it was tested, what ends soon.

Told from the matrix and the registry; of what failed since, from the records of this machine.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from factory.build.records import CheckResult, Record, Records
from factory.files import write_if_changed
from factory.matrix.images import Image, status_on
from factory.matrix.schema import Matrix
from factory.matrix.words import Variant
from factory.publish.published import Published, Reader
from factory.publish.tags import Tags
from factory.report.tables import megabytes

if TYPE_CHECKING:
    from jinja2 import Environment

_SOON = timedelta(days=180)
_PARALLEL = 16
_WIDEST_BAR = 100.0


@dataclass(frozen=True)
class Entry:
    """One image in the catalogue. Sizes are bytes to pull; what is not published has no digest."""

    image: Image
    title: str
    status: str
    ends: str
    """What happens to its runtime next, and when; empty when that is far away or unknown."""
    tags: tuple[str, ...]
    digest: str | None
    size: int
    published: date | None
    packages: tuple[str, ...]
    checks: tuple[CheckResult, ...]
    tested: str
    failure: str
    """Why the last smoke test on this machine failed, if it did."""
    signed: bool
    pull: str
    run: str

    @property
    def size_text(self) -> str:
        return megabytes(self.size) if self.size else "-"

    @property
    def verdict(self) -> str:
        """The last test in a word."""
        if self.failure:
            return "failed"
        return f"{len(self.checks)} checks passed" if self.checks else "not tested"


@dataclass(frozen=True)
class Bar:
    """One row of the chart: a family's runtime with the sizes of its two variants, in per cent of the largest."""

    label: str
    sizes: Mapping[str, tuple[int, float]]


@dataclass(frozen=True)
class Site:
    """What a catalogue is made from: the images, what is published and was tested of them, and its own templates."""

    matrix: Matrix
    images: Sequence[Image]
    reader: Reader
    records: Records
    today: date
    templates: Path

    def write(self, folder: Path) -> list[Path]:
        """Writes the site and the Markdown page; returns the files.

        Raises:
            RegistryError, RegistryUnreachableError: as the registry answers.
        """
        entries = _entries(self)
        context = {
            "entries": entries,
            "repository": str(self.reader.repository),
            "source": self.matrix.publish.source,
            "today": self.today,
            "chart": chart(entries),
            "soon": [entry for entry in entries if entry.ends and entry.image.variant is Variant.RUN],
        }
        files = {"index.html": "index.html.j2", "catalogue.md": "catalogue.md.j2"}
        for name, template in files.items():
            write_if_changed(folder / name, _jinja(self.templates).get_template(template).render(context))
        return [folder / name for name in files]


def chart(entries: Sequence[Entry]) -> dict[str, list[Bar]]:
    """By family, the sizes of its runtimes on x86_64, run and build."""
    largest = max((entry.size for entry in entries), default=0)
    found: dict[str, dict[str, dict[str, tuple[int, float]]]] = {}
    for entry in entries:
        if entry.size and entry.image.architecture == "x86_64":
            family = found.setdefault(entry.image.family or "bases", {})
            share = round(_WIDEST_BAR * entry.size / largest, 1)
            family.setdefault(entry.image.declared, {})[str(entry.image.variant)] = (entry.size, share)
    return {family: [Bar(label, sizes) for label, sizes in bars.items()] for family, bars in found.items()}


def ending(matrix: Matrix, image: Image, today: date) -> str:
    """What ends next for a runtime, if that is within half a year: `deprecated from 2027-04-30`."""
    if image.runtime is None:
        return ""
    lifecycle = matrix.runtimes[image.runtime].lifecycle
    dates = (
        (lifecycle.update_blocked, "no updates"),
        (lifecycle.create_blocked, "no new functions"),
        (lifecycle.deprecated, "deprecated"),
    )
    future = [(day, f"{what} from {day}") for day, what in dates if day and today < day <= today + _SOON]
    return min(future)[1] if future else ""


def _entries(site: Site) -> list[Entry]:
    images = site.images
    tags = site.reader.tags()
    published = site.reader.read(images)
    with ThreadPoolExecutor(_PARALLEL) as pool:
        known = pool.map(lambda image: _known(site, published[image], tags), images)
    return [_entry(site, image, published[image], tags, *told) for image, told in zip(images, known, strict=True)]


def _known(site: Site, there: Published | None, tags: Tags) -> tuple[Record | None, bool]:
    """What the push of an image knew of it, and whether it is signed."""
    if there is None:
        return None, False
    return site.reader.record(there), site.reader.referrers.is_signed(there.manifest.digest, tags.all)


def _entry(site: Site, image: Image, there: Published | None, tags: Tags, record: Record | None, signed: bool) -> Entry:
    status = status_on(site.matrix, site.today)(image)
    tests = record.tests if record else None
    reference = f"{site.reader.repository}:{image.name}"
    return Entry(
        image=image,
        title=site.matrix.bases[image.base].title,
        status=status.value if status else "",
        ends=ending(site.matrix, image, site.today),
        tags=tuple(tags.shown(image)),
        digest=there.manifest.digest if there else None,
        size=sum(layer["size"] for layer in there.manifest.json().get("layers", ())) if there else 0,
        published=next((dated.day for dated in tags.dated(image)), None),
        packages=record.packages if record else (),
        checks=tests.checks if tests else (),
        tested=tests.finished[:10] if tests else "",
        failure=_failure(site, image),
        signed=signed,
        pull=f"docker pull {reference}",
        run=_run(site.matrix, image, reference),
    )


def _failure(site: Site, image: Image) -> str:
    """What the last test on this machine said, if it is younger than what is published and failed."""
    record = site.records.latest(image.name)
    if record is None or record.tests is None:
        return ""
    failed = [check for check in record.tests.checks if not check.passed]
    return "\n".join(f"{check.name}: {check.message}" for check in failed)


def _run(matrix: Matrix, image: Image, reference: str) -> str:
    mount = 'docker run --rm -v "$PWD":/var/task'
    if image.variant is Variant.BUILD:
        return f"{mount} {reference} bash"
    if image.runtime is None or image.family is None:
        return f"docker run --rm {reference}"
    handler = matrix.runtimes[image.runtime].handler or matrix.families[image.family].handler
    return f'{mount}:ro,delegated {reference} {handler} \'{{"some": "event"}}\''


def _jinja(templates: Path) -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

    return Environment(
        loader=FileSystemLoader(templates),
        undefined=StrictUndefined,
        autoescape=select_autoescape(["html.j2"]),
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
