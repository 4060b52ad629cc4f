"""`docker-bake.json`: the same graph for plain `docker buildx bake`, without the factory."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from factory.build.contexts import Contexts, labels
from factory.matrix.images import Image


def bake_file(images: Sequence[Image], contexts: Contexts, repository: str) -> str:
    """A bake file with a target for each image and a group for each name without architecture.

    Its paths are relative to the folder that it lies in, where `docker buildx bake` is to be called.
    """
    stems: dict[str, list[str]] = {}
    for image in images:
        stems.setdefault(target_name(image.stem), []).append(target_name(image.name))
    document = {
        "group": {
            "default": {"targets": [target_name(image.name) for image in images]},
            **{stem: {"targets": names} for stem, names in stems.items()},
        },
        "target": {target_name(image.name): _target(image, contexts, repository) for image in images},
    }
    return json.dumps(document, indent=2) + "\n"


def target_name(name: str) -> str:
    """An image's name as bake takes it: it knows no dots."""
    return re.sub(r"[^A-Za-z0-9_-]", "_", name)


def _target(image: Image, contexts: Contexts, repository: str) -> dict[str, Any]:
    inputs = contexts.inputs_of(image)
    named = contexts.of(image)
    parent = contexts.renderer.parent_reference(image)
    if image.parent and parent:
        named[parent] = f"target:{target_name(image.parent.name)}"
    folder = contexts.folder(image)
    target: dict[str, Any] = {
        "context": str(folder),
        "dockerfile": f"{'../' * len(folder.parts)}dockerfiles/{image.stem}/Dockerfile",  # looked up from the context
        "contexts": named,
        "platforms": [inputs.platform],
        "args": contexts.arguments(image),
        "labels": labels(inputs),
        "tags": [f"{repository}:{image.name}"],
        "attest": ["type=provenance,disabled=true", "type=sbom,disabled=true"],
        "output": ["type=docker"],
    }
    if contexts.network:
        target["network"] = contexts.network
    if contexts.pip_conf:
        target["secret"] = contexts.secrets()
    return target
