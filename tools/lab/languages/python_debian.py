"""Debian's interpreter, moved from /usr to where Lambda has it."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from tools.lab import elf
from tools.lab.catalogue import TRIPLES
from tools.lab.debian import SUITES
from tools.lab.language import Debs, Kit, Runtime

BUNDLED = ("libbz2.so*", "liblzma.so*", "libreadline.so*", "libsqlite3.so*", "libcrypt.so*")
"""Libraries that the official images carry in /var/lang/lib beside the interpreter."""
BUNDLED_PACKAGES = ("libbz2-1.0", "libcrypt1", "liblzma5", "libreadline8t64", "libsqlite3-0")
REFUSED = ("zlib1g-dev", "libexpat1-dev", "libc6-dev", "tzdata", "readline-common")
NEW = ("libexpat1", "libgcc-s1", "libssl3t64", "zlib1g", "libffi8", "libncursesw6", "libtinfo6", "libuuid1", "libzstd1")
"""Libraries that an interpreter of a suite newer than the base takes from the base."""


def number(runtime: Runtime) -> str:
    """The version that programs and directories are named by."""
    return runtime.version.removesuffix("-preview")


def debs(runtime: Runtime) -> tuple[Debs, ...]:
    """The packages of the runtime's suite, which is the base's unless its table says otherwise."""
    version, base = number(runtime), runtime.base.suite
    suite = runtime.parts.get("suite", base)
    names = (f"python{version}", f"libpython{version}", f"libpython{version}-dev", f"python{version}-dev")
    distutils = ("python3-distutils", "python3-lib2to3") if suite in ("bullseye", "bookworm") else ()
    if not newer(suite, base):
        return (Debs(suite, (*names, *distutils), REFUSED),)
    # Built against a newer libc than the base's, so its libraries are left where they are, and those of the base serve.
    return (Debs(suite, names, (*REFUSED, "libc6", *NEW, *BUNDLED_PACKAGES)), Debs(base, BUNDLED_PACKAGES, REFUSED))


def newer(suite: str, base: str) -> bool:
    """Is a Debian suite newer than the base's?"""
    return SUITES.index(suite) > SUITES.index(base)


def lang(kit: Kit) -> None:
    """Make the interpreter's part of /var/lang."""
    assert kit.runtime
    version, triple = number(kit.runtime), TRIPLES[kit.architecture]
    suite = kit.parts.get("suite", kit.base.suite)
    usr, target = kit.debian(suite) / "usr", kit.tree / "var/lang"
    (target / "bin").mkdir(parents=True)
    _interpreter(usr, target, version)
    for root in {suite, kit.base.suite} & set(kit.suites):
        _copy_libraries(kit.debian(root) / "usr/lib" / triple, target / "lib", (f"libpython{version}.so*", *BUNDLED))
    library = target / "lib" / f"libpython{version}.so"
    if not library.is_symlink():
        library.symlink_to(f"libpython{version}.so.1.0")
    if not newer(suite, kit.base.suite):
        for name, path in missing_libraries(kit, kit.debian(suite), target).items():
            shutil.copy2(path.resolve(), target / "lib" / name)
    _headers(usr, target, version, triple)
    _own_paths(target, version, triple, kit.files / "sitecustomize.py")


def missing_libraries(kit: Kit, root: Path, target: Path) -> dict[str, Path]:
    """What the interpreter and its modules below `target` need, and neither the base nor `target` has."""
    present = kit.in_base() | {path.name for path in target.glob("lib/lib*.so*")}
    found: dict[str, Path] = {}
    for path in _objects(target):
        found |= elf.closure(path, root)
    return {name: path for name, path in found.items() if name not in present and not elf.GLIBC.fullmatch(name)}


def _objects(target: Path) -> Iterator[Path]:
    yield from (path for path in target.glob("bin/python*.*") if not path.is_symlink() and elf.read(path))
    yield from target.glob("lib/python*/lib-dynload/*.so")


def _interpreter(usr: Path, target: Path, version: str) -> None:
    shutil.copy2(usr / f"bin/python{version}", target / f"bin/python{version}")
    for name in ("python3", "python"):
        (target / "bin" / name).symlink_to(f"python{version}")
    shutil.copytree(usr / f"lib/python{version}", target / f"lib/python{version}", symlinks=True)
    for name in ("distutils", "lib2to3"):
        # Debian has these apart, and those of bullseye for all of its versions together.
        if (usr / f"lib/python3/{name}").is_dir() and not (target / f"lib/python{version}/{name}").exists():
            shutil.copytree(usr / f"lib/python3/{name}", target / f"lib/python{version}/{name}")


def _copy_libraries(source: Path, target: Path, patterns: tuple[str, ...]) -> None:
    for pattern in patterns:
        for path in sorted(source.glob(pattern)):
            if not (target / path.name).is_symlink():
                shutil.copy2(path, target / path.name, follow_symlinks=False)


def _headers(usr: Path, target: Path, version: str, triple: str) -> None:
    include = target / "include" / f"python{version}"
    shutil.copytree(usr / f"include/python{version}", include)
    # Debian's pyconfig.h chooses by architecture among directories of /usr/include; here there is one architecture.
    shutil.copy2(usr / f"include/{triple}/python{version}/pyconfig.h", include / "pyconfig.h")
    (target / "lib/pkgconfig").mkdir(parents=True)
    for path in (usr / f"lib/{triple}/pkgconfig").glob(f"python-{version}*.pc"):
        text = path.read_text().replace("prefix=/usr", "prefix=/var/lang")
        text = text.replace(f"/usr/lib/{triple}", "/var/lang/lib")
        text = re.sub(r" -I\$\{includedir\}/" + triple + r"\S*", "", text)
        (target / "lib/pkgconfig" / path.name).write_text(text)


def _own_paths(target: Path, version: str, triple: str, sitecustomize: Path) -> None:
    """Undo what Debian changed: its own site directories, and /usr as the prefix in what sysconfig reports."""
    library = target / f"lib/python{version}"
    for name in ("EXTERNALLY-MANAGED", "sitecustomize.py"):
        (library / name).unlink(missing_ok=True)
    for archive in library.glob("config-*/*.a"):
        archive.unlink()
    for path in sorted(library.rglob("*")):
        if path.is_symlink() and not path.exists():
            path.unlink()
    shutil.copyfile(sitecustomize, library / "sitecustomize.py")
    sysconfig = library / "sysconfig.py" if (library / "sysconfig.py").exists() else library / "sysconfig/__init__.py"
    text = sysconfig.read_text()
    changed = text.replace("'DEB_PYTHON_INSTALL_LAYOUT', 'posix_local'", "'LAB_LAYOUT', 'posix_local'")
    changed = changed.replace("prefix_scheme = 'posix_local'", "prefix_scheme = 'posix_prefix'")
    sysconfig.write_text(changed)
    for path in [*library.glob("_sysconfigdata*.py"), *library.glob("config-*/Makefile")]:
        if not path.is_symlink():
            path.write_text(_moved(path.read_text(), triple))


def _moved(text: str, triple: str) -> str:
    text = re.sub(triple + r"-(gcc|g\+\+)", r"\1", text)
    text = text.replace(f"/usr/lib/{triple}", "/var/lang/lib").replace("/usr/lib/python3", "/var/lang/lib/python3")
    text = text.replace("/usr/include/python", "/var/lang/include/python")
    text = re.sub(r"/usr/bin/python", "/var/lang/bin/python", text)
    text = re.sub(r"'(prefix|exec_prefix)': '/usr'", r"'\1': '/var/lang'", text)
    return re.sub(r"'BINDIR': '/usr/bin'", "'BINDIR': '/var/lang/bin'", text)
