"""The Docker engine: images by manifest digest, and pushing them.

The containerd image store is needed: there an image's id is its manifest digest, the same after load, tag and push.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import docker
import requests
from docker.errors import APIError, DockerException, ImageNotFound

from factory.errors import FactoryError, MachineError


class EngineError(FactoryError):
    """The engine refused."""


@dataclass(frozen=True)
class EngineImage:
    """What the engine says of an image; `size` in bytes."""

    digest: str
    architecture: str
    size: int
    labels: Mapping[str, str]


def _client() -> docker.DockerClient:
    client = docker.from_env(timeout=600)
    if client.api.base_url.startswith("http+docker:"):
        # There is no proxy before a local socket, and to look for one takes half the time of a question.
        client.api.trust_env = False
    return client


class Engine:
    """A connection to the engine that docker's own environment names. Safe for use by several threads."""

    def __init__(self) -> None:
        self._threads = threading.local()
        try:
            _ = self.client
        except DockerException as error:
            raise MachineError(
                f"no Docker engine answers ({_last_line(error)}); start it, or run `scripts/engine up` here"
            ) from None

    @property
    def client(self) -> docker.DockerClient:
        """A client of this thread's own: the SDK's are not made for sharing."""
        if not hasattr(self._threads, "client"):
            self._threads.client = _client()
        client: docker.DockerClient = self._threads.client
        return client

    def check(self) -> None:
        """Refuses an engine that cannot compare what it tested with what it pushes.

        Raises:
            MachineError: it keeps images without their manifests.
        """
        if not self.has_containerd_store:
            raise MachineError(
                "the engine keeps images without their manifests, so what is tested could not be compared with what is "
                'pushed; set {"features": {"containerd-snapshotter": true}} in its daemon.json and restart it'
            )

    def answers(self) -> bool:
        try:
            return bool(self.client.ping())
        except (DockerException, requests.RequestException):
            return False

    @cached_property
    def info(self) -> dict[str, Any]:
        """What the engine says of itself."""
        info: dict[str, Any] = self.client.info()
        return info

    @property
    def has_containerd_store(self) -> bool:
        """Whether image ids are manifest digests."""
        return any("io.containerd.snapshotter" in value for _, value in self.info.get("DriverStatus") or ())

    def finished(self, names: Iterable[str]) -> dict[str, str]:
        """The digests of those images that are in the engine, by name.

        Asked one by one: the engine's list of all images computes each one's size, which takes longer.
        """
        found = ((name, self.inspect(name)) for name in names)
        return {name: image.digest for name, image in found if image}

    def inspect(self, reference: str) -> EngineImage | None:
        """An image by digest or name; None when it is not there."""
        try:
            raw = self.client.api.inspect_image(reference)  # type: ignore[no-untyped-call]
        except ImageNotFound:
            return None
        except (DockerException, requests.RequestException) as error:
            raise EngineError(f"the engine cannot say what {reference} is: {_last_line(error)}") from None
        return EngineImage(
            digest=raw["Id"],
            architecture=raw["Architecture"],
            size=raw["Size"],
            labels=raw["Config"].get("Labels") or {},
        )

    def step_sizes(self, reference: str) -> list[int]:
        """The bytes, unpacked, of each step that an image was made by, first to last: one an entry of its history.

        Empty where the engine cannot tell: it counts unpacked layers, and an image of another architecture may not be
        unpacked, as seen with Docker 26.1 after its build cache was pruned.
        """
        try:
            entries = self.client.api.history(reference)  # type: ignore[no-untyped-call]
        except APIError:
            return []
        return [entry["Size"] for entry in reversed(entries)]

    def push(self, digest: str, repository: str, tag: str) -> None:
        """Pushes an image under a tag, layers and manifest.

        Raises:
            EngineError: the engine or the registry refused.
        """
        api = self.client.api
        try:
            api.tag(digest, repository, tag, force=True)
            for message in api.push(repository, tag, stream=True, decode=True):
                if error := message.get("error"):
                    raise EngineError(f"{repository}:{tag}: {error}")
        except (DockerException, requests.RequestException) as error:
            raise EngineError(f"{repository}:{tag}: {_explanation(error)}") from None
        finally:
            self._untag(f"{repository}:{tag}")

    def pull(self, repository: str, digest: str, platform: str, name: str) -> None:
        """Pulls an image by digest and gives it a local name.

        Raises:
            EngineError: the engine or the registry refused.
        """
        api = self.client.api
        try:
            for message in api.pull(repository, digest, stream=True, decode=True, platform=platform):
                if error := message.get("error"):
                    raise EngineError(f"{repository}@{digest}: {error}")
            local, _, tag = name.rpartition(":")
            api.tag(f"{repository}@{digest}", local, tag, force=True)
        except (DockerException, requests.RequestException) as error:
            raise EngineError(f"{repository}@{digest}: {_explanation(error)}") from None
        finally:
            self._untag(f"{repository}@{digest}")

    def save(self, digest: str) -> Iterator[bytes]:
        """An image as a tar archive of an OCI layout, in chunks.

        Raises:
            EngineError: the engine cannot give it away.
        """
        try:
            yield from self.client.api.get_image(digest)
        except (DockerException, requests.RequestException) as error:
            raise EngineError(f"the engine does not give away {digest}: {_last_line(error)}") from None

    def _untag(self, reference: str) -> None:
        """Lets go of a name that only the push needed; the image keeps its local one."""
        try:
            self.client.api.remove_image(reference, noprune=True)
        except (DockerException, requests.RequestException):
            return


def _explanation(error: Exception) -> str:
    return str(error.explanation) if isinstance(error, APIError) else _last_line(error)


def _last_line(error: Exception) -> str:
    text = str(error).strip().splitlines()
    return text[-1] if text else type(error).__name__
