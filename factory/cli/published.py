"""`promote`, `catalogue`, `verify`, `gc`: what is done with published images."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path

import click

from factory.app.app import App
from factory.app.options import Entering, Logging, Printing, Selecting, days, option
from factory.cli.options import Given, takes
from factory.cli.options import selectors as named
from factory.cli.output import selection, show
from factory.errors import ExitCode, UsageError
from factory.publish.gc import Collector
from factory.publish.promote import promote
from factory.registry.references import Repository
from factory.report.catalogue import Site
from factory.report.tables import table
from factory.trust.signing import Trusted
from factory.trust.verify import Verifier


@named
@takes(Selecting, Entering, Printing)
def promote_(app: App, given: Given, selectors: tuple[str, ...]) -> int:
    """Lets the tags that move stand for the selected images, which are held in the registry."""
    images = app.named(selection(selectors, given[Selecting]))
    publisher = app.publisher(entering=given[Entering])
    promoted = promote(images, app.inputs_of, app.tests_keys(images), app.reader, publisher)
    entries = [{"name": image.name, "digest": record.digest} for image, record in promoted.items()]
    rows = [(image.name, record.digest.removeprefix("sha256:")[:12]) for image, record in promoted.items()]
    show(given[Printing].format, entries, lambda: table(("PROMOTED", "DIGEST"), rows))
    return ExitCode.DONE


@dataclass(frozen=True)
class Output:
    """Where to write."""

    output: Path | None = option(
        "where to (default: site in the build directory)", metavar="DIR", read=Path, short="-o"
    )


@named
@takes(Selecting, Output)
def catalogue_(app: App, given: Given, selectors: tuple[str, ...]) -> int:
    """Writes the catalogue as a static site and as Markdown."""
    images, templates = app.named(selection(selectors, given[Selecting])), app.outside.shipped / "templates" / "site"
    site = Site(app.matrix, images, app.reader, app.records, app.today, templates)
    for file in site.write(given[Output].output or app.options.build_dir / "site"):
        print(file)
    return ExitCode.DONE


@dataclass(frozen=True)
class Trusting:
    """Whose signatures count, and how closely is looked."""

    key: str | None = option("the public key whose signatures count", metavar="KEY")
    deep: bool = option("read every layer, and compare it with its digest", False)
    identity: str | None = option("keyless: the signer's identity", metavar="REGEXP")
    issuer: str | None = option("keyless: who vouches for the identity", metavar="URL")

    def trusted(self, logging: Logging) -> Trusted:
        """Whose signatures count.

        Raises:
            UsageError: nobody's.
        """
        if not self.key and not (self.identity and self.issuer):
            raise UsageError("whose signature counts? Name a public --key, or --identity and --issuer")
        return Trusted(self.key, self.identity, self.issuer, not logging.no_transparency_log)


@click.argument("reference", metavar="REF")
@takes(Trusting, Logging, Printing)
def verify_(app: App, given: Given, reference: str) -> int:
    """Checks a published image, a line an item."""
    trusted = given[Trusting].trusted(given[Logging])
    repository, tag = _published(reference, app)
    verdicts = Verifier(app.referrers(repository), trusted, given[Trusting].deep).verify(tag)
    rows = [("ok" if verdict.ok else "FAILED", verdict.item, verdict.seen) for verdict in verdicts]
    show(given[Printing].format, [asdict(verdict) for verdict in verdicts], lambda: table(("", "ITEM", "SEEN"), rows))
    return ExitCode.DONE if all(verdict.ok for verdict in verdicts) else ExitCode.IMAGE_FAILED


def _published(reference: str, app: App) -> tuple[Repository, str]:
    """A published image's repository, and its tag or digest; a tag alone is one of ours."""
    if "/" not in reference:
        return app.repository, reference.removeprefix("@")
    name, _, digest = reference.partition("@")
    repository, colon, tag = name.rpartition(":")
    if not colon or "/" in tag:  # the colon is that of a port
        repository, tag = name, ""
    if not (digest or tag):
        raise UsageError(f"{reference!r} names no image; write HOST/REPOSITORY:TAG or HOST/REPOSITORY@DIGEST")
    return Repository.parse(repository), digest or tag


@dataclass(frozen=True)
class Clearing:
    """What may go."""

    keep_days: timedelta = option("how old a dated tag may be (90)", timedelta(days=90), metavar="N", read=days)
    yes: bool = option("delete", False, variable=False)


@takes(Clearing)
def gc_(app: App, given: Given) -> int:
    """Lists what no tag needs, or deletes it."""
    collector = Collector(app.registry, app.repository, app.today, given[Clearing].keep_days)
    found = collector.find()
    for garbage in collector.delete(found) if given[Clearing].yes else found:
        print(f"{garbage.digest}  {', '.join(garbage.tags) or '-'}  {garbage.reason}")
    ending = "deleted" if given[Clearing].yes else "may go; `factory gc --yes` deletes them"
    print(f"{app.repository}: {len(found)} manifests {ending}")
    return ExitCode.DONE
