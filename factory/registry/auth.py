"""Who we are to a registry: docker's own credentials, and the tokens that they are exchanged for.

A registry's credentials go to that registry, and to the token service that it names, alone: an upload's place, or a
blob's, may be at another host, which gets none.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import requests

from factory.registry.errors import RegistryUnreachableError, reason
from factory.registry.http import TIMEOUT
from factory.registry.references import Repository


class Authorization:
    """What is sent to registries, by host and scope. Safe for use by several threads."""

    def __init__(self, session: requests.Session) -> None:
        self._session = session
        self._known: dict[tuple[str, str], str] = {}

    def headers(self, repository: Repository, scope: str, url: str) -> dict[str, str]:
        """What proves who we are to the repository's own host; nothing where the address is elsewhere."""
        known = self._known.get((repository.host, scope))
        return {"Authorization": known} if known and _origin(url) == _origin(repository.url) else {}

    def answer(self, repository: Repository, refusal: requests.Response, scope: str) -> bool:
        """Answers a registry's challenge with docker's credentials; says whether trying again makes sense.

        Raises:
            RegistryUnreachableError: the token service does not answer.
        """
        if _origin(refusal.url) != _origin(repository.url):
            return False  # another host than the registry's asks
        kind, parameters = _challenge(refusal.headers.get("WWW-Authenticate", ""))
        credentials = _credentials(repository.host)
        if kind == "basic" and credentials:
            request = requests.Request("GET", repository.url, auth=credentials).prepare()
            self._known[repository.host, scope] = request.headers["Authorization"]
            return True
        if kind != "bearer" or "realm" not in parameters:
            return False
        query = {"service": parameters.get("service", ""), "scope": scope}
        try:
            response = self._session.get(parameters["realm"], params=query, auth=credentials, timeout=TIMEOUT)
        except requests.RequestException as error:
            raise RegistryUnreachableError(
                f"{repository.host}: its token service does not answer ({reason(error)})"
            ) from None
        if response.status_code != 200:
            return False
        answer = response.json()
        self._known[repository.host, scope] = f"Bearer {answer.get('token') or answer['access_token']}"
        return True


def _origin(url: str) -> tuple[str, str | None, int | None]:
    """Scheme, host and port: what browsers call the origin of an address."""
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme)


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
