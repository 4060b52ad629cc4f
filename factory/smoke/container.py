"""Invoking a function in a container, through the docker SDK, the two ways people do: one event, and the API server."""

from __future__ import annotations

import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import docker
import requests
from docker.errors import APIError
from docker.models.containers import Container
from docker.utils.socket import STDERR, STDOUT, frames_iter

from factory.process import Completed

OWNER = "io.github.lambda-factory.smoke-owner"
"""The label of our containers: the process that started them, so that a later run clears what a killed one left."""

LONG = 900.0  # seconds for compiling something
_TIMEOUT = 180.0  # seconds for one invocation: an emulated architecture is slow


@dataclass(frozen=True)
class Mounts:
    """Host folders, read-only in the container unless `writable`."""

    task: Path | None = None
    layer: Path | None = None
    writable: bool = False
    pip_conf: Path | None = None
    """What is pip's configuration inside, never writable."""

    def volumes(self) -> dict[str, dict[str, str]]:
        """As the docker SDK wants them."""
        mode = "rw" if self.writable else "ro"
        pairs = ((self.task, "/var/task"), (self.layer, "/opt"))
        volumes = {str(host.resolve()): {"bind": inside, "mode": mode} for host, inside in pairs if host}
        return volumes | (
            {str(self.pip_conf.resolve()): {"bind": "/etc/pip.conf", "mode": "ro"}} if self.pip_conf else {}
        )


class Ended(Completed):
    """How a container ended."""

    @property
    def result(self) -> Any:
        """The last line of stdout as JSON; None when it is none."""
        lines = self.stdout.rstrip("\n").splitlines()
        with suppress(ValueError):
            return json.loads(lines[-1]) if lines else None
        return None


@dataclass(frozen=True)
class Answer:
    """One answer of the API server."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def result(self) -> Any:
        """The body as JSON; None when it is none."""
        with suppress(ValueError):
            return json.loads(self.body)
        return None


@dataclass(frozen=True)
class Server:
    """A container in API server mode, published on a free loopback port."""

    port: int

    def invoke(self, event: object, kind: str = "RequestResponse", headers: Mapping[str, str] | None = None) -> Answer:
        """One invocation over HTTP."""
        response = requests.post(
            f"http://127.0.0.1:{self.port}/2015-03-31/functions/smoke/invocations",
            data=json.dumps(event),
            headers={"X-Amz-Invocation-Type": kind, **(headers or {})},
            timeout=_TIMEOUT,
        )
        return Answer(response.status_code, response.headers, response.content)


@dataclass(frozen=True)
class Runner:
    """Runs containers of one image, by digest."""

    client: docker.DockerClient
    digest: str
    platform: str
    mounts: Mounts = field(default_factory=Mounts)

    def once(
        self,
        command: Sequence[str],
        environment: Mapping[str, str] | None = None,
        stdin: bytes | None = None,
        entrypoint: str | None = None,
        timeout: float = _TIMEOUT,
        network: str = "none",
    ) -> Ended:
        """Runs to the end; `stdin` is written and closed."""
        options = {"stdin_open": stdin is not None, "network_mode": network, "entrypoint": entrypoint}
        with self._container(command, environment or {}, options) as container:
            with _killed_after(timeout, container):
                output = _run_attached(container, stdin)
            status = container.wait(timeout=_TIMEOUT)["StatusCode"]
        return Ended(status, output[STDOUT].decode("utf-8", "replace"), output[STDERR].decode("utf-8", "replace"))

    @contextmanager
    def server(self, command: Sequence[str], environment: Mapping[str, str]) -> Iterator[Server]:
        """A running API server; ends with the block."""
        options = {"ports": {"9001/tcp": ("127.0.0.1", None)}}
        with self._container(command, {**environment, "DOCKER_LAMBDA_STAY_OPEN": "1"}, options) as container:
            container.start()
            container.reload()
            published = container.ports["9001/tcp"] or []
            port = int(published[0]["HostPort"])
            _wait_for(port, container)
            yield Server(port)

    @contextmanager
    def _container(
        self, command: Sequence[str], environment: Mapping[str, str], options: Mapping[str, Any]
    ) -> Iterator[Container]:
        container = self.client.containers.create(
            self.digest,
            list(command),
            environment=dict(environment),
            labels={OWNER: str(os.getpid())},
            volumes=self.mounts.volumes(),
            platform=self.platform,
            **options,
        )
        try:
            yield container
        finally:
            with suppress(APIError):
                container.remove(force=True, v=True)


def clear_own(client: docker.DockerClient) -> None:
    """Removes the containers of this very process, so that what waits for them goes on."""
    _clear(client, lambda owner: owner == os.getpid())


def clear_orphans(client: docker.DockerClient) -> None:
    """Removes containers of ours whose process is gone: what a killed run left."""
    _clear(client, lambda owner: not _alive(owner))


def _clear(client: docker.DockerClient, wanted: Callable[[int], bool]) -> None:
    for container in client.containers.list(all=True, filters={"label": OWNER}, ignore_removed=True):
        if wanted(int(container.labels[OWNER])):
            with suppress(APIError):
                container.remove(force=True, v=True)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


@contextmanager
def _killed_after(seconds: float, container: Container) -> Iterator[None]:
    """Ends a container that does not end by itself; its status is then 137."""

    def kill() -> None:
        with suppress(APIError):
            container.kill()

    timer = threading.Timer(seconds, kill)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _run_attached(container: Container, stdin: bytes | None) -> dict[int, bytearray]:
    """Starts a container and reads both of its streams to their ends.

    Attached from before the start, as `docker run` is: the engine's log of a container may lack its last lines at the
    moment when the container counts as ended.
    """
    parameters = {"stdin": int(stdin is not None), "stdout": 1, "stderr": 1, "stream": 1}
    stream: Any = container.attach_socket(params=parameters)
    container.start()
    if stdin is not None:
        raw = getattr(stream, "_sock", stream)  # the SDK's wrapper cannot close one half
        raw.sendall(stdin)
        raw.shutdown(socket.SHUT_WR)
    output = {STDOUT: bytearray(), STDERR: bytearray()}
    for kind, data in frames_iter(stream, tty=False):  # type: ignore[no-untyped-call]
        output[kind] += data
    stream.close()
    return output


def _wait_for(port: int, container: Container) -> None:
    """Waits until the server answers its health check, or says why it never will."""
    deadline = time.monotonic() + _TIMEOUT
    while time.monotonic() < deadline:
        with suppress(requests.RequestException):
            if requests.get(f"http://127.0.0.1:{port}/2018-06-01/ping", timeout=5).ok:
                return
        container.reload()
        if container.status == "exited":
            break
        time.sleep(0.05)
    raise TimeoutError(f"the API server did not come up: {container.logs().decode('utf-8', 'replace')[-800:]}")
