"""What a build may fetch, as a source policy that BuildKit itself obeys: what the plan names, and nothing else.

Packages that a step installs are not sources of BuildKit's; their package manager verifies them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

VARIABLE = "EXPERIMENTAL_BUILDKIT_SOURCE_POLICY"
"""Where buildx looks for the file with the policy."""

DENIED = "denied by policy"
"""What BuildKit says of a source that it did not fetch."""

_LAYOUT = "oci-layout://"


def policy(contexts: Iterable[str], archives: Mapping[str, str]) -> str:
    """The policy of one build: the images behind its named contexts, and archives by address with their checksum."""
    rules = [
        {"action": "DENY", "selector": {"identifier": "*"}},
        _allowed("local://*", "WILDCARD"),  # its own context and Dockerfile
        *(rule for context in contexts for rule in _image(context)),
        *(_archive(url, checksum) for url, checksum in archives.items()),
    ]
    return json.dumps({"rules": rules}, indent=1) + "\n"


def _image(reference: str) -> list[dict[str, Any]]:
    """By a digest, that one alone; a tag may get its digest while the build resolves it."""
    if reference.startswith(_LAYOUT):  # buildx gives the folder another name
        return [_allowed(f"{_LAYOUT}*@{reference.rpartition('@')[2]}", "WILDCARD")]
    exact = _allowed(reference, "EXACT")
    return [exact] if "@" in reference else [exact, _allowed(f"{reference}@sha256:*", "WILDCARD")]


def _archive(url: str, checksum: str) -> dict[str, Any]:
    """BuildKit verifies a sha256; of any other kind the Dockerfile's own step does, before it unpacks."""
    rule = _allowed(url, "EXACT")
    if checksum.startswith("sha256:"):
        constraint = {"key": "http.checksum", "value": checksum, "condition": "EQUAL"}
        rule["selector"]["constraints"] = [constraint]
    return rule


def _allowed(identifier: str, match: str) -> dict[str, Any]:
    return {"action": "ALLOW", "selector": {"identifier": identifier, "matchType": match}}
