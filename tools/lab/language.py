"""What a language of the lab is: the interface of the modules in `tools/lab/languages/`.

A language is two files of the same name. `NAME.toml` pins what its runtimes are made of and has a table per runtime;
`NAME.py` has a subclass of `Language`, of which the frame makes one object. Files that go into the images as they are
lie in `tools/lab/files/NAME/`. A language asks for packages with `needs` and makes layers with `lang` and `client`;
fetching, caching, cleaning up, packing and pushing are the frame's.
"""

from __future__ import annotations

import tomllib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tools.lab import elf, fetch, standin
from tools.lab.catalogue import BASES, Base
from tools.lab.debian import NEVER, Suite, merge_usr
from tools.lab.demands import Archive
from tools.lab.errors import LabError
from tools.lab.settings import LAB

if TYPE_CHECKING:
    from tools.lab.tools import Tools


@dataclass(frozen=True)
class Debs:
    """Debian packages: the seeds and all they depend on, less the refused ones. Any suite will do."""

    suite: str
    seeds: tuple[str, ...]
    refused: tuple[str, ...] = ()

    def members(self, suite: Suite) -> list[str]:
        """All of them by name, sorted."""
        return suite.closure(self.seeds, (*NEVER, *self.refused))


@dataclass(frozen=True)
class Needs:
    """The packages that a layer is made of, each by its name in the pins of the language's TOML file."""

    debs: tuple[Debs, ...] = ()
    npm: tuple[str, ...] = ()
    """NAME@VERSION"""
    pypi: tuple[str, ...] = ()
    """NAME==VERSION, as wheels for the Python version `python`"""
    python: str = ""
    maven: tuple[str, ...] = ()
    """GROUP:ARTIFACT:VERSION[:PACKAGING[:CLASSIFIER]]"""
    go: tuple[str, ...] = ()
    """MODULE@VERSION, as the module's zip"""

    def members(self, suite: Suite) -> set[str]:
        """The Debian packages of a suite that are needed, by name."""
        return {name for debs in self.debs if debs.suite == suite.name for name in debs.members(suite)}


@dataclass(frozen=True)
class Runtime:
    """One runtime image: `nodejs:22`, `python:3.13`. `parts` is its table in the language's TOML file."""

    family: str
    version: str
    parts: Mapping[str, Any] = field(hash=False)

    @property
    def name(self) -> str:
        """For messages and cache names."""
        return f"{self.family}-{self.version}"

    @property
    def base(self) -> Base:
        """The generation that it is built on."""
        return BASES[self.parts["base"]]

    @property
    def architectures(self) -> tuple[str, ...]:
        """Those that upstream has, Debian's names."""
        return tuple(self.parts.get("architectures", self.base.architectures))

    @property
    def in_slice(self) -> bool:
        """Is it part of what quickstart and CI need?"""
        return bool(self.parts.get("slice", False))

    @property
    def has_lang(self) -> bool:
        """Is there a /var/lang at all?"""
        return bool(self.parts.get("lang", True))

    @property
    def archive(self) -> str:
        """HOST/PATH of the archive that upstream has instead of an image; empty where it has an image."""
        return str(self.parts.get("archive", ""))

    def stand_in(self, architecture: str) -> str:
        """Why there is no working interpreter; empty when there is one."""
        reason = self.parts.get("stand_in", "")
        return str(reason.get(architecture, "") if isinstance(reason, Mapping) else reason)


@dataclass(frozen=True)
class Pins:
    """The hashes of a language's packages."""

    npm: Mapping[str, str]
    pypi: Mapping[str, list[str]]
    maven: Mapping[str, str]
    go: Mapping[str, str]

    def identity(self, needs: Needs) -> list[object]:
        """What decides the content of the needed packages, Debian's apart."""
        named = ((self.npm, needs.npm), (self.pypi, needs.pypi), (self.maven, needs.maven), (self.go, needs.go))
        return [needs.python, *([[name, _pin(pins, name)] for name in sorted(names)] for pins, names in named)]


@dataclass(frozen=True)
class Kit:
    """What a layer is made with: its place, and everything that `needs` named."""

    base: Base
    architecture: str
    """Debian's name, amd64 or arm64."""
    tree: Path
    """The root of the layer's files; tree/var/lang is /var/lang in the image."""
    work: Path
    """An empty directory to work in, removed afterwards."""
    needs: Needs
    pins: Pins
    suites: Mapping[str, Suite]
    downloads: Path
    files: Path
    """tools/lab/files/NAME."""
    tools: Callable[[str], Tools]
    """The compilers and the Python of a Debian suite (bookworm, trixie); they run on this machine."""
    step: Callable[[str, object, Callable[[Path], None]], Path]
    """`store.Store.step`, for what several layers share: name, inputs, how a directory is filled."""
    in_base: Callable[[], set[str]]
    """The names of the libraries in the base; none, when they are older than those of `suites`."""
    runtime: Runtime | None = None

    @property
    def version(self) -> str:
        """The runtime's version, as its tag says."""
        assert self.runtime
        return self.runtime.version

    @property
    def parts(self) -> Mapping[str, Any]:
        """The runtime's table."""
        assert self.runtime
        return self.runtime.parts

    def debian(self, suite: str | None = None) -> Path:
        """The needed Debian packages of a suite, unpacked together below a directory of `work`."""
        name = suite or self.base.suite
        root = self.work / f"debian-{name}"
        if not root.exists():
            merge_usr(root)
            self.suites[name].extract(self.needs.members(self.suites[name]), root)
        return root

    def npm(self, name: str, target: Path) -> None:
        """Unpack an npm package's content into a directory."""
        fetch.unpack(name, self.downloads / "npm", target)

    def wheels(self) -> Path:
        """A directory with the needed wheels."""
        pins = {name: _pin(self.pins.pypi, name) for name in self.needs.pypi}
        return fetch.wheels(pins, self.needs.python, self.architecture, self.downloads / "pypi")

    def maven(self, name: str) -> Path:
        """The file of a Maven artifact."""
        return fetch.maven(name, _pin(self.pins.maven, name), self.downloads / "maven")

    def go(self, name: str) -> Path:
        """The zip of a Go module."""
        return fetch.go(name, _pin(self.pins.go, name), self.downloads / "go")

    def install(self, name: str, place: str, mode: int = 0o644, **values: str) -> None:
        """Put a file of tools/lab/files/NAME into the image, each @KEY@ in it replaced by `key`'s value."""
        text = (self.files / name).read_text()
        for key, value in values.items():
            text = text.replace(f"@{key.upper()}@", value)
        self.write(place, text, mode)

    def write(self, place: str, text: str, mode: int = 0o644) -> None:
        """Put a text into the image."""
        path = self.tree / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(mode)

    def transplant(self, program: Path, root: Path, place: str) -> None:
        """Put an ELF program at /var/lang/`place`, with the libraries that it needs and the base lacks.

        `root` is the tree that the program comes from. See `lab.elf`.
        """
        present = elf.Base(self.base.glibc, self.in_base())
        elf.transplant(program, root, self.tree / "var/lang", place, present, self.tools("bookworm").patchelf)


class Language(ABC):
    """A language: subclass this once in `tools/lab/languages/NAME.py`."""

    def __init__(self, name: str) -> None:
        self.name = name
        document = tomllib.loads((LAB / "languages" / f"{name}.toml").read_text())
        self.repository = str(document.get("repository", name))
        """The images are lambda/<repository>:<version>."""
        self.pins = Pins(*(document.get(kind, {}) for kind in ("npm", "pypi", "maven", "go")))
        self.runtimes = [Runtime(self.repository, tag, parts) for tag, parts in document.get("runtimes", {}).items()]

    @abstractmethod
    def needs(self, runtime: Runtime, architecture: str) -> Needs:
        """The packages of a runtime; not asked for a runtime that is a stand-in."""

    @abstractmethod
    def lang(self, kit: Kit) -> None:
        """Make kit.tree/var/lang; not asked where the runtime's table says `lang = false`."""

    @abstractmethod
    def client(self, kit: Kit) -> None:
        """Make kit.tree/var/runtime."""

    def programs(self, runtime: Runtime) -> Iterable[str]:
        """The interpreters by their paths below /var/lang, for a stand-in."""
        return ()

    def stand_in_lang(self, kit: Kit, reason: str) -> None:
        """Make /var/lang where no registry has the interpreter: the same paths, nothing behind them."""
        assert kit.runtime
        for program in self.programs(kit.runtime):
            kit.write(f"var/lang/{program}", standin.program(f"/var/lang/{program}", kit.runtime.name, reason), 0o755)

    def stand_in_client(self, kit: Kit, reason: str) -> None:
        """Make /var/runtime where no registry has the interpreter."""
        assert kit.runtime
        kit.write("var/runtime/bootstrap", standin.program("/var/runtime/bootstrap", kit.runtime.name, reason), 0o755)

    def base_needs(self, base: Base, architecture: str) -> Needs | None:
        """The packages of what this language adds to a base; None where it adds nothing."""
        return None

    def base_is_for(self, base: Base) -> Sequence[Runtime] | None:
        """The runtimes without which a base does not get what this language adds; None where it always does."""
        return None

    def add_to_base(self, kit: Kit) -> None:
        """Make a layer that all images of a base have, as AL1's /usr/bin/python2.7."""
        raise NotImplementedError(f"{self.name} has needs for {kit.base.name}, and no add_to_base")

    def archive_needs(self, archive: Archive) -> Needs | None:
        """The packages that an extra's archive is made of; None where this language does not make it."""
        return None

    def fill_archive(self, kit: Kit, archive: Archive) -> Path | None:
        """Make kit.tree hold what an extra's archive holds, or return the archive itself where a registry has it."""
        raise NotImplementedError(f"{self.name} has needs for {archive.extra}, and no fill_archive")

    def sources(self) -> list[str]:
        """The code and files that the layers are made with, as paths in `tools/lab/`."""
        modules = [f"languages/{path.name}" for path in (LAB / "languages").glob(f"{self.name}*.py")]
        return [*modules, f"files/{self.name}"]


def _pin(pins: Mapping[str, Any], name: str) -> Any:
    if name not in pins:
        raise LabError(f"{name} is not pinned in the TOML file of its language", code=2)
    return pins[name]
