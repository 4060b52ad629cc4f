"""The Python runtimes' /var/lang and /var/runtime: Debian's interpreter, moved to where Lambda has it."""

from __future__ import annotations

import re
import shutil
import zipfile
from pathlib import Path

from lab.catalogue import TRIPLES
from lab.language import Debs, Kit, Language, Needs, Runtime
from lab.settings import LAB

BUNDLED = ("libbz2.so*", "liblzma.so*", "libreadline.so*", "libsqlite3.so*", "libcrypt.so*")
"""Libraries that the official images carry in /var/lang/lib beside the interpreter."""
REFUSED = ("zlib1g-dev", "libexpat1-dev", "libc6", "libc6-dev", "tzdata", "readline-common")
CLIENTS = ("awslambdaric", "simplejson", "snapshot_restore_py", "pip")


class Python(Language):
    """`parts`: ric is the version of awslambdaric."""

    def needs(self, runtime: Runtime, architecture: str) -> Needs:
        """Debian's interpreter of the base's suite, and wheels."""
        version = runtime.version
        distutils = ("python3-distutils", "python3-lib2to3") if version == "3.11" else ()
        names = (f"python{version}", f"libpython{version}", f"libpython{version}-dev", f"python{version}-dev")
        clients = (f"awslambdaric=={runtime.parts['ric']}", "simplejson==4.3.0", "snapshot-restore-py==1.0.0")
        return Needs(
            debs=(Debs(runtime.base.suite, (*names, *distutils), REFUSED),),
            pypi=(*clients, "pip==26.3"),
            python=version,
        )

    def lang(self, kit: Kit) -> None:
        """The interpreter, moved."""
        version, triple = kit.version, TRIPLES[kit.architecture]
        debian = kit.debian() / "usr"
        target = kit.tree / "var/lang"
        (target / "bin").mkdir(parents=True)
        _interpreter(debian, target, version, triple)
        _headers(debian, target, version, triple)
        _own_paths(target, version, triple, kit.files / "sitecustomize.py")
        _install_wheels(kit.wheels(), target, version)
        kit.tools(kit.base.suite).compile_python(kit.tree, [f"var/lang/lib/python{version}"])

    def client(self, kit: Kit) -> None:
        """The bootstrap; the client itself is in /var/lang, as upstream."""
        kit.install("bootstrap", "var/runtime/bootstrap", 0o755, version=kit.version)
        kit.install("bootstrap.py", "var/runtime/bootstrap.py")

    def programs(self, runtime: Runtime) -> tuple[str, ...]:
        """What a stand-in has."""
        return (f"bin/python{runtime.version}", "bin/python3", "bin/python", "bin/pip3", "bin/pip")


def _interpreter(usr: Path, target: Path, version: str, triple: str) -> None:
    shutil.copy2(usr / f"bin/python{version}", target / f"bin/python{version}")
    for name in ("python3", "python"):
        (target / "bin" / name).symlink_to(f"python{version}")
    shutil.copytree(usr / f"lib/python{version}", target / f"lib/python{version}", symlinks=True)
    libraries = usr / "lib" / triple
    for pattern in (f"libpython{version}.so*", *BUNDLED):
        for path in sorted(libraries.glob(pattern)):
            shutil.copy2(path, target / "lib" / path.name, follow_symlinks=False)
    library = target / "lib" / f"libpython{version}.so"
    if not library.is_symlink():
        library.symlink_to(f"libpython{version}.so.1.0")


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


def _install_wheels(wheels: Path, target: Path, version: str) -> None:
    site = target / f"lib/python{version}/site-packages"
    site.mkdir()
    for name in CLIENTS:
        (wheel,) = wheels.glob(f"{name}-*.whl")
        zipfile.ZipFile(wheel).extractall(site)
    for name in ("pip", "pip3", f"pip{version}"):
        script = (LAB / "files/base/pip3").read_text().replace("/usr/bin/python3", f"/var/lang/bin/python{version}")
        (target / "bin" / name).write_text(script)
        (target / "bin" / name).chmod(0o755)
