"""The interpreter in the jars of org.bytedeco:cpython, where no Debian suite has that version."""

from __future__ import annotations

import re
import shutil
import zipfile
from pathlib import Path

from tools.lab.catalogue import RPM_NAMES
from tools.lab.language import Kit, Runtime

JAR_NAMES = {"amd64": "x86_64", "arm64": "arm64"}
LEFT_OUT = ("ensurepip", "idlelib", "site-packages", "test", "tkinter", "turtledemo")


def artifact(runtime: Runtime, architecture: str) -> str:
    """The name of the jar."""
    return f"org.bytedeco:cpython:{runtime.parts['jar']}:jar:linux-{JAR_NAMES[architecture]}"


def lang(kit: Kit) -> None:
    """Make the interpreter's part of /var/lang."""
    assert kit.runtime
    version, target = kit.version, kit.tree / "var/lang"
    with zipfile.ZipFile(kit.maven(artifact(kit.runtime, kit.architecture))) as jar:
        jar.extractall(kit.work)
    source = kit.work / "org/bytedeco/cpython" / f"linux-{JAR_NAMES[kit.architecture]}"
    (target / "bin").mkdir(parents=True)
    shutil.copyfile(source / f"bin/python{version}", target / f"bin/python{version}")
    (target / f"bin/python{version}").chmod(0o755)
    for name in ("python3", "python"):
        (target / "bin" / name).symlink_to(f"python{version}")
    shutil.copytree(source / "include", target / "include")
    ignored = shutil.ignore_patterns(*LEFT_OUT, "__pycache__", "*.a")
    shutil.copytree(source / f"lib/python{version}", target / f"lib/python{version}", ignore=ignored)
    (target / f"lib/python{version}/site-packages").mkdir()
    for library in [*source.glob("libpython*.so.*"), *source.glob("libffi.so.*")]:
        shutil.copyfile(library, target / "lib" / library.name)
    for library in sorted((target / "lib").glob("libpython*.so.1.0")):
        library.with_name(library.name.removesuffix(".1.0")).symlink_to(library.name)
    _own_paths(target / f"lib/python{version}", RPM_NAMES[kit.architecture])


def _own_paths(library: Path, machine: str) -> None:
    """/var/lang where the jar's makers had their own directory, in what sysconfig reports."""
    for path in [*library.glob("_sysconfigdata*.py"), *library.glob("config-*/Makefile")]:
        text = re.sub(rf"/[\w/-]+/cppbuild/linux-(?:{machine}|arm64)(?=/|')", "/var/lang", path.read_text())
        path.write_text(re.sub(r"(?<=')(?:aarch64-linux-gnu-)?gcc -m64", "gcc", text))
