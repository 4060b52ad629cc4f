"""Programs of one Debian suite moved into an image of another, with the libraries that they need.

The libraries travel in /var/lang/lib, as those of the official images do, where LD_LIBRARY_PATH finds them; so does an
RPATH, for whoever clears that variable. glibc belongs to its loader and is left out when the base's is new enough.
When it is not, glibc, the loader and every library go to /var/lang/glibc instead, out of LD_LIBRARY_PATH, where they
would break the base's own programs, and the program names both.
"""

from __future__ import annotations

import re
import shutil
import struct
from collections.abc import Callable, Container, Iterator
from dataclasses import dataclass
from pathlib import Path

from tools.lab.errors import LabError

GLIBC = re.compile(r"(ld-linux.*|lib(c|m|dl|pthread|rt|resolv|util|anl|nsl|BrokenLocale|mvec|nss_\w+|thread_db))\.so.*")
_DYNAMIC, _NEEDED, _STRTAB, _VERNEED, _VERNEEDNUM, _LOAD, _INTERP = 2, 1, 5, 0x6FFFFFFE, 0x6FFFFFFF, 1, 3


@dataclass(frozen=True)
class Elf:
    """What a 64-bit little-endian ELF file asks of others."""

    needed: tuple[str, ...]
    glibc: str
    """The newest version of glibc that it asks for, 0 when none."""
    interpreter: str


@dataclass(frozen=True)
class Base:
    """What a base has: its version of glibc, the libraries that need not be brought."""

    glibc: str
    libraries: Container[str]


def read(path: Path) -> Elf | None:
    """The needs of a dynamic ELF file; None for any other file."""
    data = path.read_bytes()
    if data[:6] != b"\x7fELF\x02\x01":
        return None
    segments = list(_segments(data))
    dynamic = next((data[offset : offset + size] for kind, offset, _, size in segments if kind == _DYNAMIC), b"")
    entries = list(struct.iter_unpack("<qQ", dynamic[: len(dynamic) // 16 * 16]))
    values = dict(entries)

    def at(address: int) -> int:
        for kind, offset, start, size in segments:
            if kind == _LOAD and start <= address < start + size:
                return offset + address - start
        raise LabError(f"{path}: an address of its dynamic section is in no segment")

    strings = at(values[_STRTAB]) if _STRTAB in values else 0
    interpreter = next((_text(data, offset) for kind, offset, _, _ in segments if kind == _INTERP), "")
    versions = _versions(data, at(values[_VERNEED]), values[_VERNEEDNUM], strings) if _VERNEED in values else []
    return Elf(
        tuple(_text(data, strings + value) for tag, value in entries if tag == _NEEDED),
        max((name.removeprefix("GLIBC_") for name in versions if re.match(r"GLIBC_\d", name)), key=number, default="0"),
        interpreter,
    )


def number(version: str) -> tuple[int, ...]:
    """A version as numbers, to be compared."""
    return tuple(int(part) for part in version.split("."))


def closure(program: Path, root: Path) -> dict[str, Path]:
    """Every library that a program of a Debian tree needs, by name."""
    found: dict[str, Path] = {}
    todo = [program]
    while todo:
        path = todo.pop()
        elf = read(path)
        if elf is None:
            raise LabError(f"{path} is no 64-bit ELF file")
        for name in elf.needed:
            if name not in found:
                found[name] = _find(name, program, root)
                todo.append(found[name])
    return found


def transplant(program: Path, root: Path, lang: Path, place: str, base: Base, patch: Callable[..., None]) -> None:
    """Copy a program to lang/place with its libraries, less those of the base.

    `patch` runs patchelf with the given words. A shared object that the program loads by itself can be given as well.
    """
    target = lang / place
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(program.resolve(), target)
    libraries = closure(program, root)
    wanted = max((elf.glibc for file in (program, *libraries.values()) if (elf := read(file))), key=number)
    if number(wanted) <= number(base.glibc):
        moved = {
            name: path for name, path in libraries.items() if not GLIBC.fullmatch(name) and name not in base.libraries
        }
        _copy(moved, lang / "lib")
        patch("--force-rpath", "--set-rpath", "/var/lang/lib", target)
        return
    _copy(libraries, lang / "glibc")
    elf = read(target)
    loader = Path(elf.interpreter).name if elf else ""
    options = ["--force-rpath", "--set-rpath", "/var/lang/glibc:/var/lang/lib"]
    if loader:
        _copy({loader: _find(loader, program, root)}, lang / "glibc")
        options += ["--set-interpreter", f"/var/lang/glibc/{loader}"]
    patch(*options, target)


def _copy(libraries: dict[str, Path], directory: Path) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    for name, path in libraries.items():
        (directory / name).unlink(missing_ok=True)
        shutil.copy2(path.resolve(), directory / name)


def _find(name: str, program: Path, root: Path) -> Path:
    for directory in (program.parent, *sorted((root / "usr/lib").glob("*-linux-gnu")), *_private(root)):
        if (directory / name).exists():
            return directory / name
    raise LabError(
        f"{program.name} needs {name}, which is in none of the unpacked packages: add its package to the needs"
    )


def _private(root: Path) -> Iterator[Path]:
    yield from (root / "usr/lib", root / "usr/lib64")
    yield from (path for path in sorted((root / "usr/lib").glob("*-linux-gnu/*")) if path.is_dir())


def _segments(data: bytes) -> Iterator[tuple[int, int, int, int]]:
    """Type, file offset, address and size in the file of each segment."""
    (table,) = struct.unpack_from("<Q", data, 32)
    size, count = struct.unpack_from("<HH", data, 54)
    for index in range(count):
        kind, _, offset, address, _, length = struct.unpack_from("<IIQQQQ", data, table + index * size)
        yield kind, offset, address, length


def _versions(data: bytes, offset: int, count: int, strings: int) -> list[str]:
    """The names of the symbol versions that a file asks for (its .gnu.version_r)."""
    found = []
    for _ in range(count):
        _, entries, _, first, following = struct.unpack_from("<HHIII", data, offset)
        entry = offset + first
        for _ in range(entries):
            _, _, _, name, step = struct.unpack_from("<IHHII", data, entry)
            found.append(_text(data, strings + name))
            entry += step
        offset += following
    return found


def _text(data: bytes, offset: int) -> str:
    return data[offset : data.index(b"\0", offset)].decode()
