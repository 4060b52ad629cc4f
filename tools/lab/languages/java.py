"""The Java runtimes' /var/lang and /var/runtime: Debian's OpenJDK, moved to where Lambda has it, and AWS's client."""

from __future__ import annotations

import hashlib
import re
import shutil
import ssl
import struct
import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from tools.lab import rpms
from tools.lab.catalogue import Base, Package
from tools.lab.demands import Archive
from tools.lab.language import Debs, Kit, Language, Needs, Runtime
from tools.lab.languages import java_gradle
from tools.lab.settings import EPOCH
from tools.lab.symbols import for_older_glibc

CLIENT = {
    "core": "com.amazonaws:aws-lambda-java-core:1.4.0",
    "serialization": "com.amazonaws:aws-lambda-java-serialization:1.2.0",
    "runtime-interface-client": "com.amazonaws:aws-lambda-java-runtime-interface-client:2.9.0",
}
TRACING = "software.amazon.awssdk:utils-lite:2.34.0"
JNI = {"amd64": "jni/libaws-lambda-jni.linux-x86_64.so", "arm64": "jni/libaws-lambda-jni.linux-aarch_64.so"}
DEPENDENCIES = (
    "ca-certificates-java", "java-common", "libasound2", "libc6", "libcups2", "libcups2t64", "libfontconfig1",
    "libfreetype6", "libgcc-s1", "libharfbuzz0b", "libjpeg62-turbo", "liblcms2-2", "libnss3", "libpcsclite1",
    "libstdc++6", "libx11-6", "libxext6", "libxi6", "libxrender1", "libxtst6", "util-linux", "zlib1g",
)  # fmt: skip
"""What Debian's packages depend on: libc, libstdc++ and zlib are in every base, the others draw and print."""
PRUNED = ("docs", "jmods", "legal", "man", "src.zip")
CERTIFICATES = Debs("bookworm", ("ca-certificates",), ("openssl", "debconf"))
JVM = "usr/lib/jvm"
SYSTEM_JRE = f"{JVM}/jre-1.8.0-openjdk.x86_64"
"""Amazon Linux 1 has a JRE of its own, which java8 runs on: there is none in /var/lang."""
COMPILERS = {"yum": "java-1.8.0-openjdk", "microdnf": "java-1.8.0-amazon-corretto"}
"""What the JDK 8 of a base's repository is called, by package manager; the package's name ends in -devel."""
GRADLES = ("gradle8", "gradle9")
"""The extras that are Gradle."""
COMMANDS = ("jar", "javac", "javadoc", "javap")


class Java(Language):
    """`parts`: java is the version of the JDK, suite the Debian suite that it is from."""

    def needs(self, runtime: Runtime, architecture: str) -> Needs:
        """The JDK, or the JRE where upstream has no more, and AWS's client."""
        version = runtime.parts["java"]
        kind = "jre" if version == "8" else "jdk"
        return Needs(debs=_debs(runtime.parts["suite"], version, kind), maven=(*CLIENT.values(), TRACING))

    def lang(self, kit: Kit) -> None:
        """The JDK or JRE, free of Debian's directories."""
        home = Path("jre") if kit.parts["java"] == "8" else Path()
        _jdk(kit, kit.parts["suite"], kit.parts["java"], home, kit.tree / "var/lang")

    def client(self, kit: Kit) -> None:
        """AWS's client and the libraries that it needs, as jars, and its native part."""
        target = kit.tree / "var/runtime/lib"
        target.mkdir(parents=True)
        for name in (*CLIENT.values(), TRACING):
            artifact, version = name.split(":")[1:]
            shutil.copyfile(kit.maven(name), target / f"{artifact}-{version}.jar")
        with zipfile.ZipFile(kit.maven(CLIENT["runtime-interface-client"])) as jar:
            native = target / "jni" / Path(JNI[kit.architecture]).name
            native.parent.mkdir()
            native.write_bytes(jar.read(JNI[kit.architecture]))
        java = "/var/lang/bin/java" if kit.parts.get("lang", True) else "/usr/bin/java"
        kit.install(
            "bootstrap", "var/runtime/bootstrap", 0o755, java=java, runtime=f"java{kit.version}", jni=native.name
        )

    def programs(self, runtime: Runtime) -> Iterable[str]:
        """What a stand-in has."""
        return ("bin/java",) if runtime.parts["java"] == "8" else ("bin/java", "bin/javac", "bin/jar")

    def sources(self) -> list[str]:
        """The code that others have no use for is named too."""
        return [*super().sources(), "rpms.py", "symbols.py"]

    def base_needs(self, base: Base, architecture: str) -> Needs | None:
        """A JDK 8 in every base's repository."""
        return Needs(debs=_debs("sid", "8", "jdk"))

    def base_is_for(self, base: Base) -> Sequence[Runtime]:
        """Java 8: the later ones have their compiler in /var/lang."""
        return [runtime for runtime in self.runtimes if runtime.base == base and runtime.parts["java"] == "8"]

    def add_to_base(self, kit: Kit) -> None:
        """The package of JDK 8, a repository of its own; and the JRE that Amazon Linux 1 has, with /usr/bin/java."""
        name, stage = COMPILERS[kit.base.manager], kit.work / "stage"
        _jdk(kit, "sid", "8", Path(), stage / JVM / name)
        if kit.base.name == "al1":
            # The JVM finds the compiler from where it lies itself, all links followed: the JRE is a part of the JDK.
            (kit.tree / JVM / name).mkdir(parents=True)
            (stage / JVM / name / "jre").rename(kit.tree / JVM / name / "jre")
            (kit.tree / SYSTEM_JRE).symlink_to(f"{name}/jre")
            (kit.tree / "usr/bin").mkdir()
            (kit.tree / "usr/bin/java").symlink_to(f"/{SYSTEM_JRE}/bin/java")
        (stage / "usr/bin").mkdir()
        for command in COMMANDS:
            (stage / "usr/bin" / command).symlink_to(f"/{JVM}/{name}/bin/{command}")
        (update,) = re.findall(r"^8u(\d+)", kit.suites["sid"].debs["openjdk-8-jdk-headless"].version)
        package = Package(f"{name}-devel", "real", f"1.8.0.{update}", development=False)
        rpms.repository_of_one(package, kit.architecture, kit.work, kit.tree)

    def archive_needs(self, archive: Archive) -> Needs | None:
        """Maven, which is its own artifact, and Gradle, which is Debian's."""
        if archive.extra == "maven":
            return Needs(maven=(_maven(archive),))
        return java_gradle.NEEDS if archive.extra in GRADLES else None

    def fill_archive(self, kit: Kit, archive: Archive) -> Path | None:
        """Of Maven the same bytes as Apache's; of Gradle what Debian has."""
        if archive.extra == "maven":
            return kit.maven(_maven(archive))
        java_gradle.fill(kit.debian(java_gradle.SUITE), kit.tree / f"gradle-{archive.version}")
        return None


def _maven(archive: Archive) -> str:
    return f"org.apache.maven:apache-maven:{archive.version}:tar.gz:bin"


def _debs(suite: str, version: str, kind: str) -> tuple[Debs, ...]:
    seeds = tuple(f"openjdk-{version}-{part}-headless" for part in ("jre", "jdk") if part in ("jre", kind))
    return (Debs(suite, seeds, DEPENDENCIES), CERTIFICATES)


def _jdk(kit: Kit, suite: str, version: str, home: Path, target: Path) -> None:
    """Copy what is below `home` of Debian's JDK; Debian's links to /etc become the files that they lead to."""
    root = kit.debian(suite)
    shutil.copytree(root / f"usr/lib/jvm/java-{version}-openjdk-{kit.architecture}" / home, target, symlinks=True)
    for name in PRUNED:
        path = target / name
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    for path in sorted(target.rglob("*")):
        if path.is_symlink() and (path.readlink().is_absolute() or not path.exists()):
            _follow(path, root)
    runtime = target / "jre" if (target / "jre").is_dir() else target
    (runtime / "lib/security/cacerts").write_bytes(_key_store(kit.debian(CERTIFICATES.suite)))
    for_older_glibc(target, kit.base.glibc)


def _follow(link: Path, root: Path) -> None:
    meant = root / str(link.readlink()).lstrip("/")
    link.unlink()
    if meant.is_dir():
        shutil.copytree(meant, link)
    elif meant.exists():
        shutil.copyfile(meant, link)


def _key_store(root: Path) -> bytes:
    """Mozilla's certificates as a Java key store with the usual password; Debian makes one when it is installed."""
    files = sorted((root / "usr/share/ca-certificates/mozilla").glob("*.crt"))
    content = struct.pack(">III", 0xFEEDFEED, 2, len(files))
    for file in files:
        certificate = ssl.PEM_cert_to_DER_cert(file.read_text())
        content += struct.pack(">I", 2) + _text(file.stem.lower()) + struct.pack(">Q", EPOCH * 1000)
        content += _text("X.509") + struct.pack(">I", len(certificate)) + certificate
    password = "changeit".encode("utf-16-be")
    return content + hashlib.sha1(password + b"Mighty Aphrodite" + content).digest()


def _text(value: str) -> bytes:
    encoded = value.encode()
    return struct.pack(">H", len(encoded)) + encoded
