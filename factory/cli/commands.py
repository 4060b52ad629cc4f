"""What each command does: takes a session and its own options, returns the exit status, prints the result."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from factory.app.options import Options
from factory.app.session import Session
from factory.errors import ExitCode, UsageError
from factory.matrix import lock
from factory.matrix.images import Image, Selection, expand, with_ancestors
from factory.matrix.schema import Matrix
from factory.plan.planner import Action, Item
from factory.plan.planner import plan as make_plan
from factory.plan.shards import MOST_JOBS, Job, Part, Wave, job_matrix, seconds_of, share
from factory.registry.references import Repository
from factory.report import details as catalogue
from factory.report.tables import table
from factory.run.pipeline import Companions

if TYPE_CHECKING:
    from factory.trust.signing import Trusted
    from factory.upstream.summary import RecordsOf


def list_(options: Options, form: str) -> int:
    """Prints the selected images."""
    session = Session(options)
    entries = [
        catalogue.entry(session.matrix, image, session.today, session.not_executed(image)) for image in session.selected
    ]
    _print(form, entries, lambda: catalogue.list_text(entries))
    return ExitCode.DONE


def show(options: Options, form: str) -> int:
    """Prints all that is known of the selected images."""
    session = Session(options)
    details = [catalogue.detail(session, image) for image in session.selected]
    _print(form, details, lambda: "\n\n".join(map(catalogue.detail_text, details)))
    return ExitCode.DONE


def schema() -> int:
    """Prints the JSON Schema of matrix.toml."""
    document = {"$schema": "https://json-schema.org/draft/2020-12/schema", **Matrix.model_json_schema()}
    print(json.dumps(document, indent=2))
    return ExitCode.DONE


def new(options: Options, name: str, like: str, preview_tag: bool) -> int:
    """Writes the table of a new runtime, and says what follows."""
    from factory.matrix.new import add

    added = add(options.matrix, name, like, preview_tag)
    session = Session(replace(options, selection=Selection(patterns=(name,))))
    print(f"{options.matrix}:{added.line}: written; no other file changed", *added.table.splitlines(), sep="\n    ")
    print(f"{len(session.selected)} images: {', '.join(image.name for image in session.selected)}\n")
    unlocked = ", ".join(session.unlocked(session.selected))
    steps = [
        ("factory diff HEAD", "shows its Dockerfiles"),
        ("factory lock", f"pins {unlocked}" if unlocked else "has nothing to pin"),
        (f"factory release {name}", "builds, tests and pushes its images"),
        ("scripts/coverage", "adds it to docs/coverage.md"),
        ("edit lifecycle", "when AWS has published its dates, which are left out, so that it counts as a preview"),
    ]
    print(table(("NEXT", ""), steps))
    return ExitCode.DONE


def lock_(options: Options, upgrade: bool, tolerant: bool, stand_ins: bool) -> int:
    """Resolves upstream references and writes the lock."""
    from factory.matrix.loading import refusal
    from factory.registry.client import Registry
    from factory.upstream.resolve import Resolver
    from factory.upstream.signatures import Upstream

    session = Session(options)
    folder = options.matrix.parent
    if lacking := list(Upstream(session.matrix, folder).lacking()):
        raise refusal(options.matrix, lacking)
    if stand_ins and session.matrix.signatures:
        print("note: stand-ins are not asked for upstream's signatures", file=sys.stderr)
    today = datetime.now(UTC).date()
    resolver = Resolver(Registry(), options.mirrors, today, tolerant, stand_ins, folder=folder)
    new = resolver.lock(session.matrix, session.lock, upgrade)
    if upgrade and not options.quiet:
        print(_lock_summary(session, session.lock, new, session.records_here))
    lock.write(options.lock, new)
    images = _counted("images", [bool(locked.unresolved) for locked in new.images.values()])
    archives = _counted("archives", [isinstance(locked, lock.Unresolved) for locked in new.archives.values()])
    print(f"{options.lock}: {images}, {archives}")
    return ExitCode.DONE


def lock_since(options: Options, revision: str) -> int:
    """Prints what moved in the lock since a git revision, with the packages of images that were built from both."""
    from factory.render.diff import file_at

    session = Session(options)
    old = lock.parse(file_at(revision, options.lock), f"{revision}:{options.lock}")
    print(_lock_summary(session, old, session.lock, session.records_anywhere))
    return ExitCode.DONE


def _lock_summary(session: Session, old: lock.Lock, new: lock.Lock, records: RecordsOf) -> str:
    from factory.upstream.summary import moves, summary

    return summary(moves(old, new), expand(session.matrix), session.upstreams, records)


def render(options: Options, output: Path | None) -> int:
    """Writes the Dockerfiles and docker-bake.json."""
    if output:
        options = replace(options, build_dir=output)
    session = Session(options)
    session.write_rendered()
    stems = session.renderer.all()
    print(f"{options.build_dir}: {len(stems)} Dockerfiles in dockerfiles/, docker-bake.json")
    return ExitCode.DONE


def diff(options: Options, old: str, new: str | None, names: bool) -> int:
    """Prints what differs: between the rendered output of a git revision and now, or between two published images."""
    if new is not None:
        return _diff_images(options, old, new)
    from factory.render.diff import differences, rendered_at

    now = Session(options).renderer.all()
    before = rendered_at(old, options.matrix)
    if names:
        print("\n".join(stem for stem in now if now[stem] != before.get(stem)))
    else:
        sys.stdout.write(differences(before, now))
    return ExitCode.DONE


def _diff_images(options: Options, old: str, new: str) -> int:
    """Prints what differs between two images of one repository."""
    from factory.publish import compare
    from factory.publish.published import version_tag

    reader = Session(options).reader
    before, after = (compare.content(reader, version_tag(word)) for word in (old, new))
    print(compare.text(compare.differences(reader.registry, reader.repository, before, after)))
    return ExitCode.DONE


def plan(options: Options, form: str, part: Part | None, waves: Sequence[Wave], summary: Path | None) -> int:
    """Prints what would be done with each selected image, and why; of several waves the job matrix of each."""
    session = Session(options)
    plans = session.stale.values() if options.stale else _local_plan(session)
    relevant = _relevant(list(plans), set(session.named), session.companions)
    items = [item for item in relevant if not waves or any(wave.has(item.image) for wave in waves)]
    for file in session.records.damaged:
        print(f"warning: {file} is damaged and counts as missing", file=sys.stderr)
    if summary:
        _append(summary, catalogue.plan_markdown(items))
    if form == "github":
        of_wave = {wave: [item for item in items if wave.has(item.image)] for wave in waves}
        matrices = {wave.value: _job_matrix(session, mine, part) for wave, mine in of_wave.items()}
        print(json.dumps(matrices if len(waves) > 1 else _job_matrix(session, items, part)))
        return ExitCode.DONE
    if part:
        images = [item.image for item in items]
        mine = _mine(share(images, part.of, seconds_of(session.last_records(images))), part)
        items = [item for item in items if item.image in mine]
    _print(form, [catalogue.plan_entry(item) for item in items], lambda: catalogue.plan_text(items))
    return ExitCode.DONE


def _job_matrix(session: Session, items: list[Item], part: Part | None) -> dict[str, Any]:
    """What there is to do as jobs: one an image, or so many as the shard says."""
    if part is None:
        matrix = catalogue.github_matrix(items)
        if len(matrix["include"]) > MOST_JOBS:
            raise UsageError(
                f"{len(matrix['include'])} jobs, and GitHub takes {MOST_JOBS}; share them out: --shard 100"
            )
        return matrix
    todo = [item.image for item in items if item.action not in (Action.SKIP, Action.BLOCKED)]
    return job_matrix(share(todo, min(part.of, MOST_JOBS), seconds_of(session.last_records(todo))))


def _mine(jobs: list[Job], part: Part) -> set[Image]:
    """The images of one part; of all parts where it names none."""
    chosen = jobs if part.number == 0 else jobs[part.number - 1 : part.number]
    return {image for job in chosen for image in job.images}


def promote(options: Options, form: str) -> int:
    """Lets the tags that move stand for the selected images, which wait in the registry."""
    from factory.publish.promote import promote as promote_all

    session = Session(options)
    promoted = promote_all(session)
    entries = [{"name": image.name, "digest": record.digest} for image, record in promoted.items()]
    rows = [(image.name, record.digest.removeprefix("sha256:")[:12]) for image, record in promoted.items()]
    _print(form, entries, lambda: table(("PROMOTED", "DIGEST"), rows))
    return ExitCode.DONE


def verify(options: Options, reference: str, trusted: Trusted, deep: bool, form: str) -> int:
    """Checks a published image, a line an item."""
    from factory.registry.referrers import Referrers
    from factory.trust.verify import Verifier

    session = Session(options)
    repository, tag = _published(reference, session.repository)
    referrers = Referrers(session.registry, repository, options.build_dir / "locks")
    findings = Verifier(referrers, trusted, deep).verify(tag)
    rows = [("ok" if finding.ok else "FAILED", finding.item, finding.seen) for finding in findings]
    _print(form, [asdict(finding) for finding in findings], lambda: table(("", "ITEM", "SEEN"), rows))
    return ExitCode.DONE if all(finding.ok for finding in findings) else ExitCode.IMAGE_FAILED


def _published(reference: str, ours: Repository) -> tuple[Repository, str]:
    """A published image's repository, and its tag or digest; a tag alone is one of ours."""
    if "/" not in reference:
        return ours, reference.removeprefix("@")
    name, _, digest = reference.partition("@")
    repository, colon, tag = name.rpartition(":")
    if not colon or "/" in tag:  # the colon is that of a port
        repository, tag = name, ""
    if not (digest or tag):
        raise UsageError(f"{reference!r} names no image; write HOST/REPOSITORY:TAG or HOST/REPOSITORY@DIGEST")
    return Repository.parse(repository), digest or tag


def site(options: Options, output: Path | None) -> int:
    """Writes the catalogue as a static site and as Markdown."""
    from factory.report.catalogue import write

    for file in write(Session(options), output or options.build_dir / "site"):
        print(file)
    return ExitCode.DONE


def gc(options: Options, keep: timedelta, yes: bool) -> int:
    """Lists what no tag needs, or deletes it."""
    from factory.publish.gc import Collector

    session = Session(options)
    collector = Collector(session.registry, session.repository, session.today, keep)
    found = collector.find()
    for garbage in collector.delete(found) if yes else found:
        print(f"{garbage.digest}  {', '.join(garbage.tags) or '-'}  {garbage.reason}")
    ending = "deleted" if yes else "may go; `factory gc --yes` deletes them"
    print(f"{session.repository}: {len(found)} manifests {ending}")
    return ExitCode.DONE


def run(options: Options, steps: Sequence[str], form: str, timing: bool) -> int:
    """Builds, tests, pushes: the named steps for the selected images."""
    from factory.report import results as report
    from factory.run import release
    from factory.run.pipeline import Step

    session = Session(options)
    wanted = tuple(Step(step) for step in steps)
    result = release.run(session, wanted)
    if text := report.failures_text(result):
        print(text, file=sys.stderr)
    entries = [
        {
            "name": image.name,
            "digest": record.digest,
            "pushed": record.pushed.get(str(session.repository), []),
            "not_executed": record.tests.not_executed if record.tests else None,
            "seconds": {step: round(seconds, 3) for step, seconds in result.timing.seconds(image).items()},
        }
        for image, record in result.records.items()
        if image in session.selected
    ]
    _print(form, entries, lambda: report.run_text(session.selected, result))
    if timing:
        print("", result.timing.text(), sep="\n", file=sys.stderr if form == "json" else sys.stdout)
    if Step.TEST in wanted:  # last: where the disk is full, everything has been said
        report.write_junit(options.build_dir / "reports" / "junit.xml", result.records, result)
    return release.exit_code(result)


def emulator(options: Options) -> int:
    """Compiles the emulator for each architecture."""
    from factory.build.emulator import compile_all

    for binary in compile_all(options.build_dir):
        print(f"{binary}  {binary.stat().st_size:,} bytes")
    return ExitCode.DONE


def doctor(options: Options) -> int:
    """Says what the machine lacks."""
    from factory.report.doctor import examine

    findings = examine(Session(options).repository, options.builder)
    lacks = [finding for finding in findings if finding.remedy and not finding.optional]
    states = ("lacks" if finding in lacks else "optional" if finding.remedy else "ok" for finding in findings)
    rows = [(state, finding.what, finding.seen) for state, finding in zip(states, findings, strict=True)]
    print(table(("", "WHAT", "SEEN"), rows))
    for finding in findings:
        if finding.remedy:
            print(f"{finding.what}: {finding.remedy}")
    return ExitCode.MACHINE if lacks else ExitCode.DONE


def _local_plan(session: Session) -> list[Item]:
    """What is to be done, told from the engine and the records of this machine."""
    peers = [other for image in session.selected for other in session.companions(image)]
    return make_plan(with_ancestors([*session.selected, *peers]), session.inputs_of, session.world())


def _relevant(items: list[Item], named: set[Image], companions: Companions) -> list[Item]:
    """The named images, and what must be built for those of them that are built or tested."""
    undone = {item.image: item for item in items if item.action in (Action.BUILD, Action.BLOCKED)}
    for_tests = {
        other: item.image
        for item in items
        if item.image in named and item.action in (Action.BUILD, Action.TEST)
        for other in companions(item.image)
        if other in undone and other not in named
    }
    parents = {image.parent for image in (named | for_tests.keys()) & undone.keys()}
    return [
        replace(item, reason=f"{item.reason}; {for_tests[item.image].name} is tested with it")
        if item.image in for_tests
        else item
        for item in items
        if item.image in named | for_tests.keys() | (undone.keys() & parents)
    ]


def _append(file: Path, text: str) -> None:
    with file.open("a", encoding="utf-8") as stream:
        stream.write(text)


def _print(form: str, data: object, text: object) -> None:
    if form == "json":
        print(json.dumps(data, indent=2))
    else:
        assert callable(text)
        print(text())


def _counted(what: str, unresolved: list[bool]) -> str:
    return f"{len(unresolved)} {what}" + (f", {sum(unresolved)} of them unresolved" if any(unresolved) else "")
