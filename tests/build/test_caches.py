"""Which caches are taken, and what buildx is told of them."""

from __future__ import annotations

import pytest

from factory.build.caches import Caches
from factory.errors import UsageError


def test_each_image_has_its_own_entry() -> None:
    caches = Caches.parse(
        ["type=registry,ref=ghcr.io/me/cache:{name}", "type=gha,scope=all"], ["type=local,dest=/c/{name},mode=max"]
    )
    assert caches.arguments("python3.13-x86_64") == [
        "--cache-from=type=registry,ref=ghcr.io/me/cache:python3.13-x86_64",
        "--cache-from=type=gha,scope=all",
        "--cache-to=type=local,dest=/c/python3.13-x86_64,mode=max",
    ]
    assert Caches().arguments("python3.13-x86_64") == []


@pytest.mark.parametrize(
    ("sources", "targets", "told"),
    [
        (["type=registy,ref=x"], [], "type 'registy' is not known; did you mean 'registry'"),
        (["ghcr.io/me/cache"], [], "type '' is not known"),
        (["type=local,dest=/c"], [], "does not say where; write type=local,src=/var/cache/images/{name}"),
        ([], ["type=registry,ref=ghcr.io/me/cache"], "each image would overwrite the one before; put {name} into ref"),
        ([], ["type=gha"], "does not say where; write type=gha,scope={name}"),
    ],
)
def test_a_cache_that_cannot_be_meant_is_refused(sources: list[str], targets: list[str], told: str) -> None:
    with pytest.raises(UsageError) as error:
        Caches.parse(sources, targets)
    assert told in str(error.value)
