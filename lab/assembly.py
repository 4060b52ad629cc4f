"""From packages to layers to images: which step needs which, and what each is remembered by."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TypeVar

from lab import fetch, images, layers, node, python, rootfs, rpms, tools
from lab.catalogue import BASES, Base, Runtime, runtimes, versions
from lab.debian import Apt, Suite
from lab.layers import Layer
from lab.registry import Client
from lab.settings import Settings
from lab.store import Store, say, sources

HOST = "amd64"
"""The architecture of the programs that assemble; every stand-in of another one is made by cross means."""
COMMON = ("layers.py", "debian.py", "catalogue.py", "settings.py")
T = TypeVar("T")


class Assembly:
    """One run over all stand-ins; each step is skipped when its result is there."""

    def __init__(self, settings: Settings, client: Client, *, refresh: bool) -> None:
        self.settings, self.client, self.refresh = settings, client, refresh
        self.store = Store(settings.cache / "steps")
        self.store.clean_scratch()
        self.downloads = settings.cache / "downloads"
        self.suites: dict[tuple[str, str], Suite] = {}
        self.built: dict[tuple[str, str, str], Layer] = {}

    def run(self) -> None:
        """Assemble and push everything, x86_64 first: it is what people wait for."""
        pairs = sorted({(base.suite, arch) for base in BASES.values() for arch in (HOST, *base.architectures)})
        self._in_parallel([partial(self._resolve, *pair) for pair in pairs])
        self.tools = dict(self._in_parallel([partial(self._tools, suite) for suite in tools.PYTHONS]))
        for architecture in ("amd64", "arm64"):
            self._architecture(architecture)
            self._push(architecture)
        self.store.prune()

    # --- what to fetch

    def _resolve(self, suite: str, architecture: str) -> None:
        apt = Apt(self.settings.cache / "apt", suite, architecture)
        resolved = apt.resolve(self._seeds(suite, architecture), refresh=self.refresh)
        self.suites[suite, architecture] = resolved
        apt.fetch(resolved, self._needed(resolved))

    def _seeds(self, suite: str, architecture: str) -> list[str]:
        found = list(tools.seeds(suite)) if architecture == HOST else []
        for base in _bases(suite, architecture):
            found += [*rootfs.SEEDS, *base.extra_debs, *rpms.seeds(base)]
        for runtime in _pythons(suite):
            found += python.seeds(runtime)
        return found

    def _needed(self, suite: Suite) -> set[str]:
        names = set(tools.members(suite)) if suite.architecture == HOST else set()
        for base in _bases(suite.name, suite.architecture):
            inside = rootfs.members(base, suite)
            names |= {*inside, *(deb for real in rpms.allot(base, suite, inside) for deb in real.debs)}
        for runtime in _pythons(suite.name):
            names |= set(python.members(runtime, suite))
        return names

    # --- steps

    def _tools(self, name: str) -> tuple[str, tools.Tools]:
        suite = self.suites[name, HOST]
        debs = tools.members(suite)
        inputs = [suite.identity(debs), sources("tools.py", "debian.py", "rpms.py")]
        tree = self.store.step(f"tools-{name}", inputs, partial(tools.assemble, suite, debs))
        return name, tools.Tools(name, tree)

    def _architecture(self, architecture: str) -> None:
        jobs: list[Callable[[], None]] = []
        fetch.npm(node.packages(architecture), self.downloads / "npm")
        jobs.append(partial(self._node, architecture))
        for base in BASES.values():
            if architecture in base.architectures:
                jobs += [partial(self._repository, base, architecture), partial(self._rootfs, base, architecture)]
        jobs += [partial(self._python, runtime, architecture) for runtime in runtimes() if runtime.family == "python"]
        self._in_parallel(jobs)

    def _rootfs(self, base: Base, architecture: str) -> None:
        suite = self.suites[base.suite, architecture]
        debs = rootfs.members(base, suite)
        code = sources("rootfs.py", "rpms.py", "tools.py", "bytecode.py", "files", f"packages/{base.name}.txt", *COMMON)
        self._layer(
            f"base-{base.name}", architecture, [base.name, suite.identity(debs), code],
            partial(rootfs.assemble, base, suite, debs, architecture, self.tools[base.suite]),
        )  # fmt: skip

    def _repository(self, base: Base, architecture: str) -> None:
        suite = self.suites[base.suite, architecture]
        reals = rpms.allot(base, suite, rootfs.members(base, suite))
        wheels = fetch.wheels(tools.PYTHONS[base.suite], architecture, self.downloads / "pypi")
        content = [suite.identity(real.debs) for real in reals]
        code = sources("rpms.py", "files", f"packages/{base.name}.txt", "packages/packages.toml", *COMMON)
        self._layer(
            f"repository-{base.name}", architecture, [base.name, content, code, versions()["pypi"]],
            partial(rpms.repository, base, suite, architecture, reals, wheels), level=1,
        )  # fmt: skip

    def _python(self, runtime: Runtime, architecture: str) -> None:
        suite = self.suites[BASES[runtime.base].suite, architecture]
        debs = python.members(runtime, suite)
        wheels = fetch.wheels(runtime.version, architecture, self.downloads / "pypi")
        texts = ("python-bootstrap", "bootstrap.py", "sitecustomize.py", "pip3")
        code = sources("python.py", "tools.py", "bytecode.py", *(f"files/{name}" for name in texts), *COMMON)
        inputs = [runtime.version, suite.identity(debs), versions()["pypi"], code]
        make = partial(python.lang, runtime, suite, debs, wheels, self.tools[suite.name])
        self._layer(f"{runtime.name}-lang", architecture, inputs, make)
        self._layer(f"{runtime.name}-runtime", architecture, inputs, partial(python.client, runtime))

    def _node(self, architecture: str) -> None:
        texts = ("node-bootstrap", "index-3.mjs", "index-4.mjs")
        code = sources("node.py", "fetch.py", *(f"files/{name}" for name in texts), *COMMON)
        npm = self.downloads / "npm"
        compiler = self.suites["bookworm", HOST].identity(tools.members(self.suites["bookworm", HOST]))
        inputs = [architecture, versions()["npm"], versions()["nodejs"], sources("node.py", "tools.py"), compiler]
        make = partial(node.addon, architecture, npm, self.tools["bookworm"])
        addon = self.store.step(f"node-client-{architecture}", inputs, make)
        for runtime in runtimes():
            if runtime.family == "nodejs":
                parts = [runtime.version, runtime.parts, versions()["npm"], code]
                lang = partial(node.lang, runtime, architecture, npm)
                self._layer(f"{runtime.name}-lang", architecture, parts, lang)
                client = partial(node.client, runtime, npm, addon)
                self._layer(f"{runtime.name}-runtime", architecture, [*parts, addon.name], client)

    def _layer(
        self, name: str, architecture: str, inputs: Sequence[object], make: Callable[[Path], None], *, level: int = 4
    ) -> None:
        def build(out: Path) -> None:
            make(out)
            layers.pack(out / "tree", out, level=level)
            shutil.rmtree(out / "tree")

        directory = self.store.step(f"{name}-{architecture}", inputs, build)
        kind, part = name.rsplit("-", 1)
        self.built[kind, part, architecture] = layers.load(directory)

    # --- images

    def _push(self, architecture: str) -> None:
        for target in images.targets():
            if architecture not in target.architectures:
                continue
            parts = [("base", target.base.name), ("repository", target.base.name)]
            if target.runtime:
                parts += [(target.runtime.name, "lang"), (target.runtime.name, "runtime")]
            content = [self.built[kind, part, architecture] for kind, part in parts]
            images.push(self.client, target, architecture, content)
            if not target.single and (architecture == "arm64" or not self.client.digest(target.repository, target.tag)):
                # On a first run the index has x86_64 alone until arm64 is done.
                done = target.architectures if architecture == "arm64" else (architecture,)
                images.push_index(self.client, target, done)
        say(f"{architecture} images are in the registry")

    def _in_parallel(self, jobs: Iterable[Callable[[], T]]) -> list[T]:
        """Two at a time; the first failure is raised when those that run have ended."""
        with ThreadPoolExecutor(max_workers=2) as pool:
            futures = [pool.submit(job) for job in jobs]
            try:
                return [future.result() for future in futures]
            except BaseException:
                for future in futures:
                    future.cancel()
                raise


def _bases(suite: str, architecture: str) -> list[Base]:
    return [base for base in BASES.values() if base.suite == suite and architecture in base.architectures]


def _pythons(suite: str) -> list[Runtime]:
    return [runtime for runtime in runtimes() if runtime.family == "python" and BASES[runtime.base].suite == suite]
