"""Reading rendered Dockerfiles: their instructions, and what an image built from them would say of itself."""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import dataclass


def instructions(dockerfile: str) -> list[tuple[str, str]]:
    """A Dockerfile's instructions with their words, continuation lines and here-documents joined."""
    lines = [line for line in dockerfile.splitlines() if not line.startswith("#")]
    joined = "\n".join(lines).replace("\\\n", " ")
    joined = re.sub(r'(?ms)^(COPY [^\n<]*<<"?(\w+)"? .*?)^\2$', lambda found: found[1].replace("\n", " "), joined)
    found = []
    for line in joined.splitlines():
        if line.strip():
            word, _, rest = line.partition(" ")
            found.append((word, rest.strip()))
    return found


def pairs(dockerfile: str, word: str) -> dict[str, str]:
    """What the ENV or LABEL instructions of a Dockerfile set."""
    found: dict[str, str] = {}
    for name, rest in instructions(dockerfile):
        if name == word:
            found.update(part.split("=", 1) for part in shlex.split(rest))  # type: ignore[misc]
    return found


def last(dockerfile: str, word: str) -> str | None:
    """What the last instruction of a kind says."""
    return next((rest for name, rest in reversed(instructions(dockerfile)) if name == word), None)


def final(dockerfile: str) -> str:
    """The last stage, which is the image."""
    return dockerfile[dockerfile.rindex("\nFROM ") :]


@dataclass(frozen=True)
class Config:
    """What an image's configuration says, and what its steps make of accounts and directories."""

    environment: dict[str, str]
    user: str
    workdir: str
    entrypoint: list[str]
    accounts: dict[str, str]
    home: str
    shell: str
    directories: list[str]
    tmp: str


def config(base: str, child: str) -> Config:
    """The configuration of an image from the Dockerfiles of its base and its own."""
    base, child = final(base), final(child)
    both = f"{base}\n{child}"
    environment: dict[str, str] = {}
    for dockerfile in (base, child):  # within one, `$NAME` is the parent's
        environment |= {name: _expanded(value, environment) for name, value in pairs(dockerfile, "ENV").items()}
    steps = " ".join(rest for word, rest in instructions(base) if word == "RUN")
    accounts = re.findall(r"echo '(\w+):x:(\d+):(\d+)::([^:]*):([^']*)' >> /etc/passwd", steps)
    (made,) = re.findall(r"mkdir -p ([^;]+)", steps)
    (owner,) = re.findall(r"chown (\S+) /tmp", steps)
    (mode,) = re.findall(r"chmod (\S+) /tmp", steps)
    return Config(
        environment=environment,
        user=last(both, "USER") or "root",
        workdir=last(both, "WORKDIR") or "/",
        entrypoint=json.loads(last(both, "ENTRYPOINT") or "[]"),
        accounts={name: f"{uid}:{gid}" for name, uid, gid, _, _ in accounts},
        home=accounts[0][3],
        shell=accounts[0][4],
        directories=sorted(made.split()),
        tmp=f"{owner} {mode}",
    )


def _expanded(value: str, environment: dict[str, str]) -> str:
    return re.sub(r"\$\{?(\w+)\}?", lambda name: environment.get(name[1], ""), value)
