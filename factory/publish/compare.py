"""What differs between two published images: packages, files, size, environment. Read from the registry alone."""

from __future__ import annotations

import hashlib
import tarfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Any

from factory.build.records import RECORD_TYPE, parse
from factory.publish.published import Reader
from factory.registry.client import Registry
from factory.registry.errors import RegistryError
from factory.registry.manifests import Manifest
from factory.registry.references import Repository

_CHUNK = 1 << 20
_WHITEOUT = ".wh."


@dataclass(frozen=True)
class Content:
    """An image as far as it is compared. `layers` are descriptors, lowest first; `packages` None where unknown."""

    reference: str
    layers: tuple[Mapping[str, Any], ...]
    environment: Mapping[str, str]
    packages: frozenset[str] | None

    @property
    def size(self) -> int:
        return sum(layer["size"] for layer in self.layers)


@dataclass(frozen=True)
class Difference:
    """One thing that is not the same; None where one side has it not."""

    what: str
    old: str | None
    new: str | None


def content(reader: Reader, reference: str) -> Content:
    """What a tag or digest of the reader's repository holds.

    Raises:
        RegistryError: there is no such image, or it is an index.
        RegistryUnreachableError: no answer.
    """
    manifest = reader.registry.manifest(reader.repository, reference)
    if manifest is None:
        raise RegistryError(f"{reader.repository} has no {reference}")
    if manifest.is_index:
        raise RegistryError(f"{reader.repository}: {reference} is an index; name the image of one architecture")
    config = reader.registry.config(reader.repository, manifest).get("config") or {}
    environment = dict(pair.partition("=")[::2] for pair in config.get("Env") or ())
    return Content(reference, tuple(manifest.json().get("layers", ())), environment, _packages(reader, manifest))


def compare(registry: Registry, repository: Repository, old: Content, new: Content) -> list[tuple[str, Difference]]:
    """All that differs, each with the section it belongs to.

    Files are compared in the layers that the two do not share, so a file counts as gone where the old image's own
    layers have it and the new one's have not.
    """
    found: list[tuple[str, Difference]] = []
    if old.size != new.size:
        found.append(("size", Difference("bytes to pull", f"{old.size:,}", f"{new.size:,}")))
    found += [("environment", each) for each in _of_mappings(old.environment, new.environment)]
    if old.packages is not None and new.packages is not None:
        found += [("packages", each) for each in package_differences(old.packages, new.packages)]
    shared = _shared(old.layers, new.layers)
    files = [_files(registry, repository, side.layers[shared:]) for side in (old, new)]
    return found + [("files", each) for each in _of_mappings(*files)]


def package_differences(old: Iterable[str], new: Iterable[str]) -> list[Difference]:
    """By package name, the versions that differ."""
    return _of_mappings(_versions(old), _versions(new))


def _packages(reader: Reader, manifest: Manifest) -> frozenset[str] | None:
    attached = [each for each in reader.referrers.of(manifest.digest) if each.artifact_type == RECORD_TYPE]
    document = reader.referrers.fetch(attached[-1]) if attached else None
    record = parse(document) if document else None
    return frozenset(record.packages) if record else None


def _versions(packages: Iterable[str]) -> dict[str, str]:
    """`bash-5.2-1.x86_64` by name; several versions of one package side by side."""
    found: dict[str, str] = {}
    for package in sorted(packages):
        name, version, release = package.rsplit("-", 2) if package.count("-") > 1 else (package, "", "")
        told = f"{version}-{release}".strip("-")
        found[name] = f"{found[name]}, {told}" if name in found else told
    return found


def _of_mappings(old: Mapping[str, str], new: Mapping[str, str]) -> list[Difference]:
    return [
        Difference(key, old.get(key), new.get(key))
        for key in sorted(old.keys() | new.keys())
        if old.get(key) != new.get(key)
    ]


def _shared(old: Sequence[Mapping[str, Any]], new: Sequence[Mapping[str, Any]]) -> int:
    """How many of the lowest layers are the same."""
    pairs = zip(old, new, strict=False)
    return next((n for n, (a, b) in enumerate(pairs) if a["digest"] != b["digest"]), min(len(old), len(new)))


def _files(registry: Registry, repository: Repository, layers: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """What these layers put there, upper ones over lower ones: by path, what kind of thing and its content's hash."""
    found: dict[str, str] = {}
    for layer in layers:
        with registry.stream(repository, layer["digest"]) as stream, tarfile.open(fileobj=stream, mode="r|*") as tar:
            for member in tar:
                _enter(found, tar, member)
    return found


def _enter(found: dict[str, str], tar: tarfile.TarFile, member: tarfile.TarInfo) -> None:
    folder, _, name = member.name.rpartition("/")
    if name.startswith(_WHITEOUT):
        found[f"{folder}/{name.removeprefix(_WHITEOUT)}"] = "deleted"
    elif member.isfile():
        file = tar.extractfile(member)
        assert file
        found[member.name] = f"{member.size:,} bytes, {_hash(file)}, mode {member.mode:o}"
    elif member.issym() or member.islnk():
        found[member.name] = f"link to {member.linkname}"


def _hash(file: IO[bytes]) -> str:
    key = hashlib.sha256()
    while chunk := file.read(_CHUNK):
        key.update(chunk)
    return key.hexdigest()[:12]
