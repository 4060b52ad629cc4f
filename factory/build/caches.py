"""Build caches outside of the engine: what buildx is told to read and to write, an entry an image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from factory.errors import UsageError, did_you_mean

_NEEDED = {
    "--cache-from": {"registry": "ref", "local": "src", "gha": "scope"},
    "--cache-to": {"registry": "ref", "local": "dest", "gha": "scope"},
}
_NAME = "{name}"


@dataclass(frozen=True)
class Caches:
    """What buildx imports and exports; `{name}` stands for the image's name."""

    sources: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()

    @staticmethod
    def parse(sources: Sequence[str], targets: Sequence[str]) -> Caches:
        """Reads the options' words.

        Raises:
            UsageError: a word is no cache, or images would overwrite each other's.
        """
        for option, words in (("--cache-from", sources), ("--cache-to", targets)):
            for word in words:
                _check(option, word)
        return Caches(tuple(sources), tuple(targets))

    def arguments(self, name: str) -> list[str]:
        """The arguments of buildx for one image."""
        given = (("--cache-from", self.sources), ("--cache-to", self.targets))
        return [f"{option}={word.replace(_NAME, name)}" for option, words in given for word in words]


def _check(option: str, word: str) -> None:
    known = _NEEDED[option]
    fields = dict(part.partition("=")[::2] for part in word.split(","))
    kind = fields.get("type", "")
    if kind not in known:
        raise UsageError(f"{option} {word!r}: type {kind!r} is not known; {did_you_mean(kind, list(known))}")
    where = known[kind]
    if not fields.get(where):
        raise UsageError(f"{option} {word!r} does not say where; write {_example(kind, where)}")
    if option == "--cache-to" and _NAME not in fields[where]:
        raise UsageError(
            f"{option} {word!r}: each image would overwrite the one before; put {_NAME} into {where}: "
            f"{_example(kind, where)}"
        )


def _example(kind: str, where: str) -> str:
    place = {"registry": f"ghcr.io/me/cache:{_NAME}", "local": f"/var/cache/images/{_NAME}", "gha": _NAME}[kind]
    return f"type={kind},{where}={place}"
