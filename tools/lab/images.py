"""Layers put together as images under the upstream names."""

from __future__ import annotations

import difflib
import fnmatch
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tools.lab import demands
from tools.lab.catalogue import BASES, LAMBDA_NAMES, Base
from tools.lab.errors import LabError
from tools.lab.language import Runtime
from tools.lab.languages import runtimes
from tools.lab.layers import Layer
from tools.lab.registry import INDEX, MANIFEST, Client, sha256

CONFIG = "application/vnd.docker.container.image.v1+json"
LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"
CREATED = "2024-01-01T00:00:00Z"
ENVIRONMENT = {
    "LANG": "en_US.UTF-8",
    "TZ": ":/etc/localtime",
    "PATH": "/var/lang/bin:/usr/local/bin:/usr/bin/:/bin:/opt/bin",
    "LD_LIBRARY_PATH": (
        "/var/lang/lib:/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:/var/task:/var/task/lib:/opt/lib"
    ),
    "LAMBDA_TASK_ROOT": "/var/task",
    "LAMBDA_RUNTIME_DIR": "/var/runtime",
}


@dataclass(frozen=True)
class Target:
    """An image name and the architectures that it has."""

    repository: str
    tag: str
    architectures: tuple[str, ...]
    base: Base
    runtime: Runtime | None

    @property
    def name(self) -> str:
        """As upstream writes it."""
        return f"{self.repository}:{self.tag}"

    @property
    def short(self) -> str:
        """As people type it: python:3.13."""
        return self.name.removeprefix("lambda/")

    @property
    def in_slice(self) -> bool:
        """Is it part of what quickstart and CI need? All bases are."""
        return self.runtime is None or self.runtime.in_slice

    @property
    def archive(self) -> str:
        """HOST/PATH of the archive that this is instead of an image."""
        return self.runtime.archive if self.runtime else ""

    @property
    def upstream(self) -> str:
        """HOST/PATH:TAG of the image, or HOST/PATH of the archive, that this stands in for."""
        return self.archive or f"public.ecr.aws/{self.name}"

    @property
    def single(self) -> bool:
        """Is the tag a plain image rather than an index? So it is upstream where arm64 never existed."""
        return len(self.architectures) == 1

    def tags(self) -> list[str]:
        """Every tag that this makes."""
        if self.archive:
            return []
        suffixed = [f"{self.tag}-{LAMBDA_NAMES[architecture]}" for architecture in self.architectures]
        return [self.tag] if self.single else [self.tag, *suffixed]


@dataclass(frozen=True)
class Request:
    """A target, and the architectures of it that are asked for: the others may come with a later request."""

    target: Target
    architectures: tuple[str, ...]

    def tags(self) -> list[str]:
        """The tags of single architectures that this makes; the index over them is left out."""
        target = self.target
        if target.archive:
            return []
        return [tag_of(target, architecture) for architecture in self.architectures]


@dataclass(frozen=True)
class Wants:
    """All that is asked of the lab at once."""

    requests: tuple[Request, ...]
    extras: frozenset[tuple[str, str, str]]
    """What the extras of build images take from the web, by extra, base and architecture (Lambda's name)."""


def tag_of(target: Target, architecture: str) -> str:
    """The tag of one architecture."""
    return target.tag if target.single else f"{target.tag}-{LAMBDA_NAMES[architecture]}"


def wanted_for(patterns: Sequence[str]) -> Wants:
    """What the factory's images of these names are made of, and no more.

    Raises:
        LabError: a name fits nothing, or the lab has no such upstream.
    """
    found = demands.images_of(patterns)
    wanted: dict[str, set[str]] = {}
    for image in found:
        if image.upstream:
            wanted.setdefault(image.upstream, set()).add(image.architecture)
    known = {target.upstream: target for target in targets()}
    if lacking := sorted(wanted.keys() - known.keys()):
        raise LabError(f"the lab has nothing for {', '.join(lacking)}")
    requests = [
        Request(target, tuple(own for own in target.architectures if LAMBDA_NAMES[own] in wanted[upstream]))
        for upstream, target in known.items()
        if upstream in wanted
    ]
    return Wants(tuple(requests), _extras_of(found))


def wanted_by_name(patterns: Sequence[str], *, everything: bool) -> Wants:
    """The chosen targets whole, and the extras of all images that are made of them.

    Extras of arm64 are for those who want everything: they take long, and CI builds no such image.

    Raises:
        LabError: a name fits nothing.
    """
    found = chosen(patterns, everything=everything)
    there, bases = {target.upstream for target in found}, {target.base.name for target in found}
    made = [
        image
        for image in demands.images()
        if image.base in bases
        and (not image.upstream or image.upstream in there)
        and (everything or image.architecture == "x86_64")
    ]
    return Wants(tuple(Request(target, target.architectures) for target in found), _extras_of(made))


def _extras_of(found: Sequence[demands.Image]) -> frozenset[tuple[str, str, str]]:
    return frozenset((extra, image.base, image.architecture) for image in found for extra in image.extras)


def targets() -> list[Target]:
    """All images of the lab."""
    bases = [Target("lambda/provided", base.tag, base.architectures, base, None) for base in BASES.values()]
    own = [
        Target(f"lambda/{runtime.family}", runtime.version, runtime.architectures, runtime.base, runtime)
        for runtime in runtimes()
    ]
    return [*bases, *own]


def chosen(patterns: Sequence[str], *, everything: bool) -> list[Target]:
    """The targets that names and globs choose, with their bases; the slice when nothing is named.

    Raises:
        LabError: a name fits nothing.
    """
    known = targets()
    for pattern in patterns:
        if not any(_fits(target, pattern) for target in known):
            near = difflib.get_close_matches(pattern, [target.short for target in known], n=3, cutoff=0.3)
            hint = f"; the nearest are {', '.join(near)}" if near else ""
            raise LabError(f"the lab has no image '{pattern}'{hint} ('scripts/lab status' lists all)", code=2)
    if everything:
        return known
    if not patterns:
        return [target for target in known if target.in_slice]
    named = [target for target in known if any(_fits(target, pattern) for pattern in patterns)]
    bases = {target.base.name for target in named}
    return [target for target in known if target in named or (target.runtime is None and target.base.name in bases)]


def _fits(target: Target, pattern: str) -> bool:
    return any(fnmatch.fnmatchcase(name, pattern) for name in (target.short, target.name))


def push(client: Client, target: Target, architecture: str, layers: list[Layer]) -> None:
    """Push one architecture of a target under its own tag."""
    config = _json(_config(architecture, layers))
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": {"mediaType": CONFIG, "size": len(config), "digest": sha256(config)},
        "layers": [{"mediaType": LAYER, "size": layer.size, "digest": layer.digest} for layer in layers],
    }
    content = _json(manifest)
    tag = tag_of(target, architecture)
    if client.digest(target.repository, tag) == sha256(content):
        return
    blobs: list[bytes | Layer] = [*layers, config]
    for blob in blobs:
        client.push_blob(target.repository, blob)
    client.push_manifest(target.repository, tag, content, MANIFEST)


def push_index(client: Client, target: Target) -> None:
    """Push the tag without suffix over the architectures that are there, made now or before."""
    index = _json({"schemaVersion": 2, "mediaType": INDEX, "manifests": _members(client, target)})
    if client.digest(target.repository, target.tag) != sha256(index):
        client.push_manifest(target.repository, target.tag, index, INDEX)


def index_is_whole(client: Client, target: Target) -> bool:
    """Whether the tag without suffix is over all architectures that are there, as they are now."""
    if target.single or target.archive:
        return True
    if client.digest(target.repository, target.tag) is None:
        return False
    return bool(client.manifest(target.repository, target.tag)["manifests"] == _members(client, target))


def _members(client: Client, target: Target) -> list[dict[str, Any]]:
    """The entries of an index."""
    entries = []
    for architecture in target.architectures:
        tag = tag_of(target, architecture)
        if client.digest(target.repository, tag) is not None:
            content = _json(client.manifest(target.repository, tag))
            entry = {"mediaType": MANIFEST, "size": len(content), "digest": sha256(content)}
            entries.append(entry | {"platform": _platform(architecture)})
    return entries


def _config(architecture: str, layers: list[Layer]) -> dict[str, Any]:
    return {
        **_platform(architecture),
        "created": CREATED,
        "config": {
            "Env": [f"{key}={value}" for key, value in ENVIRONMENT.items()],
            "WorkingDir": "/var/task",
            "Entrypoint": ["/lambda-entrypoint.sh"],
        },
        "rootfs": {"type": "layers", "diff_ids": [layer.diff_id for layer in layers]},
        "history": [{"created": CREATED, "created_by": "scripts/lab"} for _ in layers],
    }


def _platform(architecture: str) -> dict[str, str]:
    variant = {"variant": "v8"} if architecture == "arm64" else {}
    return {"architecture": architecture, "os": "linux", **variant}


def _json(value: Any) -> bytes:
    return json.dumps(value, indent=2).encode()
