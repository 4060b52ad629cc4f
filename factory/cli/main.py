"""The command line: parses, calls, and tells errors to people. Imports nothing heavy before it knows the command."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from factory.errors import ExitCode, FactoryError, UsageError, did_you_mean

if TYPE_CHECKING:
    from factory.app.options import Options
    from factory.trust.signing import Trusted

_STEPS = {"build": ["build"], "test": ["test"], "push": ["push"], "release": ["build", "test", "push"]}
_FORMS = ("text", "json")
_SEVERITIES = ("low", "medium", "high", "critical")
_STATUSES = ("supported", "deprecated", "preview", "create-blocked", "update-blocked")


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; returns its exit status."""
    parsed = _parser().parse_args(arguments)
    try:
        status = int(_call(parsed))
        sys.stdout.flush()
    except FactoryError as error:
        print(f"factory: {error}" if error.exit_code != ExitCode.USAGE else str(error), file=sys.stderr)
        return int(error.exit_code)
    except KeyboardInterrupt:
        print("factory: interrupted; what was complete is kept", file=sys.stderr)
        return int(ExitCode.INTERRUPTED)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return int(ExitCode.DONE)
    except OSError as error:
        print(f"factory: {error}; the next run goes on from what is complete", file=sys.stderr)
        return int(ExitCode.MACHINE)
    return status


def _call(parsed: argparse.Namespace) -> int:
    from factory.cli import commands

    options = _options(parsed)
    calls: dict[str, Callable[[], int]] = {
        "list": lambda: commands.list_(options, parsed.format),
        "show": lambda: commands.show(options, parsed.format),
        "schema": commands.schema,
        "new": lambda: commands.new(options, parsed.name, parsed.like, parsed.preview_tag),
        "lock": lambda: (
            commands.lock_since(options, parsed.since)
            if parsed.since
            else commands.lock_(options, parsed.upgrade, parsed.allow_unresolved, parsed.stand_ins)
        ),
        "render": lambda: commands.render(options, parsed.output),
        "diff": lambda: commands.diff(options, parsed.old, parsed.new, parsed.names),
        "plan": lambda: _plan(options, parsed),
        "promote": lambda: commands.promote(options, parsed.format),
        "catalogue": lambda: commands.site(options, parsed.output),
        "verify": lambda: commands.verify(options, parsed.reference, _trusted(parsed), parsed.deep, parsed.format),
        "gc": lambda: commands.gc(options, parsed.keep_days, parsed.yes),
        "emulator": lambda: commands.emulator(options),
        "doctor": lambda: commands.doctor(options),
    }
    if parsed.command in _STEPS:
        return commands.run(options, _STEPS[parsed.command], parsed.format, parsed.timing)
    return calls[parsed.command]()


def _plan(options: Options, parsed: argparse.Namespace) -> int:
    from factory.cli import commands
    from factory.plan.shards import Part, Wave

    part = Part.parse(parsed.shard) if parsed.shard else None
    if parsed.wave == "each" and parsed.format != "github":
        raise UsageError("--wave each makes job matrices, for --format github; else name `bases` or `runtimes`")
    waves = tuple(Wave) if parsed.wave == "each" else (Wave(parsed.wave),) if parsed.wave else ()
    return commands.plan(options, parsed.format, part, waves, parsed.summary)


def _options(parsed: argparse.Namespace) -> Options:
    from factory.app.options import Options, Publishing
    from factory.build.caches import Caches
    from factory.matrix.images import Selection

    matrix = Path(parsed.matrix)
    given = {"builder": parsed.builder, "registry": parsed.registry, "jobs": parsed.jobs}
    return Options(
        matrix=matrix,
        lock=Path(parsed.lock) if parsed.lock else matrix.parent / f"{matrix.stem or 'matrix'}.lock",
        build_dir=Path(parsed.build_dir),
        mirrors=_mirrors(parsed.mirror),
        network=parsed.network,
        pip_conf=Path(parsed.pip_conf) if parsed.pip_conf else None,
        verbose=parsed.verbose,
        quiet=parsed.quiet,
        locked=parsed.locked,
        stale=getattr(parsed, "stale", False) or getattr(parsed, "max_age", None) is not None,
        max_age=getattr(parsed, "max_age", None),
        attest=getattr(parsed, "attest", False),
        sign=getattr(parsed, "sign", None),
        logged=not getattr(parsed, "no_transparency_log", False),
        content_trust=getattr(parsed, "content_trust", None),
        fail_on=getattr(parsed, "fail_on", None),
        scanner=getattr(parsed, "scanner", None),
        caches=Caches.parse(getattr(parsed, "cache_from", ()), getattr(parsed, "cache_to", ())),
        publishing=Publishing(getattr(parsed, "publishing", Publishing.EACH)),
        selection=Selection(
            patterns=tuple(getattr(parsed, "selectors", ())),
            bases=tuple(getattr(parsed, "base", ())),
            families=tuple(getattr(parsed, "family", ())),
            variants=tuple(getattr(parsed, "variant", ())),
            architectures=tuple(getattr(parsed, "arch", ())),
            statuses=tuple(word.replace("-", " ") for word in getattr(parsed, "status", ())),
        ),
        **{key: value for key, value in given.items() if value is not None},
    )


def _trusted(parsed: argparse.Namespace) -> Trusted:
    from factory.trust.signing import Trusted

    if not parsed.key and not (parsed.identity and parsed.issuer):
        raise UsageError("whose signature counts? Name a public --key, or --identity and --issuer")
    return Trusted(parsed.key, parsed.identity, parsed.issuer, not parsed.no_transparency_log)


def _mirrors(words: Sequence[str]) -> dict[str, str]:
    mirrors = {}
    for word in words:
        host, equals, other = word.partition("=")
        if not (host and equals and other):
            raise UsageError(f"--mirror {word!r} names no mirror; write HOST=OTHER: public.ecr.aws=127.0.0.1:5000")
        mirrors[host] = other
    return mirrors


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="factory",
        description="Builds, tests and pushes the images that matrix.toml declares.",
        epilog="Each option is also read from the environment: --build-dir as FACTORY_BUILD_DIR, and so on.",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    common, selecting = _common(), _selecting()

    def add(name: str, summary: str, *parents: argparse.ArgumentParser) -> argparse.ArgumentParser:
        return commands.add_parser(name, help=summary, description=summary, parents=[common, *parents])

    listing = add("list", "Show the images that the matrix declares.", selecting)
    showing = add("show", "Show all that is known of the named images.", selecting)
    add("schema", "Print the JSON Schema of matrix.toml for editors.")
    _adding(add("new", "Write the table of a new runtime into the matrix."))
    _locking(add("lock", "Resolve upstream references to digests, and write the lock."))
    rendering = add("render", "Write Dockerfiles and docker-bake.json, usable with plain docker.")
    rendering.add_argument("-o", "--output", type=Path, metavar="DIR", help="where to (default: the build directory)")
    _diffing(add("diff", "Show what rendered output changes against a git revision, or how two images differ."))
    _planning(add("plan", "Show what would be done with each image, and why.", selecting))
    building = add("build", "Build the images.", selecting)
    testing = add("test", "Test the built images by invoking them.", selecting)
    pushing = add("push", "Push the tested images.", selecting)
    releasing = add("release", "Build, test and push, each image as soon as it is ready.", selecting)
    promoting = add(
        "promote", "Let the tags that move stand for images that --hold left waiting: all, or none.", selecting
    )
    verifying = add("verify", "Check a published image: signature, provenance, SBOM, the record of its smoke test.")
    _verifying(verifying)
    site = add("catalogue", "Write a static site of what is published, also as Markdown.", selecting)
    site.add_argument(
        "-o", "--output", type=Path, metavar="DIR", help="where to (default: site in the build directory)"
    )
    clearing = add("gc", "List what no tag needs in the registry; delete it with --yes.")
    clearing.add_argument("--keep-days", type=_days, default="90", metavar="N", help="how old a dated tag may be (90)")
    clearing.add_argument("--yes", action="store_true", help="delete")
    add("emulator", "Compile the emulator for each architecture.")
    add("doctor", "Say what this machine lacks, and the command that mends it.")
    shared = {
        _running: (building, testing, pushing, releasing),
        _caching: (building, releasing),
        _publishing: (pushing, releasing),
        _content_trust: (pushing, releasing, promoting),
        _logging: (pushing, releasing, verifying),
        _format: (listing, showing, promoting, verifying, building, testing, pushing, releasing),
    }
    for give, receivers in shared.items():
        for command in receivers:
            give(command)
    return parser


def _adding(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", help="the runtime, its version included: python3.16")
    parser.add_argument("--like", metavar="OTHER", required=True, help="the runtime that it succeeds or resembles")
    parser.add_argument("--preview-tag", action="store_true", help="upstream has it as VERSION-preview only")


def _locking(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--upgrade", action="store_true", help="move what is locked already, too")
    parser.add_argument("--since", metavar="REV", help="change nothing: tell what moved since a git revision")
    parser.add_argument(
        "--allow-unresolved",
        action="store_true",
        default=_switch("ALLOW_UNRESOLVED"),
        help="note what no registry answers for",
    )
    parser.add_argument(
        "--stand-ins",
        action="store_true",
        default=_switch("STAND_INS"),
        help="the mirrors are a lab: note its own checksums, and what it lacks",
    )


def _diffing(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("old", metavar="REV|IMAGE[@DAY|@DIGEST]", help="a git revision; with NEW, a published image")
    parser.add_argument("new", metavar="NEW", nargs="?", help="another one: python3.13-x86_64@20261123")
    parser.add_argument("--names", action="store_true", help="only the names of the Dockerfiles that changed")


def _planning(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--shard", metavar="I/N", help="only the I-th of N parts; with --format github N jobs")
    parser.add_argument(
        "--wave",
        choices=("bases", "runtimes", "each"),
        help="only the bases, or only what is built from them; with --format github `each` as a matrix of its own",
    )
    parser.add_argument("--summary", type=Path, metavar="FILE", help="append the plan to a file as Markdown")
    _staleness(parser)
    _format(parser, "github")


def _verifying(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("reference", metavar="REF", help="HOST/REPOSITORY:TAG, …@DIGEST, or a tag of ours")
    parser.add_argument("--key", default=_environment("KEY"), help="the public key whose signatures count")
    parser.add_argument("--deep", action="store_true", help="read every layer, and compare it with its digest")
    parser.add_argument("--identity", metavar="REGEXP", help="keyless: the signer's identity")
    parser.add_argument("--issuer", metavar="URL", help="keyless: who vouches for the identity")


def _running(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--timing", action="store_true", help="print where the time went, and the critical path")
    _staleness(parser)


def _content_trust(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--content-trust",
        metavar="SERVER",
        default=_environment("CONTENT_TRUST"),
        help="enter tags for Docker Content Trust: https://HOST:PORT (needs notary)",
    )


def _format(parser: argparse.ArgumentParser, *more: str) -> None:
    parser.add_argument("--format", choices=(*_FORMS, *more), default="text", help="how to print the result")


def _staleness(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--stale", action="store_true", help="compare with the registry: only what it lacks")
    parser.add_argument("--max-age", type=_days, metavar="DAYS", help="as --stale, and what is older is stale too")


def _caching(parser: argparse.ArgumentParser) -> None:
    for name, verb in (("from", "read"), ("to", "write")):
        given = _environment(f"CACHE_{name.upper()}", "").split()
        parser.add_argument(
            f"--cache-{name}",
            action="append",
            default=given,
            metavar="type=…",
            help=f"a cache that builds {verb}: type=registry,ref=…, type=local,… or type=gha,…; {{name}}: the image",
        )


def _publishing(parser: argparse.ArgumentParser) -> None:
    group = parser.add_mutually_exclusive_group()
    for name, summary in (("together", "move tags when all images passed"), ("hold", "move no tags: `promote` does")):
        group.add_argument(f"--{name}", dest="publishing", action="store_const", const=name, help=summary)
    parser.set_defaults(publishing="each")
    parser.add_argument(
        "--attest", action="store_true", default=_switch("ATTEST"), help="attach SBOM and provenance (needs syft)"
    )
    parser.add_argument(
        "--sign", metavar="KEY", default=_environment("SIGN"), help="sign with cosign: a key, or `keyless`"
    )

    parser.add_argument(
        "--fail-on",
        choices=_SEVERITIES,
        default=_environment("FAIL_ON"),
        help="push nothing in which a scanner finds that, or worse",
    )
    parser.add_argument(
        "--scanner", metavar="COMMAND", default=_environment("SCANNER"), help="prints grype's JSON or SARIF of an image"
    )


def _logging(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--no-transparency-log",
        action="store_true",
        default=_switch("NO_TRANSPARENCY_LOG"),
        help="signatures by key stay out of the public log",
    )


def _common() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(add_help=False)
    group = parser.add_argument_group("options of every command")
    mirrors = _environment("MIRROR", "").replace(",", " ").split()

    def add(*names: str, **rest: Any) -> None:
        group.add_argument(*names, **rest)

    add("--matrix", metavar="FILE", default=_environment("MATRIX", "matrix.toml"), help="default: matrix.toml")
    add("--lock", metavar="FILE", default=_environment("LOCK"), help="default: beside the matrix, matrix.lock")
    add("--build-dir", metavar="DIR", default=_environment("BUILD_DIR", "build"), help="default: build")
    add("--registry", metavar="HOST/REPOSITORY", default=_environment("REGISTRY"), help="where to push")
    add("--mirror", metavar="HOST=OTHER", action="append", default=mirrors, help="where to pull what HOST has")
    add("--network", metavar="MODE", default=_environment("NETWORK"), help="of the builds' steps: host, none")
    add(
        "--pip-conf", metavar="FILE", default=_environment("PIP_CONF"), help="pip's configuration for the builds' steps"
    )
    add("--builder", metavar="NAME", default=_environment("BUILDER"), help="the buildx builder")
    add("--jobs", metavar="N", type=_count, default=_environment("JOBS"), help="images at a time")
    add(
        "--locked",
        action="store_true",
        default=_switch("LOCKED"),
        help="fail on unlocked references",
    )
    add(
        "-v",
        "--verbose",
        action="store_true",
        default=_switch("VERBOSE"),
        help="every step, plainly",
    )
    add(
        "-q",
        "--quiet",
        action="store_true",
        default=_switch("QUIET"),
        help="only errors and the result",
    )
    return parser


def _selecting() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument(
        "selectors", nargs="*", metavar="IMAGE", help="image or runtime names and globs; none means all"
    )
    group = parser.add_argument_group("selectors", "Each may be repeated, and takes several words with commas between.")

    def add(name: str, *known: str) -> None:
        shape = f"{{{','.join(known)}}}" if known else "NAME"
        group.add_argument(name, action="extend", default=[], type=_words(known), metavar=shape)

    add("--base")
    add("--family")
    add("--variant", "run", "build")
    add("--arch", "x86_64", "arm64")
    add("--status", *_STATUSES)
    return parser


def _words(known: Sequence[str]) -> Callable[[str], list[str]]:
    """What splits an option's words at their commas, and refuses those that are not known, where any are."""

    def split(text: str) -> list[str]:
        words = text.split(",")
        for word in words:
            if known and word not in known:
                raise argparse.ArgumentTypeError(f"{word!r} selects nothing; {did_you_mean(word, known)}")
        return words

    return split


def _environment(name: str, default: str | None = None) -> Any:
    return os.environ.get(f"FACTORY_{name}", default)


def _switch(name: str) -> bool:
    return _environment(name, "").lower() not in ("", "0", "false", "no")


def _days(text: str) -> timedelta:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of days; write 0 or more")
    return timedelta(days=int(text))


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of images; write 1 or more")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
