"""What images cost in bytes: each run image beyond upstream, and all Python runtimes to pull against the sum of each.

Needs the engine and the lab. BENCH_FAMILY names another family than python.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

from factory.registry.client import Registry
from factory.registry.references import Repository
from tools.bench.clock import FACTORY, row, wall

_FAMILY = os.environ.get("BENCH_FAMILY", "python")
_SELECTORS = ["--family", _FAMILY, "--variant", "run", "--arch", "x86_64"]
_SLACK = 64 * 1024  # bytes beyond the emulator that a run image may have


def main() -> None:
    """Releases what is missing, then reads records and manifests."""
    wall([FACTORY, "release", *_SELECTORS])
    shown = subprocess.run([FACTORY, "show", *_SELECTORS, "--format", "json"], stdout=subprocess.PIPE, check=True)
    images = {image["name"]: image["sizes"]["overhead"] for image in json.loads(shown.stdout)}
    emulator = (Path(os.environ.get("FACTORY_BUILD_DIR", "build")) / "emulator/x86_64/init").stat().st_size
    print(f"\nRun images beyond upstream, unpacked: bytes; the emulator has {emulator:,}.\n")
    row("image", "beyond upstream", "goal: at most")
    row("-", "-", "-")
    for name, overhead in images.items():
        row(name, "unknown" if overhead is None else f"{overhead:,}", f"{emulator + _SLACK:,}")
    _pulled(list(images))


def _pulled(names: list[str]) -> None:
    """Layers that images share are pulled once."""
    repository, registry = Repository.parse(os.environ["FACTORY_REGISTRY"]), Registry()
    manifests = [manifest for name in names if (manifest := registry.manifest(repository, name))]
    layers = [layer for manifest in manifests for layer in manifest.json()["layers"]]
    together = sum({layer["digest"]: layer["size"] for layer in layers}.values())
    apart = sum(layer["size"] for layer in layers)
    print(f"\nBytes to pull of {len(manifests)} {_FAMILY} run images, compressed.\n")
    row("all together", "the sum of each", "share")
    row("-", "-", "-")
    row(f"{together:,}", f"{apart:,}", f"{together / apart:.2f}")
