"""Debian packages of any suite and architecture, resolved and fetched by the machine's own apt.

apt runs with state directories of ours, an empty list of installed packages and one suite, so nothing of the
machine is changed; its mirror, proxy and keys are the machine's.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tools.lab.errors import LabError, MissingError
from tools.lab.run import run

SUITES = ("bullseye", "bookworm", "trixie", "forky", "sid", "experimental")
"""Oldest first."""
NEVER = (
    # Debian's own machinery, which maintainer scripts would need and nothing here runs.
    "adduser", "base-files", "base-passwd", "debconf", "dpkg", "init-system-helpers", "lsb-base", "perl", "perl-base",
    "sysvinit-utils", "usrmerge", "media-types", "netbase",
    # dnf's way to check signatures: the repository is a directory of the image and has none.
    "gnupg", "gpg", "gpg-agent", "gpgconf", "gpgsm", "gpgv", "dirmngr", "pinentry-curses", "python3-dbus", "sqlite3",
    # Sanitizers and RPC: large, and no smoke test asks for them.
    "libasan8", "liblsan0", "libtsan2", "libubsan1", "libhwasan0", "libgprofng0", "libnsl-dev", "libtirpc-dev",
    "rpcsvc-proto",
)  # fmt: skip
NO_DOCS = ("doc", "man", "info", "lintian", "bug", "locale", "bash-completion", "doc-base", "menu")


@dataclass(frozen=True)
class Deb:
    """One resolved package."""

    name: str
    version: str
    sha256: str
    depends: tuple[tuple[str, ...], ...]
    provides: tuple[str, ...]


@dataclass(frozen=True)
class Suite:
    """The packages of one suite and architecture that the lab uses, and where their files are."""

    name: str
    architecture: str
    debs: dict[str, Deb]
    files: Path

    def closure(self, seeds: Iterable[str], exclude: Iterable[str] = ()) -> list[str]:
        """Names of `seeds` and all they depend on, without the excluded ones, sorted."""
        providers = {alias: deb.name for deb in self.debs.values() for alias in deb.provides}
        found: set[str] = set()
        todo, refused = list(seeds), set(exclude)
        while todo:
            name = todo.pop()
            if name in found or name in refused:
                continue
            if name not in self.debs:
                raise LabError(f"{name} is not among the resolved packages of {self.name}: add it to the seeds")
            found.add(name)
            for alternatives in self.debs[name].depends:
                known = [providers.get(a, a) for a in alternatives if a in self.debs or a in providers]
                todo += [next((k for k in known if k in self.debs), "")] if known else []
            todo = [name for name in todo if name]
        return sorted(found)

    def identity(self, names: Iterable[str]) -> list[str]:
        """What decides the content of these packages."""
        return [f"{name}={self.debs[name].version} {self.debs[name].sha256}" for name in sorted(names)]

    def path(self, name: str) -> Path:
        """The file of a package."""
        return self.files / f"{name}_{self.debs[name].sha256[:16]}.deb"

    def libraries(self, names: Iterable[str]) -> set[str]:
        """The names of the shared libraries in fetched packages."""
        found = set()
        for name in names:
            listing = run(["dpkg-deb", "--contents", self.path(name)])
            found |= set(re.findall(r"/([^/ ]+\.so(?:\.[^/ ]+)?)(?: -> .*)?$", listing, re.MULTILINE))
        return found

    def extract(self, names: Iterable[str], tree: Path, *, keep: Sequence[str] = ()) -> None:
        """Unpack packages over `tree`, without documentation and without running anything of theirs.

        Directories that are links in the tree stay links: the tree decides that /lib is /usr/lib.
        """
        skip = [f"--exclude=./usr/share/{name}" for name in NO_DOCS if name not in keep]
        for name in sorted(names):
            unpack = subprocess.Popen(["dpkg-deb", "--fsys-tarfile", self.path(name)], stdout=subprocess.PIPE)
            tar: list[str | Path] = ["tar", "-x", "--keep-directory-symlink", "--no-same-owner", "-C", tree, *skip]
            done = subprocess.run(tar, stdin=unpack.stdout, capture_output=True, text=True, check=False)
            if unpack.wait() != 0 or done.returncode != 0:
                raise LabError(f"could not unpack {self.path(name)}: {done.stderr.strip()[-300:]}")


def merge_usr(tree: Path) -> None:
    """Make /bin, /sbin, /lib and /lib64 links into /usr, which Debian's packages rely on."""
    for name in ("bin", "sbin", "lib", "lib64"):
        (tree / "usr" / name).mkdir(parents=True, exist_ok=True)
        (tree / name).symlink_to(f"usr/{name}")


class Apt:
    """Resolves and fetches packages of one suite and architecture, below one cache directory; safe to share by threads.

    Packages are resolved by group (a base, a runtime), each apart from the others: what one asks for changes nothing of
    another.
    """

    def __init__(self, root: Path, suite: str, architecture: str, *, refresh: bool) -> None:
        self.suite, self.architecture, self.refresh = suite, architecture, refresh
        self.root = root / f"{suite}-{architecture}"
        self.files = root / "debs"
        self._lock = threading.Lock()
        self._updated = False

    def resolve(self, group: str, seeds: Iterable[str]) -> Suite:
        """Resolve `seeds` with all they need; the answer is kept until the seeds change or a refresh is asked for."""
        with self._lock:
            return self._resolve(self.root / f"resolved-{group}.json", sorted(set(seeds)))

    def _resolve(self, record: Path, wanted: list[str]) -> Suite:
        if not self.refresh and record.exists():
            kept = json.loads(record.read_text())
            if kept["seeds"] == wanted:
                return self._suite(kept["debs"])
        self._update()
        lines = self._apt("apt-get", "-qq", "--print-uris", "-y", "install", *wanted).splitlines()
        names = [line.split()[1].split("_", 1)[0] for line in lines if line.startswith("'")]
        debs = self._describe(names)
        partial = record.with_suffix(".part")
        partial.write_text(json.dumps({"seeds": wanted, "debs": debs}, indent=1))
        partial.replace(record)
        return self._suite(debs)

    def _update(self) -> None:
        """Ask the mirror for its lists, once a run."""
        if not self._updated:
            self._prepare()
            self._apt("apt-get", "-qq", "update")
            self._updated = True

    def fetch(self, suite: Suite, names: Iterable[str]) -> None:
        """Download those packages that are not here; apt checks each against the signed lists."""
        with self._lock:
            self._fetch(suite, names)

    def _fetch(self, suite: Suite, names: Iterable[str]) -> None:
        missing = [name for name in sorted(set(names)) if not suite.path(name).exists()]
        if not missing:
            return
        scratch = self.root / "download"
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir(parents=True)
        versions = [f"{name}={suite.debs[name].version}" for name in missing]
        try:
            self._apt("apt-get", "-qq", "download", *versions, cwd=scratch)
        except LabError as error:
            raise LabError(f"{error}\n    if a version has left the mirror: scripts/lab up --refresh") from None
        for file in scratch.iterdir():
            name = file.name.split("_", 1)[0]
            if hashlib.sha256(file.read_bytes()).hexdigest() != suite.debs[name].sha256:
                raise LabError(f"{file.name} is not what the package list promised: scripts/lab up --refresh")
            file.rename(suite.path(name))

    def _suite(self, debs: list[dict[str, str]]) -> Suite:
        return Suite(self.suite, self.architecture, {deb["Package"]: _deb(deb) for deb in debs}, self.files)

    def _prepare(self) -> None:
        for name in ("state/lists/partial", "cache/archives/partial", "preferences", "sources"):
            (self.root / name).mkdir(parents=True, exist_ok=True)
        self.files.mkdir(parents=True, exist_ok=True)
        (self.root / "status").write_text("")
        uri, keyring = own_source()
        signed = f"Signed-By: {keyring}\n" if keyring else ""
        (self.root / "sources" / "lab.sources").write_text(
            f"Types: deb\nURIs: {uri}\nSuites: {self._suites()}\nComponents: main\n{signed}"
        )

    def _suites(self) -> str:
        """What apt reads: experimental is no whole suite, its packages need those of sid."""
        return "experimental sid" if self.suite == "experimental" else self.suite

    def _describe(self, names: list[str]) -> list[dict[str, str]]:
        text = self._apt("apt-cache", "show", "--no-all-versions", *names)
        wanted = ("Package", "Version", "SHA256", "Depends", "Pre-Depends", "Provides")
        debs = []
        for paragraph in text.strip().split("\n\n"):
            fields = dict(re.findall(r"^([A-Za-z0-9-]+): (.*)$", paragraph, re.MULTILINE))
            debs.append({key: fields[key] for key in wanted if key in fields})
        return debs

    def _apt(self, program: str, *arguments: str, cwd: Path | None = None) -> str:
        options = {
            "Dir::State": self.root / "state",
            "Dir::State::status": self.root / "status",
            "Dir::Cache": self.root / "cache",
            "Dir::Etc::sourcelist": "/dev/null",
            "Dir::Etc::sourceparts": self.root / "sources",
            "Dir::Etc::preferences": "/dev/null",
            "Dir::Etc::preferencesparts": self.root / "preferences",
            "APT::Architecture": self.architecture,
            "APT::Architectures": self.architecture,
            "APT::Install-Recommends": "false",
            "APT::Default-Release": self.suite,
            "APT::Sandbox::User": "root",
        }
        words = [word for key, value in options.items() for word in ("-o", f"{key}={value}")]
        return run([program, *words, *arguments], cwd=cwd)


def _deb(fields: dict[str, str]) -> Deb:
    depends = ", ".join(fields[key] for key in ("Pre-Depends", "Depends") if key in fields)
    groups = [tuple(_bare(name) for name in group.split("|")) for group in depends.split(",") if group.strip()]
    provides = tuple(_bare(name) for name in fields.get("Provides", "").split(",") if name.strip())
    return Deb(fields["Package"], fields["Version"], fields["SHA256"], tuple(groups), provides)


def _bare(dependency: str) -> str:
    return re.sub(r"[\s(:].*", "", dependency.strip())


def own_source() -> tuple[str, str]:
    """Address and keyring of the Debian mirror that this machine uses; read, because it may be any mirror."""
    codename = _codename()
    for paragraph in _paragraphs():
        if codename in paragraph.get("suites", "").split() and "deb" in paragraph.get("types", "").split():
            return paragraph["uris"].split()[0], paragraph.get("signed-by", "")
    lists = [Path("/etc/apt/sources.list"), *sorted(Path("/etc/apt/sources.list.d").glob("*.list"))]
    for line in "\n".join(path.read_text() for path in lists if path.is_file()).splitlines():
        match = re.match(r"deb\s+(?:\[(?P<options>[^\]]*)\]\s+)?(?P<uri>\S+)\s+(?P<suite>\S+)\s", line)
        if match and match["suite"] == codename:
            key = re.search(r"signed-by=(\S+)", match["options"] or "")
            return match["uri"], key[1] if key else ""
    raise MissingError(f"no apt source for '{codename}' under /etc/apt: the lab is assembled from Debian's packages")


def _paragraphs() -> Iterable[dict[str, str]]:
    for path in sorted(Path("/etc/apt/sources.list.d").glob("*.sources")):
        text = "\n".join(line for line in path.read_text().splitlines() if not line.startswith("#"))
        for paragraph in re.split(r"\n\s*\n", text):
            fields = re.findall(r"^([A-Za-z-]+):[ \t]*(.+)$", paragraph, re.MULTILINE)
            found = {key.lower(): value.strip() for key, value in fields}
            if found.get("enabled", "yes").lower() != "no":
                yield found


def _codename() -> str:
    release = Path("/etc/os-release").read_text()
    fields: dict[str, str] = dict(re.findall(r'^(\w+)="?([^"\n]*)"?$', release, re.MULTILINE))
    if fields.get("ID") != "debian":
        raise MissingError("the lab is assembled from Debian's packages and needs a Debian machine (12 or newer)")
    return fields.get("VERSION_CODENAME", "")
