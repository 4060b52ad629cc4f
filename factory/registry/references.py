"""Names of images and repositories, taken apart."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Repository:
    """`HOST/NAME`, split."""

    host: str
    name: str

    @staticmethod
    def parse(text: str) -> Repository:
        """Splits `127.0.0.1:5000/factory/lambda`."""
        host, _, name = text.partition("/")
        return Repository(host, name)

    def __str__(self) -> str:
        return f"{self.host}/{self.name}"

    @property
    def url(self) -> str:
        """The repository's root in the distribution API."""
        return f"{_scheme(self.host)}://{self.host}/v2/{self.name}"


def split_reference(reference: str) -> tuple[str, str, str]:
    """`host/name:tag` as host, name and tag."""
    host, _, rest = reference.partition("/")
    name, _, tag = rest.rpartition(":")
    return host, name, tag


def is_within(repository: str, prefix: str) -> bool:
    """Whether `HOST/NAME` is a repository, or below it or a registry: `a.b/c/d` is below `a.b/c`."""
    return repository == prefix or repository.startswith(f"{prefix}/")


def mirrored_repository(host: str, name: str, mirrors: Mapping[str, str]) -> Repository:
    """Where to ask for the repository `name` of a host: a mirror may have it below a path."""
    return Repository.parse(f"{mirrored(host, mirrors)}/{name}")


def mirrored_url(url: str, mirrors: Mapping[str, str]) -> str:
    """Where to download what an address means; without TLS from loopback mirrors alone."""
    host = split_url(url)
    if host not in mirrors:
        return url
    where = mirrors[host].rstrip("/")
    return f"{_scheme(where.partition('/')[0])}://{where}{url.partition(host)[2]}"


def split_url(url: str) -> str:
    """The host of an address, with its port."""
    return url.partition("://")[2].partition("/")[0]


def mirrored(host: str, mirrors: Mapping[str, str]) -> str:
    """Where to ask for what `host` holds."""
    return mirrors.get(host, host)


def host_name(address: str) -> str:
    """The host of `host`, `host:port` or `host:port/path`."""
    return re.sub(r":\d+$", "", address.partition("/")[0])


def is_loopback(host: str) -> bool:
    """Whether a `host` or `host:port` is this machine."""
    return re.fullmatch(r"localhost|\[::1\]|127(\.\d+){3}", host_name(host)) is not None


def _scheme(host: str) -> str:
    return "http" if is_loopback(host) else "https"
