"""The faults, each a function of a world: it injects, runs, and lets the next run finish."""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests.lab.faults.engine import Engine
from tests.lab.faults.proxy import Answer, Call, Cut, Proxy, Slow
from tests.lab.faults.world import IMAGES, World
from tools.lab.registry import Server
from tools.lab.settings import Settings

_KILLS = 50
_SEED = 20261123
_ANY = "GET|HEAD|POST|PATCH|PUT"
_MANIFESTS = "/manifests/"
_UPLOADS = "/blobs/uploads/"
_FAKETIME = "libfaketime.so.1"


@dataclass(frozen=True)
class Case:
    """A fault. `quick` ones are part of the ordinary tests."""

    name: str
    inflict: Callable[[World], int | None]
    quick: bool = False
    own: bool = False
    """It brings a registry of its own, or something else that the others would suffer from."""


CASES: list[Case] = []


def _case(name: str, quick: bool = False, own: bool = False) -> Callable[[Callable[[World], int | None]], None]:
    """Enters a fault; it returns how often it struck, where the proxy does not count that."""
    return lambda inflict: CASES.append(Case(name, inflict, quick, own))


@_case("500 now and then", quick=True)
def _sometimes(world: World) -> None:
    for skip in (0, 3, 9, 20):
        world.inject(_ANY, "/v2/.+", Answer(500), skip=skip)
    world.release(0)
    world.finish()


@_case("500 to every manifest", quick=True)
def _always(world: World) -> None:
    world.inject("PUT", _MANIFESTS, Answer(500), times=None)
    world.release(1, 3, says="500")
    world.finish()


@_case("429, Retry-After 1 s", quick=True)
def _busy(world: World) -> None:
    world.inject("PUT", _MANIFESTS, Answer(429, {"Retry-After": "1"}), times=2)
    world.inject("GET", _MANIFESTS, Answer(429, {"Retry-After": "1"}), times=2)
    world.release(0)
    world.finish()


@_case("429, Retry-After a day", quick=True)
def _busy_for_a_day(world: World) -> None:
    world.inject("GET", _MANIFESTS, Answer(429, {"Retry-After": "86400"}), times=None)
    started = time.monotonic()
    world.release(1, says="86400")
    if time.monotonic() - started > 120:
        world.wrong.append("it waited, although the registry had said that it would be too long")
    world.finish()


@_case("closes half-way, once at each kind of request", quick=True)
def _cuts(world: World) -> None:
    for when in ("before", "within", "after"):
        world.inject("GET", _MANIFESTS, Cut(when))
        world.inject("PUT", _MANIFESTS, Cut(when), skip=1)
        world.inject("POST|PATCH|PUT", _UPLOADS, Cut(when), skip=1)
    world.release(0)
    world.finish()


@_case("closes every connection")
def _gone(world: World) -> None:
    world.inject(_ANY, "/v2/", Cut("before"), times=None)
    world.release(3, says="does not answer")
    world.finish()


@_case("loses every answer to a manifest")
def _lost(world: World) -> None:
    world.inject("PUT", _MANIFESTS, Cut("after"), times=None)
    world.release(0, 1, 3)
    world.finish()


@_case("slow: every request takes 1 s", quick=True)
def _slow(world: World) -> None:
    world.inject(_ANY, "/v2/", Slow(1), times=None)
    world.release(0)
    world.finish()


@_case("so slow that nobody waits")
def _stuck(world: World) -> None:
    world.inject("GET", _MANIFESTS, Slow(65), times=1)
    world.release(0)
    world.finish()


@_case("full: 507 to every upload", quick=True)
def _full(world: World) -> None:
    world.inject("PATCH|PUT", _UPLOADS, Answer(507), times=None)
    world.release(1, 3, says="507")
    world.finish()


@_case("full: its file system", own=True)
def _really_full(world: World) -> int:
    with _registry(world.folder, "24m") as (registry, mount):
        small = World.make(world.folder / "small", registry)
        small.release(1, 3)
        subprocess.run(["mount", "-o", "remount,size=1g", str(mount)], check=True)
        small.finish()
        world.runs += small.runs
        world.wrong += small.wrong
    return 1


@_case("rejects one manifest", quick=True)
def _rejects(world: World) -> None:
    refusal = Answer(400, body=b'{"errors": [{"code": "MANIFEST_INVALID", "message": "not this one"}]}')
    world.inject("PUT", f"{_MANIFESTS}.*{IMAGES[0]}", refusal, times=None)
    said = world.release(1, says=IMAGES[0])
    if f"{IMAGES[1]}" not in said or "push failed" not in said:
        world.wrong.append(f"the other image suffered: {said[-800:]}")
    world.finish()


@_case("the engine is restarted")
def _restart(world: World) -> int:
    engine = Engine.of_our_own()
    world.finish()
    struck = 0
    for seconds in (3.0, 4.0, 5.0, 6.0):
        world.change()
        with _in_the_midst(seconds, engine.restart) as happened:
            world.release(0, 1, 3)
        struck += happened.is_set()
        world.finish()
    return struck


@_case("the disk of the build directory is full", quick=True, own=True)
def _disk(world: World) -> int:
    build = world.folder / "build"
    build.mkdir(exist_ok=True)
    with _tmpfs(build, "64m"):
        world.finish()
        for left in (0, 4096):
            world.change()
            _fill(build / "ballast", left)
            world.release(3, says=f"full.*{build}|{build}.*full")
            (build / "ballast").unlink()
            world.finish()
    return 2


@_case("the clock jumps", own=True)
def _clock(world: World) -> int:
    times = world.folder / "time"
    times.write_text("+0")
    world.finish()
    world.extra |= {
        "LD_PRELOAD": _faketime(),
        "FAKETIME_TIMESTAMP_FILE": str(times),
        "FAKETIME_NO_CACHE": "1",
        "DONT_FAKE_MONOTONIC": "1",
    }
    struck = 0
    for before, after in (("+0", "+3d"), ("+3d", "-2d"), ("-2d", "-400d"), ("-400d", "+0")):
        world.change()
        times.write_text(before)
        with _in_the_midst(3, partial(times.write_text, after)) as happened:
            world.release(0)
        struck += happened.is_set()
        world.finish()
    if len(days := world.days()) < 3:
        world.wrong.append(f"the clock did not jump: all was published on {days}")
    return struck


@_case(f"power is lost (kill -9), {_KILLS} times")
def _kills(world: World) -> int:
    return kills(world, _KILLS, _SEED)


@_case("power is lost (kill -9), 4 times", quick=True)
def _few_kills(world: World) -> int:
    return kills(world, 4, _SEED)


def kills(world: World, count: int, seed: int) -> int:
    """Kills runs at random moments: by the clock, or when so many requests have reached the registry.

    One to five in a row, each going on from what the one before left; then one that is let alone has to finish.
    """
    chance = random.Random(seed)
    world.finish()
    struck = 0
    while struck < count:
        world.change()
        for _ in range(min(chance.randint(1, 5), count - struck)):
            struck += _killed(world, chance)
        world.finish()
    return struck


def _killed(world: World, chance: random.Random) -> bool:
    """Whether a kill came before the end of the run."""
    process = world.start()
    seconds, request = chance.uniform(0.5, 12), chance.randrange(30)
    if chance.random() < 0.5:
        world.inject(_ANY, "/v2/.+", Call(lambda: _kill(process.pid)), skip=request)
        seconds = 60
    with suppress(subprocess.TimeoutExpired):
        process.wait(seconds)
    if process.poll() is None:
        _kill(process.pid)
    world.proxy.rules.clear()
    world.runs += 1
    world.examine(complete=False)
    return process.wait() == -signal.SIGKILL


@contextmanager
def _in_the_midst(seconds: float, act: Callable[[], object]) -> Iterator[threading.Event]:
    """Something happens so long after the begin of the block; the event tells whether that was before its end."""
    happened = threading.Event()

    def strike() -> None:
        happened.set()
        act()

    timer = threading.Timer(seconds, strike)
    timer.start()
    try:
        yield happened
    finally:
        timer.cancel()
        timer.join()


def _kill(pid: int) -> None:
    """Ends a process and all that it started, at once."""
    family = [pid]
    for known in family:
        family += _children(known)
    for member in family:
        with suppress(ProcessLookupError):
            os.kill(member, signal.SIGKILL)


def _children(pid: int) -> list[int]:
    found: list[int] = []
    for file in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):
            found += map(int, file.read_text().split())
    return found


def _fill(file: Path, left: int) -> None:
    """Takes all the space of a file system but a little."""
    with suppress(OSError), file.open("wb", buffering=0) as stream:
        while stream.write(b"\0" * 4096):
            pass
    os.truncate(file, file.stat().st_size - left)


@contextmanager
def _tmpfs(folder: Path, size: str) -> Iterator[None]:
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@contextmanager
def _registry(folder: Path, size: str) -> Iterator[tuple[Proxy, Path]]:
    """A registry on a file system of some size, behind a proxy."""
    port = free_port()
    settings = Settings(cache=folder / "store", state=folder / "state", port=port)
    settings.cache.mkdir()
    server = Server(settings)
    with _tmpfs(settings.cache, size):
        with redirect_stdout(sys.stderr):  # stdout is the table's
            server.up()
        try:
            with Proxy(settings.registry) as proxy:
                yield proxy, settings.cache
        finally:
            with redirect_stdout(sys.stderr):
                server.down()


def free_port() -> int:
    """A port of the loopback address that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _faketime() -> str:
    found = next(Path("/usr/lib").glob(f"*/faketime/{_FAKETIME}"), None)
    assert found, "libfaketime is not installed: apt-get install libfaketime"
    return str(found)
