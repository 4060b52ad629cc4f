"""Resolving upstream references to digests: what `factory lock` does."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date

from pydantic import ValidationError

from factory.errors import UsageError
from factory.lock import Lock, Locked, wanted_archives, wanted_images
from factory.matrix import Architecture, Matrix
from factory.references import Repository, mirrored, split_reference
from factory.registry import Manifest, Registry, RegistryError, RegistryUnreachableError

_PARALLEL = 8


@dataclass(frozen=True)
class Resolver:
    """Asks registries, through mirrors, on a given day. With `tolerant`, no answer is noted instead of raised."""

    registry: Registry
    mirrors: Mapping[str, str]
    today: date
    tolerant: bool = False

    def lock(self, matrix: Matrix, old: Lock, upgrade: bool) -> Lock:
        """The lock of a matrix. What `old` has already is kept unless `upgrade`.

        Raises:
            UsageError: upstream lacks a tag or an architecture, all of them named.
            RegistryUnreachableError: no answer, and not `tolerant`.
        """
        wanted = wanted_images(matrix)
        images = {
            reference: old.images[reference]
            for reference, architectures in wanted.items()
            if not upgrade and _complete(old.images.get(reference), architectures)
        }
        missing = [reference for reference in wanted if reference not in images]
        with ThreadPoolExecutor(_PARALLEL) as pool:
            found = dict(zip(missing, pool.map(self._resolve, missing), strict=True))
        losses = [
            loss
            for reference, locked in found.items()
            for loss in _losses(reference, locked, wanted[reference], old.images.get(reference))
        ]
        if losses:
            raise UsageError(
                "\n".join(losses)
                + "\nthe lock was not changed; if this is meant, change `architectures` or the reference in the matrix"
            )
        for reference, locked in found.items():
            images[reference] = _settle(locked, wanted[reference], old.images.get(reference))
        return Lock(images=images, archives=wanted_archives(matrix))

    def _resolve(self, reference: str) -> Locked | None:
        """The digests behind a reference; None when there is no such tag."""
        host, name, tag = split_reference(reference)
        repository = Repository(mirrored(host, self.mirrors), name)
        try:
            manifest = self.registry.manifest(repository, tag)
        except RegistryUnreachableError:
            if not self.tolerant:
                raise
            return Locked(unresolved=f"{host} could not be reached on {self.today}")
        if manifest is None:
            return None
        try:
            return Locked(digests=self._digests(repository, manifest), resolved=self.today)
        except (RegistryError, KeyError, AttributeError, ValidationError) as error:
            reason = error if isinstance(error, RegistryError) else "its index is not one"
            raise RegistryError(f"{reference}, asked at {repository.host}: {reason}") from None

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


def _losses(reference: str, found: Locked | None, wanted: frozenset[Architecture], old: Locked | None) -> list[str]:
    """What upstream no longer has, or never had, in words."""
    if found is None:
        return [f"{reference}: upstream has no such tag"]
    if found.unresolved:
        return []
    had = old.digests.keys() if old else set()
    return [
        f"{reference}: upstream {'lost' if architecture in had else 'has no'} {architecture}"
        for architecture in sorted(wanted - found.digests.keys())
    ]


def _settle(found: Locked | None, wanted: frozenset[Architecture], old: Locked | None) -> Locked:
    """What to write: only the wanted architectures; the old entry, with its day, where nothing moved."""
    assert found is not None
    if found.unresolved:
        return old if old and old.digests else found
    digests = {architecture: found.digests[architecture] for architecture in sorted(wanted)}
    return old if old and old.digests == digests else Locked(digests=digests, resolved=found.resolved)
