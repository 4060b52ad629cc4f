"""The registry's HTTP interface: OCI distribution, as far as the factory needs it.

Layers travel through the engine; here only manifests and tags are read and written. Credentials are docker's own: its
configuration file and credential helpers. Loopback registries are spoken to without TLS, as docker does.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from factory.errors import FactoryError, MachineError
from factory.references import Repository

OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
DOCKER_INDEX = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
INDEXES = frozenset((OCI_INDEX, DOCKER_INDEX))
MANIFESTS = frozenset((OCI_MANIFEST, DOCKER_MANIFEST))

_LONGEST_WAIT = 300  # seconds that a registry may tell us to come back after
_RETRIED = (429, 500, 502, 503, 504)
_TIMEOUT = (10, 60)  # seconds to connect, seconds between bytes


class RegistryError(FactoryError):
    """A registry refused, or answered what it must not."""


class RegistryUnreachableError(MachineError):
    """No answer from a registry, after all retries."""


@dataclass(frozen=True)
class Manifest:
    """A manifest or index as a registry holds it. `digest` is computed from `content`, not believed."""

    media_type: str
    content: bytes
    digest: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "digest", f"sha256:{hashlib.sha256(self.content).hexdigest()}")

    @property
    def is_index(self) -> bool:
        """Whether it lists manifests instead of layers; Lambda refuses those."""
        return self.media_type in INDEXES

    def json(self) -> dict[str, Any]:
        """The parsed document.

        Raises:
            RegistryError: it is none.
        """
        try:
            document = json.loads(self.content)
        except ValueError:
            document = None
        if not isinstance(document, dict):
            raise RegistryError(
                f"what came ({self.media_type or 'of no type'}) is no manifest; is that really a registry?"
            )
        return document


class Registry:
    """A session with registries. Safe for use by several threads."""

    def __init__(self, retries: int = 5, backoff: float = 0.5) -> None:
        policy = Retry(
            total=retries,
            backoff_factor=backoff,
            backoff_max=30,
            status_forcelist=_RETRIED,
            allowed_methods=None,
            raise_on_status=False,
            respect_retry_after_header=True,
            retry_after_max=_LONGEST_WAIT,
        )
        self._session = requests.Session()
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, HTTPAdapter(max_retries=policy, pool_maxsize=16))
        self._tokens: dict[tuple[str, str], str] = {}

    def manifest(self, repository: Repository, reference: str) -> Manifest | None:
        """The manifest or index under a tag or digest; None when there is none.

        Raises:
            RegistryError: refused, or the content is not what its digest says.
            RegistryUnreachableError: no answer.
        """
        headers = {"Accept": ", ".join(sorted(INDEXES | MANIFESTS))}
        response = self._request("GET", repository, f"/manifests/{reference}", headers=headers)
        if response.status_code == 404:
            return None
        _expect(response, 200)
        manifest = Manifest(_media_type(response), response.content)
        if reference.startswith("sha256:") and manifest.digest != reference:
            raise RegistryError(f"{repository}@{reference}: the registry sent {manifest.digest}; do not trust it")
        return manifest

    def put(self, repository: Repository, tag: str, manifest: Manifest) -> None:
        """Lets a tag name this very manifest, byte for byte.

        Raises:
            RegistryError: refused.
            RegistryUnreachableError: no answer.
        """
        headers = {"Content-Type": manifest.media_type}
        path = f"/manifests/{tag}"
        response = self._request("PUT", repository, path, headers=headers, data=manifest.content)
        _expect(response, 201)

    def config(self, repository: Repository, manifest: Manifest) -> dict[str, Any]:
        """The image configuration of a plain manifest: architecture, labels, environment.

        Raises:
            RegistryError: refused, or missing.
        """
        digest = manifest.json().get("config", {}).get("digest")
        if not digest:
            raise RegistryError(f"{repository}@{manifest.digest}: a {manifest.media_type} without a configuration")
        response = self._request("GET", repository, f"/blobs/{digest}")
        _expect(response, 200)
        return Manifest(_media_type(response), response.content).json()

    def _request(
        self,
        method: str,
        repository: Repository,
        path: str,
        headers: Mapping[str, str] | None = None,
        data: bytes | None = None,
    ) -> requests.Response:
        scope = f"repository:{repository.name}:{'pull' if method in ('GET', 'HEAD') else 'pull,push'}"
        response = self._send(method, repository, path, scope, headers, data)
        if response.status_code == 401 and self._log_in(repository, response, scope):
            response = self._send(method, repository, path, scope, headers, data)
        return response

    def _send(
        self,
        method: str,
        repository: Repository,
        path: str,
        scope: str,
        headers: Mapping[str, str] | None,
        data: bytes | None,
    ) -> requests.Response:
        sent = dict(headers or {})
        if authorization := self._tokens.get((repository.host, scope)):
            sent["Authorization"] = authorization
        try:
            return self._session.request(method, repository.url + path, headers=sent, data=data, timeout=_TIMEOUT)
        except requests.RequestException as error:
            raise RegistryUnreachableError(
                f"{repository.host} does not answer ({_reason(error)}); is the registry up, and its name right?"
            ) from None

    def _log_in(self, repository: Repository, refusal: requests.Response, scope: str) -> bool:
        """Answers a registry's challenge with docker's credentials; says whether trying again makes sense."""
        kind, parameters = _challenge(refusal.headers.get("WWW-Authenticate", ""))
        credentials = _credentials(repository.host)
        if kind == "basic" and credentials:
            request = requests.Request("GET", repository.url, auth=credentials).prepare()
            self._tokens[repository.host, scope] = request.headers["Authorization"]
            return True
        if kind != "bearer" or "realm" not in parameters:
            return False
        query = {"service": parameters.get("service", ""), "scope": scope}
        try:
            response = self._session.get(parameters["realm"], params=query, auth=credentials, timeout=_TIMEOUT)
        except requests.RequestException as error:
            raise RegistryUnreachableError(
                f"{repository.host}: its token service does not answer ({_reason(error)})"
            ) from None
        if response.status_code != 200:
            return False
        answer = response.json()
        self._tokens[repository.host, scope] = f"Bearer {answer.get('token') or answer['access_token']}"
        return True


def _media_type(response: requests.Response) -> str:
    return response.headers.get("Content-Type", "").partition(";")[0].strip()


def _expect(response: requests.Response, status: int) -> None:
    if response.status_code == status:
        return
    if response.status_code in (401, 403):
        host = response.url.split("/")[2]
        raise RegistryError(f"{host} refuses access ({response.status_code}); run `docker login {host}`")
    detail = " ".join(response.text.split())[:300]
    raise RegistryError(f"{response.request.method} {response.url} was answered {response.status_code}: {detail}")


def _reason(error: Exception) -> str:
    """The innermost cause of a chain of library exceptions, in few words."""
    while error.args and isinstance(error.args[0], Exception):
        error = error.args[0]
    text = str(getattr(error, "reason", None) or error)
    return re.sub(r"^.*?(?:Failed to|: (?=\[))", lambda match: "failed to" if "Failed" in match[0] else "", text)[:200]


def _challenge(header: str) -> tuple[str, dict[str, str]]:
    kind, _, rest = header.partition(" ")
    return kind.lower(), dict(re.findall(r'(\w+)="([^"]*)"', rest))


def _credentials(host: str) -> tuple[str, str] | None:
    """What docker's own configuration and credential helpers know for a host."""
    from docker import auth  # heavy, and needed only when a registry asks

    found = auth.resolve_authconfig(auth.load_config(), registry=host)
    if not found or not found.get("Username", found.get("username")):
        return None
    return (
        found.get("username") or found["Username"],
        found.get("password") or found.get("Password") or found["Secret"],
    )
