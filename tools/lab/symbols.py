"""Programs built against a newer glibc than a base has, made to ask for what the older one has as well.

A compiler on a newer system binds some functions to new names and versions: `strtol` to `__isoc23_strtol`, which knows
binary numbers too, `fmod` to its version of 2.38, which sets no errno. The older functions of the same purpose are in
every glibc, so such references are turned back to them; any other is an error.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tools.lab.errors import LabError

_C23 = b"__isoc23_"
_SAME_NAME = (b"fmod", b"fmodf")
_DYNSYM, _VERSYM, _VERNEED = 11, 0x6FFFFFFF, 0x6FFFFFFE
_UNVERSIONED = 1


@dataclass(frozen=True)
class _Section:
    """A section of a 64-bit little-endian ELF file."""

    kind: int
    offset: int
    size: int
    link: int


def for_older_glibc(tree: Path, glibc: str) -> None:
    """Turn back what files of a tree ask for beyond a version of glibc."""
    for path in sorted(tree.rglob("*")):
        if path.is_file() and not path.is_symlink() and path.open("rb").read(6) == b"\x7fELF\x02\x01":
            content = bytearray(path.read_bytes())
            if _turn_back(content, _number(glibc.encode()), path):
                path.write_bytes(content)


def _turn_back(content: bytearray, limit: tuple[int, ...], path: Path) -> bool:
    sections = list(_sections(content))
    symbols = next((section for section in sections if section.kind == _DYNSYM), None)
    versions = next((section for section in sections if section.kind == _VERSYM), None)
    newer = set(_newer(content, sections, limit))
    if not (symbols and versions and newer):
        return False
    strings = sections[symbols.link].offset
    for index in range(symbols.size // 24):
        place = versions.offset + 2 * index
        if struct.unpack_from("<H", content, place)[0] & 0x7FFF not in newer:
            continue
        (at,) = struct.unpack_from("<I", content, symbols.offset + 24 * index)
        name = _text(content, strings + at)
        if name.startswith(_C23):
            # The older name is the end of the newer one, so it is in the table of strings already.
            struct.pack_into("<I", content, symbols.offset + 24 * index, at + len(_C23))
        elif name not in _SAME_NAME:
            raise LabError(f"{path} needs {name.decode()} of a glibc that the base does not have")
        struct.pack_into("<H", content, place, _UNVERSIONED)
    return True


def _newer(content: bytearray, sections: list[_Section], limit: tuple[int, ...]) -> Iterator[int]:
    """The indices of versions beyond the limit; each becomes the name of one that the same library is asked for too."""
    for section in (section for section in sections if section.kind == _VERNEED):
        for group in _groups(content, section.offset):
            asked = [(place, _version(content, sections[section.link].offset, place)) for place in group]
            within = [place for place, version in asked if version <= limit]
            for place, version in asked:
                if version > limit and within:
                    content[place : place + 4] = content[within[0] : within[0] + 4]  # the name's hash
                    content[place + 8 : place + 12] = content[within[0] + 8 : within[0] + 12]  # the name
                    yield struct.unpack_from("<H", content, place + 6)[0]


def _groups(content: bytearray, entry: int) -> Iterator[list[int]]:
    """Per library, where the versions are that it is asked for."""
    while True:
        _, count, _, auxiliary, following = struct.unpack_from("<HHIII", content, entry)
        places = [entry + auxiliary]
        for _ in range(count - 1):
            places.append(places[-1] + struct.unpack_from("<I", content, places[-1] + 12)[0])
        yield places
        if not following:
            return
        entry += following


def _version(content: bytearray, strings: int, place: int) -> tuple[int, ...]:
    """The number of a version of glibc; none for other libraries' versions."""
    name = _text(content, strings + struct.unpack_from("<I", content, place + 8)[0])
    return _number(name.removeprefix(b"GLIBC_")) if name.startswith(b"GLIBC_2.") else ()


def _sections(content: bytearray) -> Iterator[_Section]:
    (table,) = struct.unpack_from("<Q", content, 40)
    size, count = struct.unpack_from("<HH", content, 58)
    for number in range(count):
        fields = struct.unpack_from("<IIQQQQIIQQ", content, table + number * size)
        yield _Section(kind=fields[1], offset=fields[4], size=fields[5], link=fields[6])


def _text(content: bytearray, start: int) -> bytes:
    return bytes(content[start : content.index(0, start)])


def _number(version: bytes) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(b"."))
