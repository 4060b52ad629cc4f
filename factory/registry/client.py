"""The registry's HTTP interface: OCI distribution, as far as the factory needs it.

Layers travel through the engine; here only manifests and tags are read and written. Loopback registries are spoken to
without TLS, as docker does.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import IO, Any, cast
from urllib.parse import urljoin, urlsplit

import requests
from urllib3.exceptions import HTTPError

from factory.registry import http as web
from factory.registry.auth import Authorization
from factory.registry.errors import RegistryError, unreachable
from factory.registry.manifests import INDEXES, MANIFESTS, OCI_INDEX, Manifest, digest_of
from factory.registry.references import Repository


class Registry:
    """A session with registries. Safe for use by several threads."""

    def __init__(self, retries: int = 5, backoff: float = 0.5) -> None:
        self._session = web.session(retries, backoff)
        self._authorization = Authorization(self._session)
        self._without_referrers: set[Repository] = set()

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
        told = response.headers.get("Docker-Content-Digest", "")
        meant = next((digest for digest in (reference, told) if digest.startswith("sha256:")), manifest.digest)
        if manifest.digest != meant:
            raise RegistryError(f"{repository}@{meant}: the registry sent {manifest.digest}; do not trust it")
        return manifest

    def put(self, repository: Repository, reference: str, manifest: Manifest) -> bool:
        """Lets a tag, or its own digest, name this very manifest, byte for byte.

        Says whether the registry keeps account of what the manifest refers to (its `subject`): the header that the
        distribution specification 1.1 asks for. Older registries take the manifest and send none.

        Raises:
            RegistryError: refused.
            RegistryUnreachableError: no answer.
        """
        headers = {"Content-Type": manifest.media_type}
        path = f"/manifests/{reference}"
        response = self._request("PUT", repository, path, headers=headers, data=manifest.content)
        _expect(response, 201)
        return "OCI-Subject" in response.headers

    def delete(self, repository: Repository, digest: str) -> None:
        """Deletes a manifest, and with it every tag that names it; one that is gone already is no error.

        Raises:
            RegistryError: refused; many registries allow no deletion.
            RegistryUnreachableError: no answer.
        """
        response = self._request("DELETE", repository, f"/manifests/{digest}")
        if response.status_code == 405:
            raise RegistryError(f"{repository.host} is set up to delete nothing")
        if response.status_code != 404:
            _expect(response, 202)

    def tags(self, repository: Repository) -> list[str]:
        """All tags of a repository, sorted; none where there is no such repository.

        Raises:
            RegistryError: refused.
            RegistryUnreachableError: no answer.
        """
        found: set[str] = set()
        path: str | None = "/tags/list?n=1000"
        while path:
            response = self._request("GET", repository, path)
            if response.status_code == 404:
                break
            _expect(response, 200)
            found.update(response.json().get("tags") or ())
            path = _next_page(response, "/tags/list")
        return sorted(found)

    def referrers(self, repository: Repository, digest: str) -> list[dict[str, Any]] | None:
        """What refers to a manifest, as the registry lists it, all pages; None where it keeps no account of that.

        A registry that does not is asked once.

        Raises:
            RegistryError: refused.
            RegistryUnreachableError: no answer.
        """
        if repository in self._without_referrers:
            return None
        found: list[dict[str, Any]] = []
        place = f"/referrers/{digest}"
        path: str | None = place
        while path:
            response = self._request("GET", repository, path, headers={"Accept": OCI_INDEX})
            if response.status_code == 404 and not _is_missing_here(response):
                self._without_referrers.add(repository)
            if response.status_code != 200 or _media_type(response) != OCI_INDEX:
                return found if path != place else None
            found += Manifest(OCI_INDEX, response.content).json().get("manifests") or ()
            path = _next_page(response, place)
        return found

    def blob(self, repository: Repository, digest: str) -> bytes:
        """The content of a small blob.

        Raises:
            RegistryError: refused, missing, or not what its digest says.
            RegistryUnreachableError: no answer.
        """
        response = self._request("GET", repository, f"/blobs/{digest}")
        _expect(response, 200)
        if (seen := digest_of(response.content)) != digest:
            raise RegistryError(f"{repository}@{digest}: the registry sent {seen}; do not trust it")
        return response.content

    def blob_size(self, repository: Repository, digest: str) -> int | None:
        """The bytes of a blob, by the registry's word; None when it is not there.

        Raises:
            RegistryError: refused.
            RegistryUnreachableError: no answer.
        """
        response = self._request("HEAD", repository, f"/blobs/{digest}")
        if response.status_code == 404:
            return None
        _expect(response, 200)
        return int(response.headers.get("Content-Length", "-1"))

    @contextmanager
    def stream(self, repository: Repository, digest: str) -> Iterator[IO[bytes]]:
        """The content of a large blob, to be read once, from begin to end.

        Raises:
            RegistryError: refused, or missing.
            RegistryUnreachableError: no answer.
        """
        response = self._request("GET", repository, f"/blobs/{digest}", stream=True)
        with response:
            _expect(response, 200)
            try:
                yield cast("IO[bytes]", response.raw)
            except HTTPError as error:
                raise unreachable(repository.host, error) from None

    def put_blob(self, repository: Repository, content: bytes) -> str:
        """Stores a small blob unless it is there; returns its digest.

        Raises:
            RegistryError: refused.
            RegistryUnreachableError: no answer.
        """
        digest = digest_of(content)
        if self._request("HEAD", repository, f"/blobs/{digest}").status_code == 200:
            return digest
        begun = self._request("POST", repository, "/blobs/uploads/")
        _expect(begun, 202)
        place = urljoin(begun.url, begun.headers["Location"])
        place += ("&" if urlsplit(place).query else "?") + f"digest={digest}"
        headers = {"Content-Type": "application/octet-stream"}
        stored = self._request("PUT", repository, place, headers=headers, data=content)
        # The answer to a first try may have been lost: then the second one finds the upload ended, and the blob there.
        if stored.status_code != 404 or self._request("HEAD", repository, f"/blobs/{digest}").status_code != 200:
            _expect(stored, 201)
        return digest

    def config(self, repository: Repository, manifest: Manifest) -> dict[str, Any]:
        """The image configuration of a plain manifest: architecture, labels, environment.

        Raises:
            RegistryError: refused, or missing.
        """
        digest = manifest.json().get("config", {}).get("digest")
        if not digest:
            raise RegistryError(f"{repository}@{manifest.digest}: a {manifest.media_type} without a configuration")
        return Manifest("", self.blob(repository, digest)).json()

    def _request(
        self,
        method: str,
        repository: Repository,
        path: str,
        headers: Mapping[str, str] | None = None,
        data: bytes | None = None,
        stream: bool = False,
    ) -> requests.Response:
        scope = f"repository:{repository.name}:{'pull' if method in ('GET', 'HEAD') else 'pull,push'}"
        response = self._send(method, repository, path, scope, headers, data, stream)
        if response.status_code == 401 and self._authorization.answer(repository, response, scope):
            response = self._send(method, repository, path, scope, headers, data, stream)
        return response

    def _send(
        self,
        method: str,
        repository: Repository,
        path: str,
        scope: str,
        headers: Mapping[str, str] | None,
        data: bytes | None,
        stream: bool,
    ) -> requests.Response:
        sent = dict(headers or {})
        url = path if path.startswith("http") else repository.url + path  # an upload's place may be elsewhere
        sent |= self._authorization.headers(repository, scope, url)
        for last in (False, False, True):
            try:
                return self._session.request(method, url, headers=sent, data=data, timeout=web.TIMEOUT, stream=stream)
            except requests.exceptions.ChunkedEncodingError as error:  # it broke off: the session asks not again then
                if last:
                    raise unreachable(repository.host, error) from None
            except requests.RequestException as error:
                raise unreachable(repository.host, error) from None
        raise AssertionError("unreachable: the last try returns or raises")


def _next_page(response: requests.Response, place: str) -> str | None:
    """The path of the page after this one; the host that a link names is not looked at, only its query."""
    following = response.links.get("next", {}).get("url")
    return f"{place}?{urlsplit(following).query}" if following else None


def _is_missing_here(response: requests.Response) -> bool:
    """Whether a 404 is about this repository or manifest, and not about the interface that was asked for.

    By the distribution specification 1.1 a registry with the referrers API answers 200 even where nothing refers to a
    manifest; some say 404 of a repository that is still to come.
    """
    return any(code in response.text for code in ("NAME_UNKNOWN", "MANIFEST_UNKNOWN"))


def _media_type(response: requests.Response) -> str:
    return response.headers.get("Content-Type", "").partition(";")[0].strip()


def _expect(response: requests.Response, status: int) -> None:
    if response.status_code == status:
        return
    if response.status_code in (401, 403):
        host = response.url.split("/")[2]
        raise RegistryError(f"{host} refuses access ({response.status_code}); run `docker login {host}`")
    detail = " ".join(response.text.split())[:300]
    if (wait := response.headers.get("Retry-After")) and response.status_code in (429, 503):
        detail = f"come back later (Retry-After: {wait}), which is longer than the {web.LONGEST_WAIT} s of our patience"
    raise RegistryError(f"{response.request.method} {response.url} was answered {response.status_code}: {detail}")
