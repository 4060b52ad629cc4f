"""A tiny matrix, a repository behind the proxy, runs of the factory on them, and what may never come of any."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self
from uuid import uuid4

from factory.build.records import RECORD_TYPE, Record, Records, parse
from factory.publish.tags import Dated
from factory.registry.client import Registry
from factory.registry.manifests import Manifest
from factory.registry.references import Repository
from factory.registry.referrers import Referrers
from tests.lab.conftest import FACTORY, LAB, ROOT, Factory
from tests.lab.faults.proxy import Action, Proxy, Rule

IMAGES = ("one-x86_64", "two-x86_64")
_RELEASE = ("release", "--variant", "run")
_HEAD = """
[publish]
repository = "registry.example/faults"
source = "https://git.example/faults"
vendor = "faults"
licenses = "MIT"

[environment.run]
PATH = "/usr/local/bin:/usr/bin/:/bin:/opt/bin"
GENERATION = "{generation}"

[environment.build]
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/opt/bin"
"""
_BASE = """
[bases.{name}]
title = "{name}"
version = "2"
upstream = "public.ecr.aws/lambda/provided:al2"
package_manager = "yum"
architectures = ["x86_64"]
user = {{ name = "sbx_user1051", uid = 993, gid = 990 }}
packages = ["which"]
"""


@dataclass
class World:
    """Where faults happen. `wrong` is all that should not have been, in words."""

    folder: Path
    proxy: Proxy
    repository: Repository
    generation: int = 0
    runs: int = 0
    wrong: list[str] = field(default_factory=list)
    extra: dict[str, str] = field(default_factory=dict)
    salt: str = field(default_factory=lambda: uuid4().hex[:8])
    _began: int = 0

    @classmethod
    def make(cls, folder: Path, proxy: Proxy) -> Self:
        """A world with a lock and nothing published."""
        folder.mkdir(parents=True, exist_ok=True)
        world = cls(folder, proxy, Repository(proxy.host, f"tests/faults-{uuid4().hex[:8]}"))
        world.change()
        done = world.call("lock")
        assert done.returncode == 0, done.stderr
        return world

    @property
    def factory(self) -> Factory:
        """The command line."""
        mirror = {"FACTORY_MIRROR": f"public.ecr.aws={LAB}", "FACTORY_PIP_CONF": "", "FACTORY_SKIP_TESTS": ""}
        return Factory(
            self.folder, self.folder / "matrix.toml", self.repository, self.folder / "matrix.lock", mirror | self.extra
        )

    def change(self) -> None:
        """Gives both images another content, so that a run has all of its steps to do."""
        self.generation += 1
        text = _HEAD.format(generation=f"{self.salt}-{self.generation}")
        text += "".join(_BASE.format(name=image.removesuffix("-x86_64")) for image in IMAGES)
        (self.folder / "matrix.toml").write_text(text)

    def call(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Runs a command to its end."""
        environment = {name: value for name, value in self.factory.environment.items() if value}
        return subprocess.run(
            [FACTORY, *words], cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=900
        )

    def start(self, *words: str) -> subprocess.Popen[bytes]:
        """Starts a release in a process group of its own; nobody listens to it."""
        environment = {name: value for name, value in self.factory.environment.items() if value}
        return subprocess.Popen(
            [FACTORY, *(words or _RELEASE)],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def inject(self, method: str, path: str, action: Action, times: int | None = 1, skip: int = 0) -> None:
        """From now on, this happens."""
        self.proxy.rules.append(Rule(method, path, action, times, skip))

    def release(self, *statuses: int, says: str = "", words: Sequence[str] = ()) -> str:
        """Runs a release that must end with one of these statuses and a clear account; returns what it said."""
        self.runs += 1
        done = self.call(*_RELEASE, *words)
        said = done.stderr + done.stdout
        print(f"    run {self.runs}: {done.returncode}, {len(self.wrong)} wrong so far", file=sys.stderr, flush=True)
        if done.returncode not in statuses:
            self.wrong.append(f"ended with {done.returncode}, not {' or '.join(map(str, statuses))}: {said[-1500:]}")
        if "Traceback" in said:
            self.wrong.append(f"a traceback: {said[-1500:]}")
        if says and not re.search(says, said):
            self.wrong.append(f"does not say {says!r}: {said[-1500:]}")
        self.examine(complete=False)
        return said

    def finish(self) -> None:
        """The fault is over: the next run does what is left, and then all is as it must be."""
        self.proxy.rules.clear()
        self.release(0)
        self.examine(complete=True)

    def days(self) -> set[str]:
        """The days that dated tags were put on, by the clock of those who put them."""
        return {str(dated.day) for tag, _ in self.proxy.tags(self.repository.name) if (dated := Dated.parse(tag))}

    def examine(self, complete: bool) -> None:
        """Collects what is wrong now."""
        self.wrong += Examination(self.folder / "build", self.proxy, self.repository).findings(complete)


@dataclass(frozen=True)
class Examination:
    """Looks at registry, records and history, past the proxy."""

    build: Path
    proxy: Proxy
    behind: Repository

    def findings(self, complete: bool) -> Iterator[str]:
        """All that is wrong; `complete` asks also for what only a run that went to its end owes."""
        registry = Registry()
        repository = Repository(self.proxy.upstream, self.behind.name)
        known = Records(self.build)
        records = {record.digest: record for record in known}
        yield from (f"{file} is damaged" for file in known.damaged)
        tags = {tag: registry.manifest(repository, tag) for tag in registry.tags(repository)}
        referrers = Referrers(registry, repository, self.build / "locks")
        images = {tag: found for tag, found in tags.items() if found and not tag.startswith("sha256-")}
        for tag, manifest in images.items():
            if manifest.is_index:
                yield from _index(tag, manifest, images)
            else:
                attached = _attached(referrers, manifest)
                yield from _tested(tag, manifest, attached, records, strict=complete or not Dated.parse(tag))
        for tag, found in tags.items():
            if found and found.is_index:
                for entry in found.json()["manifests"]:
                    if registry.manifest(repository, entry["digest"]) is None:
                        yield f"{tag} lists {entry['digest']}, which is missing"
        yield from self._moved()
        yield from self._untrue(records.values(), tags)
        if complete:
            yield from (f"{name} is not published" for name in IMAGES if name not in tags)

    def _moved(self) -> Iterator[str]:
        seen: dict[str, str] = {}
        for tag, digest in self.proxy.tags(self.behind.name):
            if Dated.parse(tag) and seen.setdefault(tag, digest) != digest:
                yield f"the dated tag {tag} moved from {seen[tag]} to {digest}"

    def _untrue(self, records: Iterable[Record], tags: Mapping[str, Manifest | None]) -> Iterator[str]:
        put = set(self.proxy.tags(self.behind.name))
        for record in records:
            if record.tests and not record.tests.sound:
                yield f"the record of {record.name} {record.digest} says that it failed, though it is as good as any"
            for tag in record.pushed.get(str(self.behind), ()):
                there = tags.get(tag)
                if Dated.parse(tag):
                    if there is None or there.digest != record.digest:
                        yield f"the record of {record.digest} says {tag}, which is {there and there.digest}"
                elif tag.endswith("x86_64") and (tag, record.digest) not in put:
                    yield f"the record of {record.digest} says {tag}, which it never had"


def _index(tag: str, index: Manifest, images: Mapping[str, Manifest]) -> Iterator[str]:
    """An index lists what its architectures' own tags stand for, or stood for when a run ended in between."""
    listed = {entry["digest"] for entry in index.json()["manifests"]}
    ours = {found.digest for name, found in images.items() if name.endswith(f"{tag}-x86_64")}
    if not listed <= ours:
        yield f"{tag} lists {listed - ours}, which no tag of its images names"


def _attached(referrers: Referrers, manifest: Manifest) -> list[Record]:
    contents = [referrers.fetch(one) for one in referrers.of(manifest.digest) if one.artifact_type == RECORD_TYPE]
    return [record for content in contents if content and (record := parse(content))]


def _tested(
    tag: str, manifest: Manifest, attached: Sequence[Record], here: Mapping[str, Record], strict: bool
) -> Iterator[str]:
    """A tag's image has passed, and its attached record says so.

    A dated tag is put with the image itself, a moment before the record is attached: until the next run has attached
    it, the record on this machine has to say so.
    """
    known = [*attached, *([] if strict else filter(None, [here.get(manifest.digest)]))]
    if not any(record.digest == manifest.digest and record.tests and record.tests.sound for record in known):
        yield f"{tag} names {manifest.digest}, and no record says that it passed"
    dated = Dated.parse(tag)
    name = dated.name if dated else tag
    for record in known:
        if record.digest != manifest.digest or record.name != name:
            yield f"{tag} has the record of {record.name} {record.digest}"
