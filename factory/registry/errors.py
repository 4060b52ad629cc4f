"""How registries fail."""

from __future__ import annotations

import re

from factory.errors import FactoryError
from factory.registry.http import UnreachableError


class RegistryError(FactoryError):
    """A registry refused, or answered what it must not."""


class RegistryUnreachableError(UnreachableError):
    """No answer from a registry, after all retries."""


def unreachable(host: str, error: Exception) -> RegistryUnreachableError:
    """What is told of a registry that does not answer."""
    return RegistryUnreachableError(
        f"{host} does not answer ({reason(error)}); is the registry up, and its name right?"
    )


def reason(error: Exception) -> str:
    """The innermost cause of a chain of library exceptions, in few words."""
    while error.args and isinstance(error.args[0], Exception):
        error = error.args[0]
    text = str(getattr(error, "reason", None) or error)
    return re.sub(r"^.*?(?:Failed to|: (?=\[))", lambda match: "failed to" if "Failed" in match[0] else "", text)[:200]
