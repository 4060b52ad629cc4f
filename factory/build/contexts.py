"""Build contexts: where the names in a Dockerfile really lead, and the labels that say so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from factory.build import bootstraps, emulator
from factory.build.source_policy import policy
from factory.matrix.images import Image
from factory.matrix.words import Variant
from factory.plan.keys import INPUTS_LABEL, LABEL, UNLOCKED, Inputs, InputsOf, local_name
from factory.registry.references import mirrored_repository, mirrored_url, split_reference
from factory.render.bake import Target
from factory.render.fetches import Fetches


@dataclass(frozen=True)
class Contexts:
    """Where the names in a Dockerfile really lead: the mirrors, the lock's digests, the parents in the engine.

    `network` is what the steps of a build see of it, `pip_conf` a pip configuration that they may read.
    """

    fetches: Fetches
    inputs_of: InputsOf
    mirrors: Mapping[str, str]
    network: str | None = None
    pip_conf: Path | None = None

    def of(self, image: Image, layout: str | None = None) -> dict[str, str]:
        """Named build contexts of an image: `docker-image://` references, and the parent's `layout` if there is one."""
        found = {ref: self._upstream(ref, image) for ref in self.fetches.upstreams(image)}
        parent = self.fetches.parent_reference(image)
        if image.parent and parent:
            found[parent] = layout or f"docker-image://{self.local_name(image.parent)}"
        return found

    def local_name(self, image: Image) -> str:
        """What the engine calls an image of these very inputs."""
        return local_name(image.name, self.inputs_of(image).key)

    def arguments(self, image: Image) -> dict[str, str]:
        """Build arguments of an image: its date, and what of its archives is not as the Dockerfile says."""
        inputs = self.inputs_of(image)
        found = {"SOURCE_DATE_EPOCH": str(inputs.epoch)}
        for download in self.fetches.downloads(image):
            artifact = download.artifact(image.architecture)
            if (url := mirrored_url(artifact.url, self.mirrors)) != artifact.url:
                found[f"{download.argument}_URL"] = url
            if (checksum := inputs.archives[artifact.url]) not in (artifact.checksum, UNLOCKED):
                algorithm, _, digits = checksum.partition(":")
                found[f"{download.argument}_{algorithm.upper()}"] = digits
        return found

    def policy(self, image: Image, named: Mapping[str, str]) -> str:
        """What the build of an image may fetch, as BuildKit obeys it: its named contexts and its archives."""
        archives = self.inputs_of(image).archives
        return policy(named.values(), {mirrored_url(url, self.mirrors): archives[url] for url in archives})

    def secrets(self) -> list[str]:
        """The build secrets, as buildx takes them."""
        return [f"id=pip,src={self.pip_conf.resolve()}"] if self.pip_conf else []

    def folder(self, image: Image) -> Path:
        """The main build context, below the build directory: the emulator's, a bootstrap's, or an empty folder."""
        if image.runtime is None and image.variant is Variant.RUN:
            return emulator.folder(Path(), image.architecture)
        bootstrap = self.fetches.bootstrap(image)
        return bootstraps.folder(Path(), bootstrap) if bootstrap else Path("empty")

    def target(self, image: Image) -> Target:
        """All that the build of an image is told."""
        inputs = self.inputs_of(image)
        return Target(
            folder=self.folder(image),
            contexts=self.of(image),
            parent=self.fetches.parent_reference(image),
            platform=inputs.platform,
            arguments=self.arguments(image),
            labels=labels(inputs),
            network=self.network,
            secrets=self.secrets(),
        )

    def _upstream(self, reference: str, image: Image) -> str:
        host, name, tag = split_reference(reference)
        digest = self.inputs_of(image).upstreams[reference]
        where = mirrored_repository(host, name, self.mirrors)
        return f"docker-image://{where}@{digest}" if digest.startswith("sha256:") else f"docker-image://{where}:{tag}"


def labels(inputs: Inputs) -> dict[str, str]:
    """The labels that depend on the lock, and so are not in the Dockerfile."""
    found = {LABEL: inputs.key, INPUTS_LABEL: inputs.text}
    if inputs.parent is None and len(inputs.upstreams) == 1:
        found["org.opencontainers.image.base.digest"] = next(iter(inputs.upstreams.values()))
    return found
