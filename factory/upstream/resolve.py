"""Resolving upstream references to digests, and archives to checksums: what `factory lock` does."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import requests
from pydantic import ValidationError

from factory.errors import UsageError
from factory.matrix.downloads import Artifact
from factory.matrix.lock import Lock, Locked, Replaced, Unresolved, wanted_archives, wanted_images
from factory.matrix.schema import Matrix
from factory.matrix.words import Architecture
from factory.registry import http as web
from factory.registry.client import Registry
from factory.registry.errors import RegistryError, RegistryUnreachableError
from factory.registry.manifests import Manifest
from factory.registry.references import (
    Repository,
    mirrored,
    mirrored_repository,
    mirrored_url,
    split_reference,
    split_url,
)
from factory.upstream.signatures import Upstream

_PARALLEL = 8


@dataclass(frozen=True)
class _Wrong:
    """What is wrong with an archive, in words."""

    text: str


@dataclass(frozen=True)
class _Found:
    """What a registry answered for a reference. `tagged` is the digest of what the tag names."""

    locked: Locked | None
    tagged: str = ""


@dataclass(frozen=True)
class Resolver:
    """Asks registries and file servers, through mirrors, on a given day.

    With `tolerant`, no answer is noted instead of raised. `folder` is the matrix's, from which it names its keys.
    `incomplete` are the hosts whose mirrors are no copies: what such a mirror lacks is noted, an archive that is
    another one is noted with its own checksum, and nobody asks for upstream's signature of what it has.
    """

    registry: Registry
    mirrors: Mapping[str, str]
    today: date
    tolerant: bool = False
    incomplete: Collection[str] = ()
    http: requests.Session = field(default_factory=web.session)
    folder: Path = field(default_factory=Path)

    def lock(self, matrix: Matrix, old: Lock, upgrade: bool) -> Lock:
        """The lock of a matrix. What `old` has already is kept unless `upgrade`.

        Raises:
            UsageError: upstream lacks a tag, an architecture, a signature or a file, or a file is not what it must be;
                all of them named.
            UnreachableError: no answer, and not `tolerant`.
            MachineError: cosign is not installed, and the matrix wants signatures of what is new.
        """
        with ThreadPoolExecutor(_PARALLEL) as pool:
            images, losses, unsigned = self._images(pool, matrix, old, upgrade)
            archives, wrong = self._archives(pool, matrix, old, upgrade)
        told = {
            "if this is meant, change `architectures` or the reference in the matrix": losses,
            "if upstream signs otherwise now, change `signatures` in the matrix": unsigned,
            "if this is meant, change the address or the checksum in the matrix": wrong,
        }
        if any(told.values()):
            remedies = "; ".join(remedy for remedy, lines in told.items() if lines)
            lines = "\n".join(line for lines in told.values() for line in lines)
            raise UsageError(f"{lines}\nthe lock was not changed; {remedies}")
        return Lock(images=images, archives=archives)

    def _images(
        self, pool: ThreadPoolExecutor, matrix: Matrix, old: Lock, upgrade: bool
    ) -> tuple[dict[str, Locked], list[str], list[str]]:
        """What is locked of the images, what upstream lost, and what has no good signature."""
        wanted = wanted_images(matrix)
        images = {
            reference: old.images[reference]
            for reference, architectures in wanted.items()
            if not upgrade and _complete(old.images.get(reference), architectures)
        }
        missing = [reference for reference in wanted if reference not in images]
        found = dict(zip(missing, pool.map(self._resolve, missing), strict=True))
        losses = [
            loss
            for reference, answer in found.items()
            for loss in self._losses(reference, answer.locked, wanted[reference], old.images.get(reference))
        ]
        upstream = Upstream(matrix, self.folder)
        asked = pool.map(
            lambda reference: self._unsigned(
                upstream, reference, found[reference], wanted[reference], old.images.get(reference)
            ),
            missing,
        )
        unsigned = [line for lines in asked for line in lines]
        if not losses:
            for reference, answer in found.items():
                images[reference] = _settle(answer.locked, wanted[reference], old.images.get(reference))
        return images, losses, unsigned

    def _unsigned(
        self, upstream: Upstream, reference: str, found: _Found, wanted: frozenset[Architecture], old: Locked | None
    ) -> list[str]:
        """What is new of a reference and has no good signature. An incomplete mirror has other images."""
        host, name, _ = split_reference(reference)
        if found.locked is None or self._may_differ(host):
            return []
        known = old.digests if old else {}
        new = {
            architecture: digest
            for architecture, digest in found.locked.digests.items()
            if architecture in wanted and known.get(architecture) != digest
        }
        return list(upstream.unsigned(reference, mirrored_repository(host, name, self.mirrors), found.tagged, new))

    def _resolve(self, reference: str) -> _Found:
        """The digests behind a reference; nothing when there is no such tag."""
        host, name, tag = split_reference(reference)
        repository = mirrored_repository(host, name, self.mirrors)
        try:
            manifest = self.registry.manifest(repository, tag)
        except RegistryUnreachableError:
            if not self.tolerant:
                raise
            return _Found(Locked(unresolved=f"{host} could not be reached on {self.today}"))
        if manifest is None:
            lacks = Locked(unresolved=f"{mirrored(host, self.mirrors)} has no such tag")
            return _Found(lacks if self._may_differ(host) else None)
        try:
            return _Found(Locked(digests=self._digests(repository, manifest), resolved=self.today), manifest.digest)
        except (RegistryError, KeyError, AttributeError, ValidationError) as error:
            reason = error if isinstance(error, RegistryError) else "its index is not one"
            raise RegistryError(f"{reference}, asked at {repository.host}: {reason}") from None

    def _archives(
        self, pool: ThreadPoolExecutor, matrix: Matrix, old: Lock, upgrade: bool
    ) -> tuple[dict[str, str | Replaced | Unresolved], list[str]]:
        """What is locked of the archives, and what is wrong with them."""
        wanted = wanted_archives(matrix)
        kept = {
            url: known
            for url, artifact in wanted.items()
            if (known := self._known(artifact, old.archives.get(url), upgrade))
        }
        missing = [artifact for url, artifact in wanted.items() if url not in kept]
        asked = pool.map(lambda artifact: self._hash(artifact, old.archives.get(artifact.url)), missing)
        found = dict(zip((artifact.url for artifact in missing), asked, strict=True))
        wrong = [told for told in found.values() if isinstance(told, _Wrong)]
        right = {url: locked for url, locked in found.items() if not isinstance(locked, _Wrong)}
        return {**kept, **right}, [told.text for told in wrong]

    def _known(self, artifact: Artifact, old: str | Replaced | Unresolved | None, upgrade: bool) -> str | None:
        """The digits that need no download: declared ones, unless a mirror was not looked at yet; locked ones."""
        locked = old if isinstance(old, str) else None
        if mirrored_url(artifact.url, self.mirrors) == artifact.url:
            return artifact.digits or (None if upgrade else locked)
        if upgrade or self._may_differ(split_url(artifact.url)) or (artifact.digits and artifact.digits != locked):
            return None
        return locked

    def _hash(
        self, artifact: Artifact, old: str | Replaced | Unresolved | None
    ) -> str | Replaced | Unresolved | _Wrong:
        """What a file server, or its mirror, says of an archive."""
        where = mirrored_url(artifact.url, self.mirrors)
        asked = "" if where == artifact.url else f", asked at {where}"
        try:
            found = web.hash_of(self.http, where, artifact.algorithm)
        except web.UnreachableError:
            if not self.tolerant:
                raise
            if artifact.digits:
                return artifact.digits
            if isinstance(old, str):
                return old
            return Unresolved(unresolved=f"{split_url(artifact.url)} could not be reached on {self.today}")
        if found is None:
            if self._may_differ(split_url(artifact.url)):
                return Unresolved(unresolved=f"{split_url(where)} has no such file")
            return _Wrong(f"{artifact.url}{asked}: there is no such file")
        if not artifact.digits or found == artifact.digits:
            return found
        if self._may_differ(split_url(artifact.url)):
            return Replaced(instead=found)
        return _Wrong(f"{artifact.url}{asked}: its {artifact.algorithm} is {found}, the matrix says {artifact.digits}")

    def _losses(
        self, reference: str, found: Locked | None, wanted: frozenset[Architecture], old: Locked | None
    ) -> list[str]:
        """What upstream no longer has, or never had, in words; an incomplete mirror may lack an architecture."""
        if found is None:
            return [f"{reference}: upstream has no such tag"]
        if found.unresolved or self._may_differ(split_reference(reference)[0]):
            return []
        had = old.digests.keys() if old else set()
        return [
            f"{reference}: upstream {'lost' if architecture in had else 'has no'} {architecture}"
            for architecture in sorted(wanted - found.digests.keys())
        ]

    def _may_differ(self, host: str) -> bool:
        """Whether what is asked in the place of a host is no copy of it."""
        return host in self.incomplete and host in self.mirrors

    def _digests(self, repository: Repository, manifest: Manifest) -> dict[Architecture, str]:
        if not manifest.is_index:
            architecture = _architecture(self.registry.config(repository, manifest))
            return {architecture: manifest.digest} if architecture else {}
        platforms = (
            (_architecture(entry.get("platform", {})), entry["digest"]) for entry in manifest.json()["manifests"]
        )
        return {architecture: digest for architecture, digest in platforms if architecture}


def _architecture(platform: Mapping[str, str]) -> Architecture | None:
    """Ours for an OCI platform or image configuration; None for other systems and attestations."""
    if platform.get("os", "linux") != "linux":
        return None
    return next((ours for ours in Architecture if ours.oci == platform.get("architecture")), None)


def _complete(locked: Locked | None, architectures: frozenset[Architecture]) -> bool:
    return locked is not None and locked.unresolved is None and architectures <= locked.digests.keys()


def _settle(found: Locked | None, wanted: frozenset[Architecture], old: Locked | None) -> Locked:
    """What to write of the wanted architectures; the old entry, with its day, where nothing moved."""
    assert found is not None
    if found.unresolved:
        return old if old and old.digests else found
    digests = {architecture: found.digests[architecture] for architecture in sorted(wanted & found.digests.keys())}
    return old if old and old.digests == digests else Locked(digests=digests, resolved=found.resolved)
