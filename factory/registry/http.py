"""HTTP as the factory speaks it: patient with busy servers, never without an end."""

from __future__ import annotations

import hashlib
import sys
from typing import Any, Self

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import MaxRetryError
from urllib3.util import Retry

from factory.errors import MachineError

TIMEOUT = (10, 60)
"""Seconds to connect, seconds between bytes."""

LONGEST_WAIT = 300  # seconds that a server may tell us to come back after
_RETRIED = (429, 500, 502, 503, 504)
_MISSING = (403, 404, 410)  # S3 says 403 of what it does not have
_CHUNK = 1 << 20


class _Patience(Retry):
    """Comes back when a server says, unless that is too long to wait: coming back sooner would only annoy it."""

    def parse_retry_after(self, retry_after: str) -> float:
        """What the server said, however long."""
        return Retry(retry_after_max=sys.maxsize).parse_retry_after(retry_after)

    def increment(self, *args: Any, **named: Any) -> Self:
        """The next try.

        Raises:
            MaxRetryError: the server asks for more patience than there is; its answer is then the last one.
        """
        response = named.get("response")
        if response is not None and (self.get_retry_after(response) or 0) > LONGEST_WAIT:
            raise MaxRetryError(named["_pool"], response.url or "", None)
        return super().increment(*args, **named)


class UnreachableError(MachineError):
    """No answer, after all retries."""


def session(retries: int = 5, backoff: float = 0.5) -> requests.Session:
    """A session for use by several threads, which asks again where that may help."""
    policy = _Patience(
        total=retries,
        backoff_factor=backoff,
        backoff_max=30,
        status_forcelist=_RETRIED,
        allowed_methods=None,
        raise_on_status=False,
        respect_retry_after_header=True,
    )
    made = requests.Session()
    for scheme in ("http://", "https://"):
        made.mount(scheme, HTTPAdapter(max_retries=policy, pool_maxsize=16))
    return made


def hash_of(http: requests.Session, url: str, algorithm: str) -> str | None:
    """The hexadecimal digest of the file at an address; None when there is no such file.

    Raises:
        UnreachableError: no answer, or not the whole file.
    """
    digest = hashlib.new(algorithm)
    try:
        with http.get(url, stream=True, timeout=TIMEOUT, headers={"Accept-Encoding": "identity"}) as response:
            if response.status_code in _MISSING:
                return None
            response.raise_for_status()
            for chunk in response.iter_content(_CHUNK):
                digest.update(chunk)
    except requests.RequestException as error:
        raise UnreachableError(f"{url}: {error}") from None
    return digest.hexdigest()
