"""`docker-bake.json`: the same graph for plain `docker buildx bake`, without the factory."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from factory.matrix.images import Image


@dataclass(frozen=True)
class Target:
    """What the build of one image is told.

    `folder` is its build context, below the folder of the bake file; `contexts` are named contexts, of which `parent`
    names the parent's.
    """

    folder: PurePath
    contexts: Mapping[str, str]
    parent: str | None
    platform: str
    arguments: Mapping[str, str]
    labels: Mapping[str, str]
    network: str | None = None
    secrets: Sequence[str] = ()


def bake_file(targets: Mapping[Image, Target], repository: str) -> str:
    """A bake file with a target for each image and a group for each name without architecture.

    Its paths are relative to the folder that it lies in, where `docker buildx bake` is to be called.
    """
    stems: dict[str, list[str]] = {}
    for image in targets:
        stems.setdefault(target_name(image.stem), []).append(target_name(image.name))
    document = {
        "group": {
            "default": {"targets": [target_name(image.name) for image in targets]},
            **{stem: {"targets": names} for stem, names in stems.items()},
        },
        "target": {target_name(image.name): _target(image, target, repository) for image, target in targets.items()},
    }
    return json.dumps(document, indent=2) + "\n"


def target_name(name: str) -> str:
    """An image's name as bake takes it: it knows no dots."""
    return re.sub(r"[^A-Za-z0-9_-]", "_", name)


def _target(image: Image, target: Target, repository: str) -> dict[str, Any]:
    named = dict(target.contexts)
    if image.parent and target.parent:
        named[target.parent] = f"target:{target_name(image.parent.name)}"
    up = "../" * len(target.folder.parts)  # the Dockerfile is looked up from the context
    document: dict[str, Any] = {
        "context": str(target.folder),
        "dockerfile": f"{up}dockerfiles/{image.stem}/Dockerfile",
        "contexts": named,
        "platforms": [target.platform],
        "args": dict(target.arguments),
        "labels": dict(target.labels),
        "tags": [f"{repository}:{image.name}"],
        "attest": ["type=provenance,disabled=true", "type=sbom,disabled=true"],
        "output": ["type=docker"],
    }
    if target.network:
        document["network"] = target.network
    if target.secrets:
        document["secret"] = list(target.secrets)
    return document
