"""References, taken apart and put together."""

from __future__ import annotations

import pytest

from factory.registry.references import (
    Repository,
    is_within,
    mirrored,
    mirrored_repository,
    mirrored_url,
    split_reference,
)


@pytest.mark.parametrize(
    ("reference", "parts"),
    [
        ("public.ecr.aws/lambda/python:3.13", ("public.ecr.aws", "lambda/python", "3.13")),
        ("127.0.0.1:5000/lambda/python:3.13", ("127.0.0.1:5000", "lambda/python", "3.13")),
        ("a.example/x:y", ("a.example", "x", "y")),
    ],
)
def test_a_reference_has_a_host_a_name_and_a_tag(reference: str, parts: tuple[str, str, str]) -> None:
    assert split_reference(reference) == parts


def test_a_repository_is_what_was_parsed() -> None:
    assert str(Repository.parse("127.0.0.1:5000/factory/lambda")) == "127.0.0.1:5000/factory/lambda"
    assert Repository.parse("ghcr.io/a/b") == Repository("ghcr.io", "a/b")


def test_a_mirror_stands_for_its_host_alone() -> None:
    mirrors = {"public.ecr.aws": "127.0.0.1:5000"}
    assert mirrored("public.ecr.aws", mirrors) == "127.0.0.1:5000"
    assert mirrored("ghcr.io", mirrors) == "ghcr.io"


def test_a_mirror_may_be_below_a_path() -> None:
    mirrors = {"public.ecr.aws": "proxy.example/aws"}
    assert mirrored_repository("public.ecr.aws", "lambda/python", mirrors) == Repository(
        "proxy.example", "aws/lambda/python"
    )
    assert mirrored_repository("ghcr.io", "a/b", mirrors) == Repository("ghcr.io", "a/b")


@pytest.mark.parametrize(
    ("url", "where"),
    [
        ("https://a.example/x/y.zip?z=a.example", "http://127.0.0.1:5001/a.example/x/y.zip?z=a.example"),
        ("http://a.example/x", "http://127.0.0.1:5001/a.example/x"),
        ("https://b.example/x", "https://proxy.example/x"),
        ("http://b.example:80/x", "http://b.example:80/x"),
        ("http://c.example/x", "http://c.example/x"),
    ],
)
def test_an_archives_mirror(url: str, where: str) -> None:
    mirrors = {"a.example": "127.0.0.1:5001/a.example", "b.example": "proxy.example/"}
    assert mirrored_url(url, mirrors) == where


@pytest.mark.parametrize(
    ("prefix", "within"),
    [("a.b", True), ("a.b/c", True), ("a.b/c/d", True), ("a.b/c/d/e", False), ("a.b/c/", False), ("a", False)],
)
def test_a_repository_is_within_what_it_is_below(prefix: str, within: bool) -> None:
    assert is_within("a.b/c/d", prefix) is within


def test_a_port_makes_another_registry() -> None:
    assert not is_within("a.b:5000/c", "a.b")
