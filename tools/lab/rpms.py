"""RPM packages and repositories: real files out of Debian's packages, or a name alone."""

from __future__ import annotations

import fnmatch
import os
import re
import shutil
import xml.sax.saxutils
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tools.lab.catalogue import RPM_NAMES, Base, Package, packages, recipes
from tools.lab.debian import NEVER, Suite, merge_usr
from tools.lab.run import run
from tools.lab.settings import EPOCH, LAB

PRUNED = (
    "usr/lib/gcc/*/*/*san*", "usr/lib/gcc/*/*/plugin/*", "usr/bin/*lto-dump*", "usr/bin/*gprofng*",
    "usr/share/cmake-*/Help/*", "usr/share/vim/vim*/doc/*", "usr/share/vim/vim*/lang/*", "usr/share/vim/vim*/spell/*",
    "usr/share/vim/vim*/tutor/*", "usr/lib/llvm-*/lib/LLVMPolly.so",
)  # fmt: skip
LARGE = ("libclang1-14", "libclang1-19")
"""What no smoke test asks for: clang as a library."""
REPOSITORY = "usr/lib/lab/repository"


@dataclass(frozen=True)
class Real:
    """A package with files: which Debian packages it carries and which other packages it needs."""

    package: Package
    debs: tuple[str, ...]
    requires: tuple[str, ...]
    recipe: Mapping[str, Any] = field(hash=False)


def allot(base: Base, suite: Suite, in_base: Iterable[str]) -> list[Real]:
    """Give each Debian package to the first entry of packages.toml that needs it; later ones require that entry."""
    known = {package.name: package for package in packages(base.name)}
    owner: dict[str, str] = {}
    carried = set(in_base)
    found = []
    for name, recipe in recipes().items():
        if name not in known or known[name].kind != "real":
            continue
        needed = _needed(recipe, suite, {*NEVER, *LARGE, *carried})
        mine = tuple(deb for deb in needed if deb not in owner)
        requires = {owner[deb] for deb in needed if deb in owner} | set(recipe.get("requires", ()))
        owner |= dict.fromkeys(mine, name)
        found.append(Real(known[name], mine, tuple(sorted(requires)), recipe))
    return found


def seeds(base: Base) -> list[str]:
    """The Debian packages that a base's real packages start from."""
    known = {package.name for package in packages(base.name) if package.kind == "real"}
    return [deb for name, recipe in recipes().items() if name in known for deb in _debs(recipe, base.suite)]


def _debs(recipe: Mapping[str, Any], suite: str) -> list[str]:
    named: list[str] | dict[str, list[str]] = recipe.get("debs", [])
    return named[suite] if isinstance(named, dict) else named


def _needed(recipe: Mapping[str, Any], suite: Suite, exclude: set[str]) -> list[str]:
    debs = _debs(recipe, suite.name)
    return [deb for deb in debs if deb not in exclude] if "only" in recipe else suite.closure(debs, exclude)


def repository(base: Base, suite: Suite, architecture: str, reals: list[Real], wheels: Path, out: Path) -> None:
    """Build all packages of a base and index them, as the tree of an image layer under out/tree."""
    work = out / "work"
    target = out / "tree" / REPOSITORY
    target.mkdir(parents=True)
    names = [package for package in packages(base.name) if package.kind != "real"]
    build_names(names, work / "names", target)
    _build_reals(base, suite, architecture, reals, wheels, work / "real", target)
    members = [package.name for package in packages(base.name) if package.development]
    _index(target, members, work)
    shutil.rmtree(work)


def repository_of_one(package: Package, architecture: str, work: Path, tree: Path) -> None:
    """Build one package of the files in work/stage and give it a repository of its own, which dnf knows too.

    For what a language adds to a base: it comes and goes without the base's own repository.
    """
    target = tree / f"{REPOSITORY}-{package.name}"
    target.mkdir(parents=True)
    files = _files(work / "stage")
    listing = work / f"{package.name}.list"
    listing.write_text(_listing(files))
    parts = [_header(f"lab-{package.name}", RPM_NAMES[architecture])]
    parts.append(_subpackage(package, f"{package.name} (from Debian, in the lab)", {}))
    parts.append(f"%files -n {package.name} -f {listing}\n")
    _rpmbuild(parts, work, target, RPM_NAMES[architecture])
    _index(target, [], work)
    known = tree / "etc/yum.repos.d" / f"lab-{package.name}.repo"
    known.parent.mkdir(parents=True)
    place = target.relative_to(tree)
    known.write_text(f"[lab-{package.name}]\nname={package.name}, in this image\nbaseurl=file:///{place}\nenabled=1\n")


def _index(target: Path, development: list[str], work: Path) -> None:
    for file in target.iterdir():
        os.utime(file, (EPOCH, EPOCH))  # the index names the time
    index = ["createrepo_c", "--quiet", "--simple-md-filenames"]
    index += ["--revision", str(EPOCH), "--set-timestamp-to-revision"]
    if development:
        comps = work / "comps.xml"
        comps.write_text(_comps(development))
        index += ["-g", str(comps)]
    run([*index, target], env=_environment())


def _listing(files: list[Path]) -> str:
    return "%defattr(-,root,root,-)\n" + "".join(f'"/{path}"\n' for path in files)


def build_names(names: list[Package], work: Path, target: Path) -> None:
    """Build packages that are a name and a version."""
    parts = [_header("lab-names", "noarch")]
    for package in names:
        relations = recipes().get(package.name, {})
        parts.append(_subpackage(package, f"{package.name} (a name in the lab)", relations))
        files = "/etc/system-release\n" if package.name == "system-release" else ""
        parts.append(f"%files -n {package.name}\n{files}")
    (work / "stage" / "etc").mkdir(parents=True)
    (work / "stage" / "etc" / "system-release").write_text("lab\n")
    _rpmbuild(parts, work, target, "noarch")


def _build_reals(
    base: Base, suite: Suite, architecture: str, reals: list[Real], wheels: Path, work: Path, target: Path
) -> None:
    stage = work / "stage"
    merge_usr(stage)
    parts = [_header(f"lab-{base.name}", RPM_NAMES[architecture])]
    seen: set[Path] = set()
    for real in reals:
        suite.extract(real.debs, stage)
        _add_files(real, wheels, stage)
        new = [path for path in _files(stage) if path not in seen]
        seen.update(new)
        files = [path for path in new if _matches(path, real.recipe.get("only", ["*"])) and not _matches(path, PRUNED)]
        listing = work / f"{real.package.name}.list"
        listing.write_text(_listing(files))
        relations = {**real.recipe, "requires": real.requires}
        package = Package(real.package.name, "real", _version(real, suite), development=False)
        parts.append(_subpackage(package, f"{package.name} (from Debian, in the lab)", relations))
        parts.append(f"%files -n {package.name} -f {listing}\n")
    _rpmbuild(parts, work, target, RPM_NAMES[architecture])


def _add_files(real: Real, wheels: Path, stage: Path) -> None:
    for link, destination in real.recipe.get("links", {}).items():
        (stage / link).parent.mkdir(parents=True, exist_ok=True)
        (stage / link).symlink_to(destination)
    for place, name in real.recipe.get("files", {}).items():
        (stage / place).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(LAB / "files/base" / name, stage / place)
        (stage / place).chmod(0o755)
    for name in real.recipe.get("wheels", ()):
        (wheel,) = wheels.glob(f"{name}-*.whl")
        zipfile.ZipFile(wheel).extractall(stage / "usr/lib/python3/dist-packages")


def _files(stage: Path) -> list[Path]:
    found = []
    for directory, folders, names in os.walk(stage / "usr"):
        links = [name for name in folders if (Path(directory) / name).is_symlink()]
        found += [(Path(directory) / name).relative_to(stage) for name in (*names, *links)]
    for directory, _, names in os.walk(stage / "etc"):
        found += [(Path(directory) / name).relative_to(stage) for name in names]
    return sorted(found)


def _matches(path: Path, patterns: Iterable[str]) -> bool:
    return any(fnmatch.fnmatch(str(path), pattern) for pattern in patterns)


def _version(real: Real, suite: Suite) -> str:
    debs = _debs(real.recipe, suite.name)
    if not debs:
        return real.package.version
    upstream = re.sub(r"^\d+:|-[^-]*$", "", suite.debs[debs[0]].version)
    return re.sub(r"[^A-Za-z0-9.~]", ".", upstream)


# --- rpmbuild ----------------------------------------------------------------------------------------------------


def _header(name: str, architecture: str) -> str:
    noarch = "BuildArch: noarch\n" if architecture == "noarch" else ""
    return (
        f"Name: {name}\nVersion: 1\nRelease: 1.lab\nSummary: packages of the lab\nLicense: see each package\n{noarch}"
        "AutoReqProv: no\n%description\nPackages of the lab.\n"
    )


def _subpackage(package: Package, summary: str, relations: Mapping[str, Any]) -> str:
    lines = [f"%package -n {package.name}", f"Version: {package.version}", f"Summary: {summary}", "AutoReqProv: no"]
    for key in ("requires", "provides", "conflicts"):
        lines += [f"{key.capitalize()}: {name}" for name in relations.get(key, ())]
    return "\n".join([*lines, f"%description -n {package.name}", f"{summary}.", ""])


def _rpmbuild(parts: list[str], work: Path, target: Path, architecture: str) -> None:
    header, *rest = parts
    macros = {
        "_topdir": work / "top",
        "_rpmdir": work / "out",
        "_buildhost": "lab",
        "_dbpath": work / "db",
        "_binary_payload": "w1.zstdio",
        "use_source_date_epoch_as_buildtime": "1",
        "clamp_mtime_to_source_date_epoch": "1",
        "source_date_epoch_from_changelog": "0",
        "_unpackaged_files_terminate_build": "0",
        "_build_id_links": "none",
        "debug_package": "%{nil}",
        "__os_install_post": "%{nil}",
        "_build_name_fmt": "%%{NAME}-%%{VERSION}-%%{RELEASE}.%%{ARCH}.rpm",
    }
    install = f"%install\nmkdir -p %{{buildroot}}\ncp -al {work / 'stage'}/. %{{buildroot}}/\n"
    spec = work / "lab.spec"
    spec.write_text("\n".join([header, *rest, install]))
    defines = [word for key, value in macros.items() for word in ("--define", f"{key} {value}")]
    machine = ["--target", architecture] if architecture != "noarch" else []
    run(["rpmbuild", "-bb", "--quiet", *machine, *defines, spec], env=_environment())
    for file in (work / "out").rglob("*.rpm"):
        file.rename(target / file.name)


def _environment() -> dict[str, str]:
    return {**os.environ, "SOURCE_DATE_EPOCH": str(EPOCH), "LC_ALL": "C"}


def _comps(members: list[str]) -> str:
    rows = "".join(
        f'      <packagereq type="mandatory">{xml.sax.saxutils.escape(name)}</packagereq>\n' for name in members
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<comps>\n  <group>\n    <id>development</id>\n'
        "    <name>Development Tools</name>\n    <description>A basic development environment.</description>\n"
        f"    <uservisible>true</uservisible>\n    <packagelist>\n{rows}    </packagelist>\n  </group>\n</comps>\n"
    )
