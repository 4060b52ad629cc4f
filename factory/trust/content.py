"""Docker Content Trust: what a tag stands for, entered in a signed collection that docker itself consults.

The `notary` program keeps the collection. Keys are in docker's own store, their passphrases in NOTARY_…_PASSPHRASE or
in docker's DOCKER_CONTENT_TRUST_…_PASSPHRASE, and the server's own certificate where docker looks for it: no secret is
an argument.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from factory.files import exclusive
from factory.registry.manifests import Manifest
from factory.registry.references import Repository
from factory.trust.tools import TrustError, call, find, tail

_PASSPHRASES = {
    "NOTARY_ROOT_PASSPHRASE": "DOCKER_CONTENT_TRUST_ROOT_PASSPHRASE",
    "NOTARY_TARGETS_PASSPHRASE": "DOCKER_CONTENT_TRUST_REPOSITORY_PASSPHRASE",
    "NOTARY_SNAPSHOT_PASSPHRASE": "DOCKER_CONTENT_TRUST_REPOSITORY_PASSPHRASE",
}
"""What notary asks for, and what docker calls it."""


@dataclass(frozen=True)
class ContentTrust:
    """The collection of one repository on one server. In `locks`, runs on this machine wait for each other."""

    server: str
    repository: Repository
    locks: Path
    names_tags: bool = True

    def sign(self, tag: str, manifest: Manifest) -> None:
        """Lets a tag stand for a manifest; one that does already is left alone.

        Raises:
            MachineError: notary is not installed.
            TrustError: the server or a passphrase refused.
        """
        digest = manifest.digest.removeprefix("sha256:")
        with exclusive(self.locks / "content-trust.lock"):
            if self._entered(tag) == digest:
                return
            if not self._exists():
                self._begin()
            self._do("addhash", tag, str(len(manifest.content)), f"--sha256={digest}", "--publish")

    def _entered(self, tag: str) -> str | None:
        status, said = self._notary("lookup", tag)
        found = re.match(r"\S+ sha256:([0-9a-f]{64}) ", said)
        return found[1] if status == 0 and found else None

    def _exists(self) -> bool:
        status, said = self._notary("list")
        if status and "does not have trust data" not in said:
            raise TrustError(f"{self.repository}: {self.server} does not tell what is signed:\n{tail(said)}")
        return status == 0

    def _begin(self) -> None:
        """A new collection, whose snapshots the server signs, so that more than one machine can add to it."""
        self._do("init")
        self._do("key", "rotate", "snapshot", "--server-managed")
        self._do("publish")

    def _do(self, *words: str) -> None:
        status, said = self._notary(*words)
        if status:
            raise TrustError(f"{self.repository}: not entered at {self.server}:\n{tail(said)}")

    def _notary(self, *words: str) -> tuple[int, str]:
        notary = find("notary", "it enters what is pushed into the collection of Docker Content Trust")
        docker = Path(os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker")
        certificate = docker / "tls" / urlsplit(self.server).netloc / "ca.crt"
        verb, rest = (words[:2], words[2:]) if words[0] == "key" else (words[:1], words[1:])
        command: list[str | Path] = [notary, f"--server={self.server}", f"--trustDir={docker / 'trust'}"]
        command += [f"--tlscacert={certificate}"] if certificate.is_file() else []
        done = call([*command, *verb, str(self.repository), *rest], _environment(os.environ))
        return done.status, done.stdout if done.status == 0 else f"{done.stdout}\n{done.stderr}"


def _environment(ours: Mapping[str, str]) -> dict[str, str]:
    """notary's variables, from docker's where notary's own are not set."""
    return {name: ours[other] for name, other in _PASSPHRASES.items() if name not in ours and other in ours}
