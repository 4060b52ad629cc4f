"""scripts/lab up | lock | down | status | tools."""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tools.lab import archives, debian, demands, images, programs, python_pins
from tools.lab.archives import FileServer
from tools.lab.assembly import Assembly, maker_of
from tools.lab.catalogue import LAMBDA_NAMES
from tools.lab.errors import LabError, MissingError
from tools.lab.images import Wants
from tools.lab.registry import Client, Server
from tools.lab.settings import Settings
from tools.lab.store import say, sources

PROGRAMS = {
    "docker-registry": "docker-registry",
    "rpmbuild": "rpm",
    "rpm": "rpm",
    "createrepo_c": "createrepo-c",
    "unshare": "util-linux",
    "tar": "tar",
}
"""What assembling runs, and the Debian package that brings it."""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="scripts/lab", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    up = commands.add_parser("up", help="assemble the stand-ins if need be, and serve them")
    up.add_argument(
        "names", nargs="*", metavar="NAME", help="images or globs, as python:3.13; default: quickstart's and CI's"
    )
    up.add_argument(
        "--for",
        dest="images",
        nargs="+",
        default=[],
        metavar="IMAGE",
        help="what the factory's images of these names or globs are made of, as build-python3.13-x86_64, and no more",
    )
    up.add_argument("--all", action="store_true", help="every stand-in")
    up.add_argument("--refresh", action="store_true", help="resolve Debian's package versions anew")
    commands.add_parser("mirrors", help="for FACTORY_MIRROR: where what upstream has is found in the lab")
    commands.add_parser("pin", help="resolve the Python packages of the extras anew, into tools/lab/python.toml")
    commands.add_parser("down", help="end the registry that was started by up")
    commands.add_parser("status", help="what is up, and every stand-in with its digest")
    tools = commands.add_parser(
        "tools", help="cosign and notary for the tests of what is published, in the lab's cache"
    )
    tools.add_argument("--refresh", action="store_true", help="resolve Debian's package versions anew")
    commands.add_parser("lock", add_help=False, help="write the factory's lock of what the lab holds (--help: how)")
    return parser


def main(arguments: Sequence[str]) -> int:
    """Run one command; the answer is the process's status."""
    if arguments[:1] == ["lock"]:
        from tools.lab import lock  # takes the factory's packages, which assembling does without

        return lock.main(arguments[1:])
    options = _parser().parse_args(arguments)
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    try:
        settings = Settings.from_environment()
        match options.command:
            case "up":
                _up(settings, _wanted(options), everything=options.all, refresh=options.refresh)
            case "down":
                _down(settings)
            case "pin":
                python_pins.write()
            case "mirrors":
                print(archives.mirrors(settings))
            case "status":
                return _status(settings)
            case "tools":
                _tools(settings, refresh=options.refresh)
    except LabError as error:
        print(f"lab: {error}", file=sys.stderr)
        return error.code
    except KeyboardInterrupt:
        print("lab: interrupted; what was complete is kept, 'scripts/lab up' goes on from there", file=sys.stderr)
        return 130
    return 0


def _wanted(options: argparse.Namespace) -> Wants:
    if options.images and (options.names or options.all):
        raise LabError("--for says it all: name no other images, and no --all, beside it", code=2)
    if options.images:
        return images.wanted_for(options.images)
    return images.wanted_by_name(options.names, everything=options.all)


def _up(settings: Settings, wanted: Wants, *, everything: bool, refresh: bool) -> None:
    started = time.monotonic()
    settings.cache.mkdir(parents=True, exist_ok=True)
    with _lock(settings.cache / "lab.lock"):
        _install_programs()
        Server(settings).up()
        FileServer(settings).up()
        client = Client(settings.port)
        if refresh or not _complete(settings, client, wanted):
            _unmark(settings, wanted)
            if platform.machine() != "x86_64":
                raise MissingError("the stand-ins are assembled on x86_64; run the lab there and mirror from it")
            debian.own_source()
            Assembly(settings, client, refresh=refresh).run(wanted, prune_all=everything)
            _mark(settings, client, wanted)
    say(f"ready after {time.monotonic() - started:.1f} s: --mirror public.ecr.aws={settings.registry}")


def _down(settings: Settings) -> None:
    FileServer(settings).down()
    ended = Server(settings).down()
    say("registry ended" if ended else f"no registry of ours on port {settings.port}")


def _tools(settings: Settings, *, refresh: bool) -> None:
    settings.cache.mkdir(parents=True, exist_ok=True)
    with _lock(settings.cache / "lab.lock"):
        programs.unpack(settings, refresh=refresh)


def _status(settings: Settings) -> int:
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # `status | head` is no error
    server = Server(settings)
    pid = server.pid()
    if pid is None:
        say(f"no registry of ours on port {settings.port}; 'scripts/lab up' starts one")
        return 3
    say(f"registry on {settings.registry}, pid {pid}, files under {server.root()}")
    client = Client(settings.port)
    lacking = False
    for target in images.targets():
        for tag in target.tags():
            digest = client.digest(target.repository, tag)
            lacking |= digest is None and target.in_slice
            absent = "missing" if target.in_slice else f"not assembled: scripts/lab up {target.short}"
            told = f"{_architectures(client, target, tag)}{_without_interpreter(target)}" if digest else ""
            print(f"{f'{target.repository}:{tag}':<34} {digest or absent:<72} {told}".rstrip())
        if target.archive:
            digest = archives.digest(settings, target.archive)
            print(f"{target.archive:<34} {digest or f'not assembled: scripts/lab up {target.short}'}")
    for archive in demands.archives():
        digest = archives.digest(settings, archive.name)
        told = f"{digest}; {content(settings, archive)}" if digest else "not assembled"
        print(f"{archive.name} ({archive.extra}): {told}")
    return 1 if lacking else 0


def content(settings: Settings, archive: demands.Archive) -> str:
    """What an archive of the lab is, beside upstream's."""
    algorithm, _, _ = archive.declared.partition(":")
    if archive.declared and archives.digest(settings, archive.name, algorithm) == archive.declared:
        return "upstream's very file"
    if maker := maker_of(archive):
        _, needs = maker
        seeds = [f"{seed} of Debian {debs.suite}" for debs in needs.debs for seed in debs.seeds]
        other = f", another version than {archive.version}" if seeds else ""
        return f"put together from {', '.join((*seeds, *needs.maven, *needs.go, *needs.npm, *needs.pypi))}{other}"
    return "a layout stand-in"


def _without_interpreter(target: images.Target) -> str:
    reasons = (
        {target.runtime.stand_in(architecture) for architecture in target.architectures} if target.runtime else set()
    )
    return "".join(f"; no interpreter: {reason}" for reason in sorted(reasons - {""}))


def _architectures(client: Client, target: images.Target, tag: str) -> str:
    if client.digest(target.repository, tag) is None:
        return ""
    if target.single or tag != target.tag:
        return LAMBDA_NAMES[target.architectures[0]] if target.single else tag.removeprefix(f"{target.tag}-")
    found = client.manifest(target.repository, tag)["manifests"]
    return "index of " + ", ".join(LAMBDA_NAMES[entry["platform"]["architecture"]] for entry in found)


# --- nothing to do -----------------------------------------------------------------------------------------------


def _marker(settings: Settings) -> Path:
    return settings.cache / "complete.json"


def _inputs() -> str:
    return hashlib.sha256(f"{sources('.')}\n{demands.identity()}".encode()).hexdigest()


def _kept(settings: Settings) -> dict[str, Any]:
    """What was assembled whole by these very sources: digests by tag or archive, and which extras."""
    try:
        kept = json.loads(_marker(settings).read_text())
    except (OSError, ValueError):
        kept = {}
    return dict(kept) if kept.get("inputs") == _inputs() else {"digests": {}, "extras": []}


def _keep(settings: Settings, digests: Mapping[str, str | None], extras: Iterable[Sequence[str]]) -> None:
    kept = {"inputs": _inputs(), "digests": digests, "extras": sorted(map(list, extras))}
    _marker(settings).write_text(json.dumps(kept, indent=1))


def _mark(settings: Settings, client: Client, wanted: Wants) -> None:
    kept = _kept(settings)
    extras = {*map(tuple, kept["extras"]), *wanted.extras}
    _keep(settings, kept["digests"] | _digests(settings, client, wanted), extras)


def _unmark(settings: Settings, wanted: Wants) -> None:
    kept = _kept(settings)
    gone = {*_tags(wanted), *_archives(wanted)}
    digests = {name: digest for name, digest in kept["digests"].items() if name not in gone}
    _keep(settings, digests, {*map(tuple, kept["extras"])} - wanted.extras)


def _complete(settings: Settings, client: Client, wanted: Wants) -> bool:
    """Are the stand-ins in this registry the ones that these sources made?"""
    kept = _kept(settings)
    return (
        all(
            digest and kept["digests"].get(name) == digest
            for name, digest in _digests(settings, client, wanted).items()
        )
        and wanted.extras <= {tuple(extra) for extra in kept["extras"]}
        and all(images.index_is_whole(client, request.target) for request in wanted.requests)
    )


def _digests(settings: Settings, client: Client, wanted: Wants) -> dict[str, str | None]:
    found = {name: client.digest(*name.rsplit(":", 1)) for name in _tags(wanted)}
    return found | {name: archives.digest(settings, name) for name in _archives(wanted)}


def _tags(wanted: Wants) -> list[str]:
    return [f"{request.target.repository}:{tag}" for request in wanted.requests for tag in request.tags()]


def _archives(wanted: Wants) -> list[str]:
    return [request.target.archive for request in wanted.requests if request.target.archive]


# --- the machine -------------------------------------------------------------------------------------------------


def _install_programs() -> None:
    """Install what is missing, as root and announced; nobody's service is started by it."""
    missing = sorted({package for program, package in PROGRAMS.items() if not shutil.which(program)})
    if not missing:
        return
    command = f"apt-get install --no-install-recommends {' '.join(missing)}"
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise MissingError(f"these Debian packages are needed: as root, run {command}")
    say(f"installing: {' '.join(missing)}")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    with _lock(Path("/run/lock/lambda-factory-packages"), "scripts/engine is installing packages"), _no_services():
        for words in (["update"], ["install", "-y", "--no-install-recommends", *missing]):
            done = subprocess.run(
                ["apt-get", "-qq", *words], env=environment, capture_output=True, text=True, check=False
            )
            if done.returncode != 0:
                raise MissingError(f"apt-get {' '.join(words)} failed: {done.stderr.strip()[-400:]}")


@contextmanager
def _no_services() -> Iterator[None]:
    """Debian asks this file before a package may start its service."""
    policy = Path("/usr/sbin/policy-rc.d")
    if policy.exists():
        yield
        return
    policy.write_text("#!/bin/sh\nexit 101\n")
    policy.chmod(0o755)
    try:
        yield
    finally:
        policy.unlink()


@contextmanager
def _lock(path: Path, told: str = "another 'scripts/lab up' is at work") -> Iterator[None]:
    """One holder at a time; the lock ends with its process, however that ends."""
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"{told}; waiting for its end")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
