"""Finished steps, kept by the hash of what they were made from.

A step writes into a scratch directory that is renamed when it is complete: what has its name is whole, so a run
that was killed is continued by the next one.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Generic, ParamSpec, TypeVar

from tools.lab.settings import LAB

P = ParamSpec("P")
T = TypeVar("T")


def say(message: str) -> None:
    """Print one line for the person who waits."""
    print(f"lab: {message}", flush=True)


def sources(*names: str) -> str:
    """Hash files of this package by their paths in it; a directory stands for all that is in it."""
    digest = hashlib.sha256()
    for name in sorted(names):
        path = LAB / name
        files = sorted(path.rglob("*")) if path.is_dir() else [path]
        for file in files:
            if file.is_file() and "__pycache__" not in file.parts:
                digest.update(f"{file.relative_to(LAB)}\0".encode() + file.read_bytes() + b"\0")
    return digest.hexdigest()


class Once(Generic[P, T]):
    """A function that is called once for the same arguments, by several threads too; others wait for the result."""

    def __init__(self, make: Callable[P, T]) -> None:
        self._make = make
        self._results: dict[object, Future[T]] = {}
        self._lock = threading.Lock()

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> T:
        """The result, made if need be; who failed to make it fails again."""
        key = (args, tuple(sorted(kwargs.items())))
        with self._lock:
            first = key not in self._results
            result = self._results.setdefault(key, Future())
        if first:
            try:
                result.set_result(self._make(*args, **kwargs))
            except BaseException as error:
                result.set_exception(error)
                raise
        return result.result()


class Store:
    """A directory of finished steps."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.root.mkdir(parents=True, exist_ok=True)
        self.used: set[str] = set()
        self._guard = threading.Lock()  # a defaultdict alone may give two threads a lock each
        self._locks: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)

    def clean_scratch(self) -> None:
        """Remove what interrupted runs left; what a program of theirs still writes to is left to the next run."""
        for path in self.root.glob(".tmp-*"):
            with contextlib.suppress(OSError):
                remove_tree(path)

    def step(self, name: str, inputs: object, make: Callable[[Path], None]) -> Path:
        """Return the directory that `make` fills, filling it only if these inputs were never seen."""
        key = hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()[:16]
        target = self.root / f"{name}-{key}"
        self.used.add(target.name)
        with self._guard:
            lock = self._locks[target.name]
        with lock:
            if not target.exists():
                self._fill(target, name, make)
        return target

    def _fill(self, target: Path, name: str, make: Callable[[Path], None]) -> None:
        started = time.monotonic()
        scratch = Path(tempfile.mkdtemp(prefix=f".tmp-{name}-", dir=self.root))
        scratch.chmod(0o755)
        make(scratch)
        os.rename(scratch, target)  # noqa: PTH104 - Path.rename would say the same
        say(f"{name:<34} {time.monotonic() - started:6.1f} s")

    def prune(self, *, everything: bool) -> None:
        """Remove the former results of the steps that were asked for; with `everything`, all that were not."""
        asked = {name.rpartition("-")[0] for name in self.used}
        for path in self.root.iterdir():
            if path.name not in self.used and (everything or path.name.rpartition("-")[0] in asked):
                remove_tree(path)


def remove_tree(path: Path) -> None:
    """Remove a tree, read-only directories included."""

    def unlock(function: Callable[..., object], name: str, _error: object) -> None:
        Path(name).parent.chmod(0o755)
        if Path(name).is_dir() and not Path(name).is_symlink():
            Path(name).chmod(0o755)
        function(name)

    shutil.rmtree(path, onerror=unlock)
