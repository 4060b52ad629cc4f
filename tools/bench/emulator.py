"""The emulator beside AWS's own (RIE) and beside a floor: a net/http relay that only passes bodies on.

The same client and the same runtime (`tools/bench/go`) for all, directly on the host, on loopback. AWS's is measured
where BENCH_RIE names its binary; BENCH_EMULATOR names a binary to measure in place of ours.
"""

from __future__ import annotations

import json
import os
import platform
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from statistics import median
from typing import IO

from factory.app.outside import SHIPPED
from factory.build.emulator import Emulator, go
from factory.matrix.words import Architecture
from tools.bench.clock import row, wall

_ROUNDS = int(os.environ.get("BENCH_ROUNDS", "9"))
_BUILD = Path(os.environ.get("FACTORY_BUILD_DIR", "build")).absolute()
_SOURCES = Path(__file__).parent / "go"
_HANDLER_DELAY = {"BENCH_DELAY": "5ms"}
_SETTLE = 0.5  # seconds, before memory is read

_OURS, _FLOOR, _RIE = "ours", "floor", "RIE"


@dataclass(frozen=True)
class _Tools:
    """Our own programs: the client, the function, the floor."""

    folder: Path

    @property
    def runtime(self) -> str:
        """The function."""
        return str(self.folder / "runtime")

    def load(
        self, port: int, options: Mapping[str, int], command: Sequence[str] = (), env: Mapping[str, str] | None = None
    ) -> dict[str, float]:
        """What the client measured; with a command, it starts that for the time."""
        flags = [f"-{name}={value}" for name, value in options.items()]
        process = [str(self.folder / "load"), f"-port={port}", *flags, *command]
        done = subprocess.run(process, env=env, capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(f"bench: {' '.join(process)} ended with {done.returncode}: {done.stderr}")
        measured: dict[str, float] = json.loads(done.stdout)
        return measured


@dataclass(frozen=True)
class _Contender:
    """An emulator that can be started."""

    name: str
    binary: Path
    tools: _Tools

    def command(self, port: int, width: int = 1) -> list[str]:
        """Starts it with up to so many runtimes, on a port of loopback."""
        addresses = [
            f"--runtime-interface-emulator-address=127.0.0.1:{port}",
            f"--runtime-api-address=127.0.0.1:{_free_port()}",
        ]
        arguments = {
            _OURS: ["--bootstrap", self.tools.runtime],
            _FLOOR: [str(port), str(width), self.tools.runtime],
            _RIE: [*addresses, self.tools.runtime, "handler"],
        }
        return [str(self.binary), *arguments[self.name]]

    @contextmanager
    def running(
        self, width: int = 1, env: Mapping[str, str] | None = None, log: IO[bytes] | None = None
    ) -> Iterator[_Server]:
        """The emulator in a task root of its own, for a while; nothing reads its log, unless it goes to a file."""
        port = _free_port()
        with tempfile.TemporaryDirectory() as root:
            process = subprocess.Popen(
                self.command(port, width),
                cwd=root,
                env={**_environment(port, root, width), **(env or {})},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=log or subprocess.DEVNULL,
            )
            try:
                _await_listener(port)
                yield _Server(process, port, self.tools)
            finally:
                process.terminate()
                process.wait()


def _environment(port: int, root: str, width: int = 1) -> dict[str, str]:
    """The same for all; the others do not mind ours."""
    return {
        "PATH": os.environ["PATH"],
        "LAMBDA_TASK_ROOT": root,
        "DOCKER_LAMBDA_STAY_OPEN": "1",
        "DOCKER_LAMBDA_API_PORT": str(port),
        "DOCKER_LAMBDA_CONCURRENCY": str(width),
    }


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def _await_listener(port: int) -> None:
    """For 10 s at most."""
    limit = time.monotonic() + 10
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except ConnectionRefusedError:
            if time.monotonic() > limit:
                sys.exit(f"bench: nobody listens on port {port}")
            time.sleep(0.005)
        else:
            return


@dataclass(frozen=True)
class _Server:
    """An emulator that runs."""

    process: subprocess.Popen[bytes]
    port: int
    tools: _Tools

    def load(self, **options: int) -> dict[str, float]:
        """Invokes it so many times."""
        return self.tools.load(self.port, options)

    def invoke(self) -> float:
        """The seconds to any answer."""
        started = time.monotonic()
        connection = HTTPConnection("127.0.0.1", self.port)
        connection.request("POST", "/2015-03-31/functions/function/invocations", "{}")
        connection.getresponse().read()
        connection.close()
        return time.monotonic() - started

    def cpu_seconds(self) -> float:
        """Of all its threads, so far."""
        fields = (self._proc / "stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory(self) -> dict[str, float]:
        """RSS and PSS in MB."""
        found = re.findall(r"^(Rss|Pss): +(\d+) kB", (self._proc / "smaps_rollup").read_text(), re.MULTILINE)
        return {name: int(kilobytes) / 1024 for name, kilobytes in found}

    def descriptors(self) -> int:
        """How many are open."""
        return len(list((self._proc / "fd").iterdir()))

    def threads(self) -> int:
        """How many there are."""
        return len(list((self._proc / "task").iterdir()))

    def children(self) -> int:
        """How many there are, dead ones too."""
        return sum(len(children.read_text().split()) for children in self._proc.glob("task/*/children"))

    def goroutines(self, log: Path) -> int:
        """How many there are, as Go lists them in the log; it ends the server."""
        os.truncate(log, 0)
        self.process.send_signal(signal.SIGQUIT)
        self.process.wait()
        return len(re.findall(r"^goroutine [1-9]\d* ", log.read_text(errors="replace"), re.MULTILINE))

    @property
    def _proc(self) -> Path:
        return Path(f"/proc/{self.process.pid}")


def _small(contender: _Contender) -> dict[str, float]:
    """One client, a payload of 32 bytes."""
    count = 4000
    with contender.running() as server:
        server.load(count=500)
        before = server.cpu_seconds()
        measured = server.load(count=count)
        cpu = (server.cpu_seconds() - before) / count * 1e6
    return {"p50": measured["p50"], "p99": measured["p99"], "rate": measured["rate"], "cpu": cpu}


def _large(contender: _Contender) -> dict[str, float]:
    """One client, 100 KB and 1 MB."""
    with contender.running() as server:
        return {
            f"p50 {size}": server.load(warm=count // 10, count=count, size=size)["p50"]
            for size, count in ((100_000, 400), (1_000_000, 80))
        }


def _eight(contender: _Contender) -> dict[str, float]:
    """Eight clients and eight runtimes against one client, with a handler of 5 ms. (RIE dies of two at once.)"""
    if contender.name == _RIE:
        return {}
    with contender.running(8, _HANDLER_DELAY) as server:
        one = server.load(warm=10, count=100)["rate"]
        eight = server.load(warm=10, count=100, clients=8)["rate"]
    return {"rate 1": one, "rate 8": eight, "speedup": eight / one}


def _first(contender: _Contender) -> dict[str, float]:
    """From exec to the first answer: the middle of five."""
    times = []
    for _ in range(5):
        port = _free_port()
        with tempfile.TemporaryDirectory() as root:
            command, env = contender.command(port), _environment(port, root)
            times.append(contender.tools.load(port, {}, command, env)["first"])
    return {"first": median(times)}


def _timeout(contender: _Contender) -> dict[str, float]:
    """How much later than its limit of a second an invocation that hangs is answered: the middle of three."""
    if contender.name == _FLOOR:
        return {}
    with contender.running(env={"BENCH_DELAY": "1m", "AWS_LAMBDA_FUNCTION_TIMEOUT": "1"}) as server:
        return {"late": median(server.invoke() - 1 for _ in range(3)) * 1e3}


def _memory(contender: _Contender) -> dict[str, float]:
    """After one answer, and after 10,000."""
    measured: dict[str, float] = {}
    with contender.running() as server:
        for when, count in (("idle", 1), ("after", 9_999)):
            server.load(count=count)
            time.sleep(_SETTLE)
            measured |= {f"{kind} {when}": value for kind, value in server.memory().items()}
    return measured


def _size(contender: _Contender) -> dict[str, float]:
    return {"size": contender.binary.stat().st_size / 1e6}


@dataclass(frozen=True)
class _Goal:
    """A bound on our figure; `of` names whose it is a multiple of, none for an absolute bound."""

    bound: float
    of: str = ""
    at_least: bool = False

    def judge(self, rounds: Mapping[str, list[float]]) -> str:
        """The goal, and whether the rounds of all contenders meet it."""
        text = f"{'≥' if self.at_least else '≤'} {self.bound:g} {self.of}".strip()
        if not rounds.get(self.of or _OURS):
            return f"{text}: not measured"
        reached = _ratio(rounds, self.of) if self.of else median(rounds[_OURS])
        met = reached >= self.bound if self.at_least else reached <= self.bound
        return f"{text}: {'met' if met else '**missed**'}"


@dataclass(frozen=True)
class _Line:
    """A line of the table."""

    what: str
    key: str
    digits: int
    goals: tuple[_Goal, ...] = ()


_FLOOR_11 = (_Goal(1.1, _FLOOR),)
_FLOOR_115 = (_Goal(1.15, _FLOOR),)

_EXPERIMENTS: dict[Callable[[_Contender], dict[str, float]], list[_Line]] = {
    _small: [
        _Line("one client: p50, µs", "p50", 0, _FLOOR_11),
        _Line("one client: p99, µs", "p99", 0, _FLOOR_11),
        _Line("one client: invokes/s", "rate", 0, (_Goal(1.5, _RIE, at_least=True),)),
        _Line("one client: CPU of the server, µs an invoke", "cpu", 0),
    ],
    _large: [
        _Line("100 KB: p50, µs", "p50 100000", 0, _FLOOR_115),
        _Line("1 MB: p50, µs", "p50 1000000", 0, _FLOOR_115),
    ],
    _eight: [
        _Line("5 ms handler, one client: invokes/s", "rate 1", 0),
        _Line("5 ms handler, eight clients: invokes/s", "rate 8", 0),
        _Line("eight clients to one", "speedup", 2, (_Goal(6, at_least=True),)),
    ],
    _first: [_Line("exec to first answer, ms", "first", 1, (_Goal(1.2, _FLOOR), _Goal(0.5, _RIE)))],
    _timeout: [_Line("beyond a timeout of 1 s, ms", "late", 1, (_Goal(50),))],
    _size: [_Line("stripped binary, MB", "size", 2, (_Goal(6.5),))],
    _memory: [
        _Line("idle: RSS, MB", "Rss idle", 1, (_Goal(0.6, _RIE),)),
        _Line("idle: PSS, MB", "Pss idle", 1, (_Goal(0.6, _RIE),)),
        _Line("after 10,000 invokes: RSS, MB", "Rss after", 1, (_Goal(1, _FLOOR),)),
        _Line("after 10,000 invokes: PSS, MB", "Pss after", 1, (_Goal(1, _FLOOR),)),
    ],
}


def main() -> None:
    """Alternating rounds, each with a fresh process."""
    contenders = _contenders()
    names = [contender.name for contender in contenders]
    print(
        f"\nThe emulator: median of {_ROUNDS} alternating rounds; a ratio is the median of the rounds' ratios. "
        f"{os.cpu_count()} cores, load average {os.getloadavg()[0]:.1f} at the start.\n"
    )
    if _RIE not in names:
        print("Without AWS's emulator: BENCH_RIE names no aws-lambda-rie.\n")
    ratios = [name for name in names if name != _OURS]
    row("", *names, *(f"ours / {name}" for name in ratios), "goal")
    row("-", *("-" for _ in [*names, *ratios]), "-")
    for experiment, lines in _EXPERIMENTS.items():
        rounds = _alternate(experiment, contenders)
        for line in lines:
            _print(line, rounds[line.key], names, ratios)
    print(f"\nLoad average {os.getloadavg()[0]:.1f} at the end.")


def _alternate(
    experiment: Callable[[_Contender], dict[str, float]], contenders: list[_Contender]
) -> dict[str, dict[str, list[float]]]:
    """Figures by what was measured, then by contender, then by round."""
    figures: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for _ in range(1 if experiment is _size else _ROUNDS):
        for contender in contenders:
            for key, value in experiment(contender).items():
                figures[key][contender.name].append(value)
    return figures


def _print(line: _Line, rounds: Mapping[str, list[float]], names: list[str], ratios: list[str]) -> None:
    figures = [f"{median(rounds[name]):.{line.digits}f}" if rounds.get(name) else "" for name in names]
    shares = [f"{_ratio(rounds, name):.2f}" if rounds.get(name) else "" for name in ratios]
    row(line.what, *figures, *shares, "; ".join(goal.judge(rounds) for goal in line.goals))


def _ratio(rounds: Mapping[str, list[float]], name: str) -> float:
    """Ours to another's: the median of what each round says, so that a slow minute of the machine hits both."""
    return median(ours / other for ours, other in zip(rounds[_OURS], rounds[name], strict=True))


_KEPT = {  # by the soak, as a multiple of what was there at the beginning
    "goroutines": 1.0,
    "descriptors": 1.0,
    "children": 1.0,
    "threads": 1.5,  # Go starts one for each system call that takes long, and keeps it
    "RSS, MB": 1.15,
    "PSS, MB": 1.15,
}


def soak() -> None:
    """Many invokes and reloads against one process, which is to end as it began.

    What it is at the beginning comes from a process with a few of each: Go lists the goroutines at the cost of the
    process's life.
    """
    invokes, reloads = int(os.environ.get("BENCH_INVOKES", "200000")), int(os.environ.get("BENCH_RELOADS", "200"))
    ours = _contenders()[0]
    began, ended = _live(ours, 5_000, 5), _live(ours, invokes, reloads)
    print(
        f"\nSoak: {invokes:,} invokes and {reloads:,} reloads ({ended['starts']:.0f} starts of the runtime) in one "
        f"process, in {ended['seconds']:.0f} s.\n"
    )
    row("", "after 5,000 invokes and 5 reloads", "at the end", "goal: at most", "")
    row("-", "-", "-", "-", "-")
    for what, multiple in _KEPT.items():
        limit = began[what] * multiple
        row(what, f"{began[what]:g}", f"{ended[what]:g}", f"{limit:g}", "met" if ended[what] <= limit else "**missed**")


def _live(ours: _Contender, invokes: int, reloads: int) -> dict[str, float]:
    """What a process is after so many of each."""
    with tempfile.TemporaryDirectory() as folder:
        starts, log = Path(folder, "starts"), Path(folder, "log")
        started = time.monotonic()
        with log.open("ab") as file, ours.running(env={"BENCH_STARTS": str(starts)}, log=file) as server:
            server.load(count=invokes // reloads, times=reloads, reload=server.process.pid)
            server.load(count=1)  # by the runtime of the last reload
            seconds = time.monotonic() - started
            time.sleep(_SETTLE)
            memory = server.memory()
            return {
                "seconds": seconds,
                "starts": starts.stat().st_size,
                "descriptors": server.descriptors(),
                "children": server.children(),
                "threads": server.threads(),
                "RSS, MB": round(memory["Rss"], 1),
                "PSS, MB": round(memory["Pss"], 1),
                "goroutines": server.goroutines(log),
            }


def _contenders() -> list[_Contender]:
    """Ours first."""
    tools = _Tools(_compile())
    machine = {"aarch64": "arm64"}.get(platform.machine(), platform.machine())
    binary = (
        os.environ.get("BENCH_EMULATOR") or Emulator(SHIPPED / "emulator").compile(_BUILD, (Architecture(machine),))[0]
    )
    contenders = [_Contender(_OURS, Path(binary), tools), _Contender(_FLOOR, tools.folder / "floor", tools)]
    rie = os.environ.get("BENCH_RIE")
    return [*contenders, _Contender(_RIE, Path(rie), tools)] if rie else contenders


def _compile() -> Path:
    """The folder of the programs in `tools/bench/go`, compiled as the emulator is."""
    target = _BUILD / "bench-go"
    target.mkdir(parents=True, exist_ok=True)
    flags = ["-trimpath", "-ldflags=-s -w -buildid=", "-buildvcs=false", "-o", f"{target}/"]
    wall([go(), "build", *flags, "./..."], {"CGO_ENABLED": "0", "GOTOOLCHAIN": "local"}, _SOURCES)
    return target
