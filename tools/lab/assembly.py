"""From packages to layers to images: which step needs which, and what each is remembered by."""

from __future__ import annotations

import shutil
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict
from functools import partial
from pathlib import Path

from tools.lab import archives, demands, fetch, images, index, layers, python_pins, rootfs, rpms, tools
from tools.lab.catalogue import BASES, LAMBDA_NAMES, Base, versions
from tools.lab.debian import SUITES, Apt, Suite
from tools.lab.errors import LabError
from tools.lab.images import Target, Wants
from tools.lab.language import Kit, Language, Needs, Runtime
from tools.lab.languages import languages
from tools.lab.layers import Layer
from tools.lab.registry import Client
from tools.lab.settings import LAB, Settings
from tools.lab.store import Once, Store, say, sources

HOST = "amd64"
"""The architecture of the programs that assemble; every stand-in of another one is made by cross means."""
COMMON = ("layers.py", "debian.py", "catalogue.py", "settings.py", "files/base")
_AT_ONCE = 3
"""Steps at a time: one more than the cores of a small machine, as some wait for a mirror or for each other."""
DEBIAN_NAMES = {ours: name for name, ours in LAMBDA_NAMES.items()}
LANGUAGES = (*COMMON, "language.py", "elf.py", "standin.py", "tools.py", "bytecode.py")
"""The code that all languages share."""


class Assembly:
    """One run over some stand-ins; each step is skipped when its result is there."""

    def __init__(self, settings: Settings, client: Client, *, refresh: bool) -> None:
        self.settings, self.client = settings, client
        self.store = Store(settings.cache / "steps")
        self.store.clean_scratch()
        self.downloads = settings.cache / "downloads"
        self.apt = Once(lambda suite, architecture: Apt(settings.cache / "apt", suite, architecture, refresh=refresh))
        self.base_debs = Once(self._base_debs)
        self.libraries = Once(self._libraries)
        self.tools = Once(self._tools)
        self.built: dict[tuple[str, str], Layer] = {}
        self.failed: dict[str, LabError] = {}
        self.wanted: list[Runtime] = []

    def run(self, wants: Wants, *, prune_all: bool) -> None:
        """Assemble and push what is wanted, x86_64 first: it is what people wait for. A runtime that fails fails alone.

        Raises:
            LabError: some failed; the others are in the registry.
        """
        self.wanted = [request.target.runtime for request in wants.requests if request.target.runtime]
        architectures = [name for name in LAMBDA_NAMES if any(name in each.architectures for each in wants.requests)]
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            made = {name: [pool.submit(job) for job in self._jobs(wants, name)] for name in architectures}
            files = [pool.submit(job) for job in self._files(wants)]
            try:
                for architecture, futures in made.items():
                    _wait(futures)
                    self._publish(wants, architecture)
                _wait(files)
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise
        self.store.prune(everything=prune_all)
        if self.failed:
            raise LabError("\n".join(f"{name}: {error}" for name, error in self.failed.items()))

    def _jobs(self, wants: Wants, architecture: str) -> list[Callable[[], None]]:
        """What makes the layers of an architecture."""
        mine = [request.target for request in wants.requests if architecture in request.architectures]
        bases = {target.base.name: target.base for target in mine}.values()
        shared = [job for base in bases for job in self._base_jobs(base, architecture)]
        own = [partial(self._runtime, target, target.runtime, architecture) for target in mine if target.runtime]
        return [*own, *shared]  # a client that is compiled takes longest

    def _files(self, wants: Wants) -> list[Callable[[], None]]:
        """What gets what the extras take from the web: archives or stand-ins of them, a package index."""
        index.write_configuration(archives.pip_configuration(self.settings), self.settings.port + 1)
        wheels = {
            (requirement, tools.PYTHONS[BASES[base].suite], DEBIAN_NAMES[architecture])
            for extra, base, architecture in wants.extras
            if (requirement := demands.requirement_of(extra, base))
        }
        asked = {(extra, architecture) for extra, _, architecture in wants.extras}
        asked |= {(extra, "any") for extra, _ in asked}
        return [
            *(partial(self._wheels, *each) for each in sorted(wheels)),
            *(partial(self._file, archive, wanted=(archive.extra, archive.architecture) in asked)
              for archive in demands.archives()),
        ]  # fmt: skip

    def _file(self, archive: demands.Archive, *, wanted: bool) -> None:
        """Serve an archive. One that takes long is made when it is wanted alone; all layout stand-ins are there."""
        maker = maker_of(archive)
        if maker is None:
            code = sources("archives.py", "standin.py")
            made = self.store.step("archive", [asdict(archive), code], partial(archives.stand_in, archive))
        elif wanted:
            made = self._archive(archive, *maker)
        else:
            return
        archives.publish(self.settings, archive.name, made / "archive")

    def _archive(self, archive: demands.Archive, language: Language, needs: Needs) -> Path:
        """An archive with what a language has for it; its programs run on all bases, so the oldest is named."""
        architecture = DEBIAN_NAMES.get(archive.architecture, HOST)
        tag = f"archive-{archive.extra}-{architecture}"
        suites, debs = self._debs(tag, needs, architecture)

        def make(out: Path) -> None:
            self._fetch(suites, debs)
            whole: list[Path | None] = []

            def fill(kit: Kit) -> None:
                whole.append(language.fill_archive(kit, archive))

            self._fill(out, fill, language, needs, BASES["al1"], architecture, suites, None)
            if whole[0]:
                shutil.copyfile(whole[0], out / "archive")
            else:
                archives.pack(out / "tree", out / "archive", archive.format)
            shutil.rmtree(out / "tree")

        code = sources("archives.py", *language.sources(), *LANGUAGES)
        identity = [suites[suite].identity(names) for suite, names in sorted(debs.items())]
        return self.store.step(tag, [asdict(archive), *identity, language.pins.identity(needs), code], make)

    def _wheels(self, requirement: str, python: str, architecture: str) -> None:
        name = f"wheels-{requirement}-{python}-{architecture}"
        pins = python_pins.load().get(requirement, {}).get(python)
        make = partial(index.wheels, requirement, python, architecture, self.downloads / "pypi")
        index.publish(
            self.store.step(name, [pins, demands.programs_of(requirement), sources("index.py")], make),
            archives.folder(self.settings),
        )

    # --- what several layers share

    def _base_debs(self, name: str, architecture: str) -> Suite:
        base = BASES[name]
        seeds = [*rootfs.SEEDS, *rootfs.EXTRA, *base.extra_debs, *rpms.seeds(base)]
        return self.apt(base.suite, architecture).resolve(f"base-{name}", seeds)

    def _libraries(self, name: str, architecture: str) -> set[str]:
        suite = self.base_debs(name, architecture)
        return suite.libraries(self._fetched(suite, rootfs.members(BASES[name], suite)))

    def _tools(self, name: str) -> tools.Tools:
        suite = self.apt(name, HOST).resolve("tools", tools.seeds(name))
        debs = tools.members(suite)
        inputs = [suite.identity(debs), sources("tools.py", "debian.py")]
        make = partial(self._assemble_tools, suite, debs)
        return tools.Tools(name, self.store.step(f"tools-{name}", inputs, make))

    def _assemble_tools(self, suite: Suite, debs: list[str], out: Path) -> None:
        tools.assemble(suite, self._fetched(suite, debs), out)

    def _fetched(self, suite: Suite, debs: list[str]) -> list[str]:
        self.apt(suite.name, suite.architecture).fetch(suite, debs)
        return debs

    # --- bases

    def _base_jobs(self, base: Base, architecture: str) -> list[Callable[[], None]]:
        added = [
            partial(self._language_layer, f"base-{base.name}-{language.name}", language, needs, base, architecture,
                    language.add_to_base)
            for language, needs in self.additions(base, architecture)
        ]  # fmt: skip
        return [partial(self._repository, base, architecture), partial(self._rootfs, base, architecture), *added]

    def _rootfs(self, base: Base, architecture: str) -> None:
        suite = self.base_debs(base.name, architecture)
        debs = rootfs.members(base, suite)
        code = sources("rootfs.py", "rpms.py", "tools.py", "bytecode.py", f"packages/{base.name}.txt", *COMMON)

        def make(out: Path) -> None:
            rootfs.assemble(base, suite, self._fetched(suite, debs), architecture, self.tools(base.suite), out)

        self._layer(f"base-{base.name}", architecture, [base.name, suite.identity(debs), code], make)

    def _repository(self, base: Base, architecture: str) -> None:
        suite = self.base_debs(base.name, architecture)
        reals = rpms.allot(base, suite, rootfs.members(base, suite))
        pins = versions()["pypi"]
        code = sources("rpms.py", f"packages/{base.name}.txt", "packages/packages.toml", *COMMON)

        def make(out: Path) -> None:
            self._fetched(suite, [deb for real in reals for deb in real.debs])
            wheels = fetch.wheels(pins, tools.PYTHONS[base.suite], architecture, self.downloads / "pypi")
            rpms.repository(base, suite, architecture, reals, wheels, out)

        inputs = [base.name, [suite.identity(real.debs) for real in reals], code, pins]
        self._layer(f"repository-{base.name}", architecture, inputs, make, level=0)  # it is compressed packages

    def additions(self, base: Base, architecture: str) -> list[tuple[Language, Needs]]:
        """The languages that add a layer to a base, with what they need for it.

        What only some runtimes need takes its time only where one of them is, or was, assembled.
        """
        added = []
        for language in languages():
            needs, users = language.base_needs(base, architecture), language.base_is_for(base)
            if needs is not None and (users is None or any(self._in_lab(runtime) for runtime in users)):
                added.append((language, needs))
        return added

    def _in_lab(self, runtime: Runtime) -> bool:
        return runtime in self.wanted or bool(self.client.digest(f"lambda/{runtime.family}", runtime.version))

    # --- languages

    def _runtime(self, target: Target, runtime: Runtime, architecture: str) -> None:
        language = next(language for language in languages() if runtime in language.runtimes)
        reason = runtime.stand_in(architecture)
        needs = Needs() if reason else language.needs(runtime, architecture)
        lang = partial(language.stand_in_lang, reason=reason) if reason else language.lang
        client = partial(language.stand_in_client, reason=reason) if reason else language.client
        try:
            for part, fill in (("lang", lang), ("runtime", client), ("archive", _both(lang, client))):
                if part in _parts(runtime):
                    name = f"{runtime.name}-{part}"
                    self._language_layer(name, language, needs, runtime.base, architecture, fill, runtime)
        except LabError as error:
            self.failed[target.short] = error
            say(f"{target.short} failed; the others go on")

    def _language_layer(
        self,
        name: str,
        language: Language,
        needs: Needs,
        base: Base,
        architecture: str,
        fill: Callable[[Kit], None],
        runtime: Runtime | None = None,
    ) -> None:
        suites, debs = self._debs(runtime.name if runtime else name, needs, architecture)

        def make(out: Path) -> None:
            self._fetch(suites, debs)
            self._fill(out, fill, language, needs, base, architecture, suites, runtime)

        identity = [suites[suite].identity(names) for suite, names in sorted(debs.items())]
        table = dict(runtime.parts) if runtime else {}
        code = sources(*language.sources(), *LANGUAGES)
        self._layer(name, architecture, [base.name, table, identity, language.pins.identity(needs), code], make)

    def _fill(
        self,
        out: Path,
        fill: Callable[[Kit], None],
        language: Language,
        needs: Needs,
        base: Base,
        architecture: str,
        suites: Mapping[str, Suite],
        runtime: Runtime | None,
    ) -> None:
        """Let a language fill out/tree."""
        fetch.npm(needs.npm, language.pins.npm, self.downloads / "npm")
        kit = Kit(
            base=base, architecture=architecture, runtime=runtime, needs=needs, pins=language.pins, suites=suites,
            tree=out / "tree", work=out / "work", files=LAB / "files" / language.name, downloads=self.downloads,
            tools=self.tools, step=self.store.step, in_base=partial(self._in_base, base, architecture, suites),
        )  # fmt: skip
        kit.tree.mkdir()
        kit.work.mkdir()
        fill(kit)
        shutil.rmtree(kit.work)

    def _debs(self, group: str, needs: Needs, architecture: str) -> tuple[Mapping[str, Suite], Mapping[str, list[str]]]:
        """The resolved packages of a layer or an archive, by suite, and the names of those that are needed."""
        seeds: defaultdict[str, list[str]] = defaultdict(list)
        for debs in needs.debs:
            seeds[debs.suite] += debs.seeds
        suites = {suite: self.apt(suite, architecture).resolve(group, names) for suite, names in seeds.items()}
        return suites, {suite: sorted(needs.members(found)) for suite, found in suites.items()}

    def _fetch(self, suites: Mapping[str, Suite], debs: Mapping[str, list[str]]) -> None:
        for suite, names in debs.items():
            self._fetched(suites[suite], names)

    def _in_base(self, base: Base, architecture: str, suites: Iterable[str]) -> set[str]:
        """The libraries that programs of these suites find in a base: none, where one of the suites is newer."""
        newest = max((SUITES.index(suite) for suite in suites), default=0)
        return self.libraries(base.name, architecture) if newest <= SUITES.index(base.suite) else set()

    def _layer(
        self, name: str, architecture: str, inputs: Sequence[object], make: Callable[[Path], None], *, level: int = 4
    ) -> None:
        def build(out: Path) -> None:
            make(out)
            layers.pack(out / "tree", out, level=level)
            shutil.rmtree(out / "tree")

        self.built[name, architecture] = layers.load(self.store.step(f"{name}-{architecture}", inputs, build))

    # --- images

    def _publish(self, wants: Wants, architecture: str) -> None:
        for request in wants.requests:
            target = request.target
            if architecture not in request.architectures or target.short in self.failed:
                continue
            if target.archive and target.runtime:
                archives.put(self.settings, target.archive, self.built[f"{target.runtime.name}-archive", architecture])
            else:
                self._push(target, architecture)
        say(f"{architecture} images are in the registry")

    def _push(self, target: Target, architecture: str) -> None:
        base, runtime = target.base, target.runtime
        names = [f"base-{base.name}", f"repository-{base.name}"]
        names += [f"base-{base.name}-{language.name}" for language, _ in self.additions(base, architecture)]
        names += [f"{runtime.name}-{part}" for part in _parts(runtime)] if runtime else []
        images.push(self.client, target, architecture, [self.built[name, architecture] for name in names])
        if not target.single:
            images.push_index(self.client, target)


def _wait(futures: Iterable[Future[None]]) -> None:
    """Until all have ended, or one has failed."""
    for future in futures:
        future.result()


def maker_of(archive: demands.Archive) -> tuple[Language, Needs] | None:
    """The language that makes an archive, with what it needs for it; None where all there is is a stand-in."""
    asked = ((language, language.archive_needs(archive)) for language in languages())
    return next(((language, needs) for language, needs in asked if needs is not None), None)


def _both(lang: Callable[[Kit], None], client: Callable[[Kit], None]) -> Callable[[Kit], None]:
    def fill(kit: Kit) -> None:
        lang(kit)
        client(kit)

    return fill


def _parts(runtime: Runtime) -> tuple[str, ...]:
    if runtime.archive:
        return ("archive",)
    return ("lang", "runtime") if runtime.has_lang else ("runtime",)
