"""Build contexts: where the names in a Dockerfile really lead, and the labels that say so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from factory.emulator import folder
from factory.images import Image
from factory.keys import INPUTS_LABEL, LABEL, Inputs, InputsOf, local_name
from factory.matrix import Variant
from factory.references import mirrored, split_reference
from factory.render import Renderer


@dataclass(frozen=True)
class Contexts:
    """Where the names in a Dockerfile really lead: the mirrors, the lock's digests, the parents in the engine."""

    renderer: Renderer
    inputs_of: InputsOf
    mirrors: Mapping[str, str]

    def of(self, image: Image) -> dict[str, str]:
        """Named build contexts of an image, as `docker-image://` references."""
        found = {ref: self._upstream(ref, image) for ref in self.renderer.upstreams(image)}
        parent = self.renderer.parent_reference(image)
        if image.parent and parent:
            found[parent] = f"docker-image://{local_name(image.parent.name, self.inputs_of(image.parent).key)}"
        return found

    def _upstream(self, reference: str, image: Image) -> str:
        host, name, tag = split_reference(reference)
        digest = self.inputs_of(image).upstreams[reference]
        where = f"{mirrored(host, self.mirrors)}/{name}"
        return f"docker-image://{where}@{digest}" if digest.startswith("sha256:") else f"docker-image://{where}:{tag}"


def labels(inputs: Inputs) -> dict[str, str]:
    """The labels that depend on the lock, and so are not in the Dockerfile."""
    found = {LABEL: inputs.key, INPUTS_LABEL: inputs.text}
    if inputs.parent is None and len(inputs.upstreams) == 1:
        found["org.opencontainers.image.base.digest"] = next(iter(inputs.upstreams.values()))
    return found


def context_folder(build_dir: Path, image: Image) -> Path:
    """The main build context: the emulator's folder for a base run image, an empty one for all others."""
    if image.runtime is None and image.variant is Variant.RUN:
        return folder(build_dir, image.architecture)
    return build_dir / "empty"
