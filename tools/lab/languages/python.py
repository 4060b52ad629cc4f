"""The Python runtimes' /var/lang and /var/runtime."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path

from tools.lab import tools
from tools.lab.catalogue import TRIPLES, Base
from tools.lab.debian import Suite
from tools.lab.demands import Archive
from tools.lab.language import Debs, Kit, Language, Needs, Runtime
from tools.lab.languages import python_debian, python_jar
from tools.lab.languages.python_debian import number
from tools.lab.settings import LAB

SYSTEM = "2.7"
"""Amazon Linux 1 and 2 have this one in /usr."""
SYSTEM_DEBS = Debs("bullseye", ("python2.7", "libpython2.7", "python2.7-dev"), python_debian.REFUSED)


class Python(Language):
    """`parts`: wheels by name; `jar`, a version of org.bytedeco:cpython, or `suite`, if not the base's."""

    def needs(self, runtime: Runtime, architecture: str) -> Needs:
        """An interpreter, where /var/lang has one, and the wheels of the client and of pip."""
        wheels = tuple(runtime.parts.get("wheels", ()))
        if "jar" in runtime.parts:
            return Needs(maven=(python_jar.artifact(runtime, architecture),), pypi=wheels, python=number(runtime))
        debs = python_debian.debs(runtime) if runtime.has_lang else ()
        return Needs(debs=debs, pypi=wheels, python=number(runtime))

    def lang(self, kit: Kit) -> None:
        """The interpreter, with the client in its site-packages, as upstream."""
        assert kit.runtime
        version = number(kit.runtime)
        source = python_jar if "jar" in kit.parts else python_debian
        source.lang(kit)
        _install_wheels(kit.wheels(), kit.tree / "var/lang", version)
        for suite, compiler in tools.PYTHONS.items():
            if compiler == version:
                kit.tools(suite).compile_python(kit.tree, [f"var/lang/lib/python{version}"])

    def client(self, kit: Kit) -> None:
        """The bootstrap."""
        assert kit.runtime
        version = number(kit.runtime)
        interpreter = f"{'/var/lang' if kit.runtime.has_lang else '/usr'}/bin/python{version}"
        kit.install("bootstrap", "var/runtime/bootstrap", 0o755, version=version, interpreter=interpreter)
        kit.install("bootstrap-2.7" if version == SYSTEM else "bootstrap.py", "var/runtime/bootstrap.py")

    def programs(self, runtime: Runtime) -> tuple[str, ...]:
        """What a stand-in has."""
        return (f"bin/python{number(runtime)}", "bin/python3", "bin/python", "bin/pip3", "bin/pip")

    def archive_needs(self, archive: Archive) -> Needs | None:
        """uv is on PyPI too, the same programs as wheels."""
        return Needs(pypi=(f"uv=={archive.version}",), python="3.11") if archive.extra == "uv" else None

    def fill_archive(self, kit: Kit, archive: Archive) -> None:
        """Its programs, in a folder of the archive's name."""
        (wheel,) = kit.wheels().glob("uv-*.whl")
        target = kit.tree / Path(archive.url).name.removesuffix(".tar.gz")
        target.mkdir()
        with zipfile.ZipFile(wheel) as packed:
            for name in ("uv", "uvx"):
                (target / name).write_bytes(packed.read(f"uv-{archive.version}.data/scripts/{name}"))
                (target / name).chmod(0o755)

    def base_needs(self, base: Base, architecture: str) -> Needs | None:
        """Python 2.7 for the generations whose yum is written in it."""
        return Needs(debs=(SYSTEM_DEBS,)) if base.manager == "yum" else None

    def add_to_base(self, kit: Kit) -> None:
        """/usr/bin/python2.7 with its headers, which upstream has in a package."""
        (suite,) = kit.suites.values()
        _system_python(kit, suite)


def _system_python(kit: Kit, suite: Suite) -> None:
    root, triple = kit.debian(suite.name), TRIPLES[kit.architecture]
    usr = kit.tree / "usr"
    (usr / "bin").mkdir(parents=True)
    shutil.copy2(root / "usr/bin/python2.7", usr / "bin/python2.7")
    for name in ("python2", "python"):
        (usr / "bin" / name).symlink_to("python2.7")
    for part in ("lib/python2.7", "include/python2.7", f"include/{triple}/python2.7"):
        shutil.copytree(root / "usr" / part, usr / part, symlinks=True, ignore=shutil.ignore_patterns("*.a", "test"))
    libraries = usr / "lib" / triple
    libraries.mkdir()
    for name, path in python_debian.missing_libraries(kit, root, usr).items():
        shutil.copy2(path.resolve(), libraries / name)
    for path in (usr / "lib/python2.7").rglob("*"):
        if path.is_symlink() and not path.exists():
            path.unlink()


def _install_wheels(wheels: Path, target: Path, version: str) -> None:
    site = target / f"lib/python{version}/site-packages"
    site.mkdir(exist_ok=True)
    for wheel in sorted(wheels.glob("*.whl")):
        zipfile.ZipFile(wheel).extractall(site)
    for name in ("pip", "pip3", f"pip{version}"):
        script = (LAB / "files/base/pip3").read_text().replace("/usr/bin/python3", f"/var/lang/bin/python{version}")
        (target / "bin" / name).write_text(script)
        (target / "bin" / name).chmod(0o755)
