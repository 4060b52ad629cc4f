"""Gradle for the build images: Debian's, with every jar that it starts with, laid out as upstream's archive.

No registry in reach has a Gradle of our time. Debian's is 4.4.1, and `gradle --version` says so; Debian's patches make
it run on Java 8 to 25.
"""

from __future__ import annotations

import re
import shutil
import struct
import zipfile
from collections.abc import Iterator
from pathlib import Path

from tools.lab.errors import LabError
from tools.lab.language import Debs, Needs

HOME = "/usr/local/gradle"
"""Where the extra unpacks it. Upstream's finds out where it is; Debian's knows one place, which is moved there."""
SUITE = "bookworm"
NEEDS = Needs(
    debs=(
        Debs(
            SUITE,
            ("gradle",),
            # A JRE and what that needs; the jars' native parts, which Gradle does without; and web pages.
            (
                "ca-certificates-java", "default-jre-headless", "java-common", "java-wrappers", "libc6", "libgcc-s1",
                "libjansi-native-java", "libjna-jni", "libjs-jquery", "libnative-platform-jni", "libstdc++6",
                "openjdk-17-jre-headless", "unzip",
            ),
        ),
    )
)  # fmt: skip
MODULES = (
    "ant", "ant-launcher", "commons-cli", "commons-lang", "groovy-all", "jansi", "jul-to-slf4j", "junit4", "kryo",
    "native-platform", "slf4j-api",
)  # fmt: skip
"""The jars that Gradle's code asks for by their names with a version; it asks for all others without one."""
_MANIFEST = "META-INF/MANIFEST.MF"
_NAMES_JARS = re.compile(rf"{_MANIFEST}|gradle-.*-classpath\.properties")


def fill(root: Path, tree: Path) -> None:
    """Make `tree` hold what upstream's archive holds, out of Debian's packages unpacked in `root`."""
    source, jars = root / "usr/share/gradle", root / "usr/share/java"
    for name in ("bin", "init.d"):
        shutil.copytree(source / name, tree / name)
    for link in sorted((source / "lib").rglob("*.jar")):
        # Some links have other names than their files, by which Debian's Gradle finds them among the other jars.
        _copy(link, tree / link.parent.relative_to(source) / link.resolve().name)
    for module in MODULES:
        jar = _with_version(jars, module)
        _copy(jar, tree / "lib" / jar.name)
    found = sorted((tree / "lib").rglob("*.jar"))
    while found:
        wanted = {name for jar in found for name in _needed_by(jar, jars)}
        present = {path.name for path in (tree / "lib").rglob("*.jar")}
        found = [_copy(jars / name, tree / "lib" / name) for name in sorted(wanted - present)]
    _move(tree)


def _copy(source: Path, target: Path) -> Path:
    target.parent.mkdir(parents=True, exist_ok=True)
    return Path(shutil.copyfile(source, target))


def _with_version(jars: Path, module: str) -> Path:
    found = [path for path in sorted(jars.iterdir()) if re.fullmatch(rf"{re.escape(module)}-\d.+\.jar", path.name)]
    if not found:
        raise LabError(f"Debian's Gradle needs {module}, and none of its packages brings it")
    return found[0]


def _needed_by(jar: Path, jars: Path) -> Iterator[str]:
    """The jars that a jar needs, by name: those of a module of Gradle must be there, those of other jars need not."""
    with zipfile.ZipFile(jar) as archive:
        texts = {name: archive.read(name).decode() for name in archive.namelist() if _NAMES_JARS.fullmatch(name)}
    manifest = re.sub(r"\r?\n ", "", texts.pop(_MANIFEST, ""))
    classpath = [Path(word).name for line in re.findall(r"^Class-Path: (.*)$", manifest, re.M) for word in line.split()]
    yield from (name for name in classpath if name.endswith(".jar") and (jars / name).is_file())
    for line in re.findall(r"^runtime=(.*\.jar)", "\n".join(texts.values()), re.M):
        for name in line.split(","):
            if not (jars / name).is_file():
                raise LabError(f"Debian's Gradle needs {name} for {jar.name}, and none of its packages brings it")
            yield name


def _move(tree: Path) -> None:
    """Tell Gradle where it is: two paths of Debian's in two of its classes."""
    (jar,) = (tree / "lib").glob("gradle-core-api-*.jar")
    places = {"/usr/share/gradle": HOME, "/usr/share/java": f"{HOME}/lib"}
    with zipfile.ZipFile(jar) as archive:
        files = [(entry, archive.read(entry)) for entry in archive.infolist()]
    missing = set(places)
    with zipfile.ZipFile(jar, "w", zipfile.ZIP_DEFLATED) as archive:
        for entry, content in files:
            for old, new in places.items():
                if entry.filename.endswith(".class") and _constant(old) in content:
                    content = content.replace(_constant(old), _constant(new))
                    missing -= {old}
            archive.writestr(entry, content)
    if missing:
        raise LabError(f"Debian's Gradle no longer has {', '.join(sorted(missing))} in {jar.name}")


def _constant(text: str) -> bytes:
    """A text as a class file has it among its constants."""
    return b"\x01" + struct.pack(">H", len(text)) + text.encode()
