"""What the actions that our workflows use do here: done, checked to be done already, or left to GitHub by name."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


class StepFailedError(Exception):
    """A step did not do what it is there for."""


class OnlyGitHubError(Exception):
    """A step that can be done on GitHub alone; the message says why."""


@dataclass(frozen=True)
class Place:
    """Where a job runs: its checkout, the repository and commit it comes from, where artifacts of the run are kept."""

    workspace: Path
    origin: Path
    sha: str
    artifacts: Path


def run(place: Place, name: str, given: Mapping[str, Any]) -> str:
    """Stands for one action; returns what to tell of it.

    Raises:
        StepFailedError: as the action would have failed.
        OnlyGitHubError: it needs GitHub.
        KeyError: the action is not known here.
    """
    return _ACTIONS[name.partition("@")[0]](place, given)


def _checkout(place: Place, given: Mapping[str, Any]) -> str:
    # Hard links would let a job change what others see.
    _call("git", "clone", "--quiet", "--no-hardlinks", str(place.origin), str(place.workspace))
    ref = str(given.get("ref") or place.sha)
    _call("git", "-C", str(place.workspace), "checkout", "--quiet", "--detach", ref)
    return _call("git", "-C", str(place.workspace), "log", "-1", "--format=%h %s").strip()


def _docker(_place: Place, _given: Mapping[str, Any]) -> str:
    driver = _call("docker", "info", "--format", "{{.DriverStatus}}")
    if "io.containerd.snapshotter" not in driver:
        raise StepFailedError("the engine here has no containerd image store; see scripts/engine")
    return "here already: " + _call("docker", "version", "--format", "Docker {{.Server.Version}}").strip()


def _cosign(_place: Place, _given: Mapping[str, Any]) -> str:
    if shutil.which("cosign") is None:
        raise StepFailedError("cosign is not installed here; install it, or sign nothing (FACTORY_SIGN=no)")
    return "here already"


def _upload(place: Place, given: Mapping[str, Any]) -> str:
    target = place.artifacts / str(given["name"])
    if target.exists():
        raise StepFailedError(f"there is an artifact {target.name} already; GitHub takes no second one of that name")
    sources = [place.workspace / line.strip() for line in str(given["path"]).splitlines() if line.strip()]
    found = [source for source in sources if source.exists()]
    for source in found:
        shutil.copytree(source, target / source.name)
    return f"artifact {target.name}: {', '.join(source.name for source in found) or 'nothing'}"


def _upload_pages(place: Place, given: Mapping[str, Any]) -> str:
    return _upload(place, {"name": "github-pages", **given})


def _deploy_pages(_place: Place, _given: Mapping[str, Any]) -> str:
    raise OnlyGitHubError("GitHub Pages")


def _call(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise StepFailedError(f"{' '.join(command)}: {done.stderr.strip()}")
    return done.stdout


_ACTIONS: dict[str, Callable[[Place, Mapping[str, Any]], str]] = {
    "actions/checkout": _checkout,
    "actions/upload-artifact": _upload,
    "actions/upload-pages-artifact": _upload_pages,
    "actions/deploy-pages": _deploy_pages,
    "docker/setup-docker-action": _docker,
    "sigstore/cosign-installer": _cosign,
}
