"""The base's file system: Debian's programs in Amazon Linux's clothes."""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path

from tools.lab.catalogue import RPM_NAMES, Base, packages
from tools.lab.debian import NEVER, Suite, merge_usr
from tools.lab.rpms import REPOSITORY, build_names
from tools.lab.run import run
from tools.lab.settings import EPOCH, LAB
from tools.lab.tools import Tools

SEEDS = (
    "bash", "ca-certificates", "coreutils", "curl", "debianutils", "dnf", "grep", "libatomic1", "libc-bin", "libgcc-s1",
    "libstdc++6", "mawk", "rpm", "sed", "tzdata",
)  # fmt: skip
DIRECTORIES = (
    "boot", "dev", "home", "mnt", "opt", "proc", "root", "run", "srv", "sys", "usr/local/bin", "usr/local/sbin",
    "var/cache/yum", "var/lang", "var/lib/rpm", "var/log", "var/rapid", "var/runtime", "var/task", "etc/yum.repos.d",
    "etc/dnf/vars", "etc/pki/tls/certs", "etc/rpm", "usr/lib/lab",
)  # fmt: skip
PASSWD = """root:x:0:0:root:/root:/bin/bash
bin:x:1:1:bin:/bin:/sbin/nologin
daemon:x:2:2:daemon:/sbin:/sbin/nologin
mail:x:8:12:mail:/var/spool/mail:/sbin/nologin
nobody:x:{nobody}:{nobody}:nobody:/:/sbin/nologin
"""
GROUP = """root:x:0:
bin:x:1:
daemon:x:2:
sys:x:3:
tty:x:5:
mail:x:12:
users:x:100:
nobody:x:{nobody}:
"""


EXTRA = ("python3-gpg",)
"""dnf imports it even where no signature is checked."""


def members(base: Base, suite: Suite) -> list[str]:
    """The Debian packages that a base consists of."""
    return suite.closure((*SEEDS, *EXTRA, *base.extra_debs), NEVER)


def assemble(base: Base, suite: Suite, debs: list[str], architecture: str, tools: Tools, out: Path) -> None:
    """Unpack the base under out/tree and put right what maintainer scripts would have done."""
    tree = out / "tree"
    tree.mkdir()
    merge_usr(tree)
    suite.extract(debs, tree)
    for name in DIRECTORIES:
        (tree / name).mkdir(parents=True, exist_ok=True)
    _identity(base, tree)
    _links(base, architecture, tree)
    _certificates(tree)
    _locale(tree)
    _package_manager(base, tree)
    _modes(tree)
    _register(base, out / "work", tree)
    shutil.rmtree(out / "work")
    (tree / "usr/lib/python3").joinpath("EXTERNALLY-MANAGED").unlink(missing_ok=True)
    for marker in tree.glob("usr/lib/python3.*/EXTERNALLY-MANAGED"):
        marker.unlink()
    tools.compile_python(tree, [str(path.relative_to(tree)) for path in sorted(tree.glob("usr/lib/python3*"))])


def _identity(base: Base, tree: Path) -> None:
    nobody = "99" if base.name != "al2023" else "65534"
    release = (
        'NAME="Amazon Linux"\n'
        f'VERSION="{base.version}"\nID="amzn"\nID_LIKE="{"fedora" if base.name == "al2023" else "rhel fedora"}"\n'
        f'VERSION_ID="{base.version}"\nPRETTY_NAME="{base.pretty}"\nVARIANT="lab stand-in"\nVARIANT_ID="lab"\n'
    )
    files = {
        "etc/passwd": PASSWD.format(nobody=nobody),
        "etc/group": GROUP.format(nobody=nobody),
        "etc/shadow": "root:*:19723:0:99999:7:::\n",
        "etc/os-release": release,
        "etc/system-release": f"{base.pretty} (a stand-in assembled from Debian packages)\n",
        "etc/nsswitch.conf": "passwd: files\ngroup: files\nshadow: files\nhosts: files dns\n",
        "etc/host.conf": "multi on\n",
    }
    for name, text in files.items():
        (tree / name).unlink(missing_ok=True)
        (tree / name).write_text(text)


def _links(base: Base, architecture: str, tree: Path) -> None:
    links = {
        "usr/bin/sh": "bash",
        "usr/bin/awk": "mawk",
        "usr/lib/os-release": "../../etc/os-release",
        "etc/localtime": "../usr/share/zoneinfo/UTC",
        "var/run": "../run",
        "usr/lib64/libc.so.6": f"../lib/{RPM_NAMES[architecture]}-linux-gnu/libc.so.6",
    }
    if base.name == "al1":
        links["usr/bin/which"] = "which.debianutils"
    for name, destination in links.items():
        path = tree / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_symlink() or path.exists():
            path.unlink()
        path.symlink_to(destination)


def _certificates(tree: Path) -> None:
    sources = sorted((tree / "usr/share/ca-certificates/mozilla").glob("*.crt"))
    bundle = "".join(path.read_text() for path in sources)
    (tree / "etc/pki/tls/certs/ca-bundle.crt").write_text(bundle)
    debian = tree / "etc/ssl/certs/ca-certificates.crt"
    debian.parent.mkdir(parents=True, exist_ok=True)
    debian.symlink_to("../../pki/tls/certs/ca-bundle.crt")


def _locale(tree: Path) -> None:
    """en_US.UTF-8 is C.UTF-8 under that name: right for characters, plain for sorting and dates."""
    (tree / "usr/lib/locale/en_US.utf8").symlink_to("C.utf8")


def _package_manager(base: Base, tree: Path) -> None:
    real = tree / "usr/bin/dnf-3"
    (tree / "usr/bin/dnf").unlink()
    real.rename(tree / "usr/lib/lab/dnf")
    _install(base.manager, tree / "usr/bin" / base.manager)
    if base.manager == "microdnf":
        (tree / "usr/bin/dnf").symlink_to("microdnf")
    if base.name == "al1":
        _install("alternatives", tree / "usr/sbin/alternatives")
    _install("lambda-entrypoint.sh", tree / "lambda-entrypoint.sh")
    # Builds keep /var/cache/yum from one base image to the next: what it knows of the repository must not outlive it.
    (tree / "etc/dnf/dnf.conf").write_text(
        "[main]\nplugins=0\ngpgcheck=0\ninstallonly_limit=3\nclean_requirements_on_remove=True\nbest=True\n"
        "skip_if_unavailable=False\ncachedir=/var/cache/yum\nmetadata_expire=1\n"
    )
    topics = [package.name for package in packages(base.name) if package.topic]
    with (tree / "etc/dnf/dnf.conf").open("a") as configuration:
        configuration.writelines(f"excludepkgs={topic}\n" for topic in topics)
    # Debian's rpm of 2023 keeps its database in the user's home: it is not the system's there.
    (tree / "etc/rpm/macros.lab").write_text("%_dbpath /var/lib/rpm\n")
    (tree / "etc/dnf/vars/releasever").write_text(f"{base.version}\n")
    (tree / "etc/yum.repos.d/lab.repo").write_text(
        f"[lab]\nname={base.pretty}, the lab's repository in this image\nbaseurl=file:///{REPOSITORY}\nenabled=1\n"
    )


def _install(name: str, path: Path) -> None:
    shutil.copyfile(LAB / "files/base" / name, path)
    path.chmod(0o755)


def _modes(tree: Path) -> None:
    for name, mode in {"tmp": 0o1777, "var/tmp": 0o1777, "root": 0o700, "etc/shadow": 0o000}.items():
        path = tree / name
        if not path.exists():
            path.mkdir(parents=True)
        path.chmod(mode)
    for directory, folders, _ in os.walk(tree):
        for name in folders:
            path = Path(directory) / name
            if not path.is_symlink() and not path.stat().st_mode & stat.S_IRUSR:
                path.chmod(0o755)


def _register(base: Base, work: Path, tree: Path) -> None:
    """Enter the base's packages into its rpm database, by name alone."""
    target = work / "rpms"
    target.mkdir(parents=True)
    build_names([package for package in packages(base.name) if package.kind == "base"], work / "names", target)
    files = sorted(target.glob("*.rpm"))
    flags = ["--justdb", "--nodeps", "--noscripts", "--nosignature", "--force-debian", "--ignorearch"]
    environment = {**os.environ, "SOURCE_DATE_EPOCH": str(EPOCH), "LC_ALL": "C"}
    database = tree / "var/lib/rpm"
    run(["rpm", "--dbpath", database, *flags, "-i", *files], env=environment)
    for path in database.iterdir():
        if path.name != "rpmdb.sqlite":
            path.unlink()
