"""Provenance: what an image was built from, by whom and when, as an in-toto statement with SLSA's predicate, version 1.

The format is that of the SLSA specification 1.0, "Build: Provenance"; what stands in it under `externalParameters` is
described in docs/trust.md.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from factory.build.records import Record
from factory.plan.keys import UNLOCKED
from factory.process import GitError, git
from factory.registry.references import Repository
from factory.registry.referrers import Document

IN_TOTO = "application/vnd.in-toto+json"
STATEMENT = "https://in-toto.io/Statement/v1"
PREDICATE = "https://slsa.dev/provenance/v1"

_JOB = ("SERVER_URL", "REPOSITORY", "RUN_ID", "WORKFLOW_REF")
"""What a job of GitHub's says of itself. What says only that it is one, as other programs do, is nobody's job."""


@dataclass(frozen=True)
class Origin:
    """Who built: a CI job, or somebody's machine. `commit` is the checkout's, `modified` if files differ from it."""

    identity: str
    run: str
    source: str
    commit: str | None
    modified: bool

    @staticmethod
    def here(source: str, folder: Path, environment: Mapping[str, str] = os.environ) -> Origin:
        """This very process; `source` is where the project's sources are, `folder` the checkout."""
        commit = _git(folder, "rev-parse", "HEAD")
        modified = bool(_git(folder, "status", "--porcelain", "--untracked-files=no"))
        told = [environment.get(f"GITHUB_{name}") for name in _JOB]
        if environment.get("GITHUB_ACTIONS") == "true" and all(told):
            server, repository, number, workflow = told
            attempt = environment.get("GITHUB_RUN_ATTEMPT", "1")
            run = f"{server}/{repository}/actions/runs/{number}/attempts/{attempt}"
            return Origin(f"{server}/{workflow}", run, f"{server}/{repository}", commit, modified)
        return Origin(f"{source}#a-machine-of-somebodys", "", source, commit, modified)


def provenance(repository: Repository, record: Record, origin: Origin) -> Document:
    statement = {
        "_type": STATEMENT,
        "subject": [{"name": f"{repository}:{record.name}", "digest": _digest(record.digest)}],
        "predicateType": PREDICATE,
        "predicate": {
            "buildDefinition": {
                "buildType": f"{origin.source}/blob/main/docs/trust.md#provenance",
                "externalParameters": {"image": record.name, "platform": record.inputs.platform},
                "internalParameters": {"inputsKey": record.inputs_key, "inputs": json.loads(record.inputs.text)},
                "resolvedDependencies": [*_dependencies(record), *_source(origin)],
            },
            "runDetails": {
                "builder": {"id": origin.identity},
                "metadata": {"invocationId": origin.run, **_times(record)},
            },
        },
    }
    return Document(IN_TOTO, json.dumps(statement, sort_keys=True).encode(), {"in-toto.io/predicate-type": PREDICATE})


def _dependencies(record: Record) -> list[dict[str, Any]]:
    """What was not locked is left out: nobody can tell what it was."""
    named = {f"docker://{reference}": digest for reference, digest in record.inputs.upstreams.items()}
    named |= record.inputs.archives
    return [{"uri": uri, "digest": _digest(digest)} for uri, digest in named.items() if digest != UNLOCKED]


def _source(origin: Origin) -> list[dict[str, Any]]:
    if origin.commit is None:
        return []
    entry: dict[str, Any] = {"uri": f"git+{origin.source}", "digest": {"gitCommit": origin.commit}}
    return [entry | ({"annotations": {"modified": True}} if origin.modified else {})]


def _times(record: Record) -> dict[str, str]:
    finished = datetime.fromisoformat(record.built)
    started = finished - timedelta(seconds=record.build_seconds)
    return {"startedOn": _utc(started), "finishedOn": _utc(finished)}


def _utc(moment: datetime) -> str:
    return f"{moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='seconds')}Z"


def _digest(digest: str) -> dict[str, str]:
    algorithm, _, value = digest.partition(":")
    return {algorithm: value}


def _git(folder: Path, *words: str) -> str | None:
    """What git says of a checkout; None outside of one, or without git."""
    try:
        return git(folder, *words).decode().strip()
    except GitError:
        return None
