"""The engine's images and build cache, for the measurements and tests that start from nothing."""

from __future__ import annotations

import subprocess

BUILT = "factory.invalid/*"
"""Where the engine keeps what the factory built."""


def forget(*patterns: str) -> None:
    """Removes the images whose names match, and the whole build cache.

    Raises:
        subprocess.CalledProcessError: the engine refuses.
    """
    for pattern in patterns:
        if found := _docker("image", "ls", f"--filter=reference={pattern}", "--format={{.Repository}}:{{.Tag}}"):
            _docker("image", "rm", "--force", *found)
    _docker("builder", "prune", "--all", "--force")


def _docker(*words: str) -> list[str]:
    return subprocess.run(["docker", *words], capture_output=True, text=True, check=True).stdout.split()
