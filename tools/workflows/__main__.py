"""`python -m tools.workflows NAME`: runs .github/workflows/NAME.yml here."""

from __future__ import annotations

import argparse
import os
import secrets
import shutil
import subprocess
import sys
from pathlib import Path

from tools.workflows.expressions import ExpressionError
from tools.workflows.runner import Runner, Settings

_LAB = ("FACTORY_MIRROR", "FACTORY_NETWORK", "FACTORY_PIP_CONF", "FACTORY_SKIP_TESTS")
"""What jobs are told of the lab that GitHub's would not be; the registry comes as GitHub's do, as a variable."""

_SERVER, _REPOSITORY, _RUN = "https://github.invalid", "lab/factory", "1"
"""What a run is called in contexts and provenance; no server has it."""


def main() -> int:
    """Runs what was asked for; 1 when a job failed."""
    parsed = _parser().parse_args()
    folder = Path(parsed.folder).resolve()
    if parsed.origin and folder in Path(parsed.origin).resolve().parents:
        print(f"workflow: {folder} is emptied first, and --origin is in it; name another --folder", file=sys.stderr)
        return 2
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        origin = Path(parsed.origin).resolve() if parsed.origin else _origin(folder, parsed.base)
        runner = Runner(_settings(origin, folder, parsed.name, frozenset(parsed.job)))
        result = runner.workflow(_workflow(origin, folder, parsed.name), dict(map(_pair, parsed.input)))
    except (ExpressionError, ValueError) as error:
        print(f"workflow: {parsed.name}: {error}", file=sys.stderr)
        return 2
    skipped = [
        f"{entry.job}: {entry.step} ({entry.told})" for entry in runner.entries if entry.result == "not executed"
    ]
    print(f"\n{parsed.name}: {result}; logs, summaries and artifacts are in {folder}")
    print(f"{len(skipped)} steps were not executed here:", *skipped, sep="\n    ")
    return 0 if result == "success" else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="scripts/workflow", description="Runs a workflow on this machine.")
    parser.add_argument("name", metavar="NAME", help="check, release or rebuild")
    parser.add_argument("--input", action="append", default=[], metavar="NAME=VALUE", help="as of a run by hand")
    parser.add_argument("--job", action="append", default=[], metavar="NAME", help="only this job, and what it calls")
    parser.add_argument("--folder", default="build/workflow", metavar="DIR", help="emptied first: build/workflow")
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--origin", metavar="REPOSITORY", help="what is checked out and pushed to: a clone of HEAD")
    where.add_argument("--base", default="HEAD", metavar="REV", help="the main branch that HEAD is a pull request for")
    return parser


def _pair(word: str) -> tuple[str, str]:
    name, equals, value = word.partition("=")
    if not equals:
        raise SystemExit(f"workflow: --input {word!r} gives no value; write NAME=VALUE")
    return name, value


def _origin(folder: Path, base: str) -> Path:
    """A bare clone of what is committed here, with `base` as its main branch, and HEAD as `head` if it is another."""
    if subprocess.run(["git", "diff", "--quiet", "HEAD"], check=False).returncode:
        print("note: what is not committed is not part of this run", file=sys.stderr)
    origin = folder / "origin.git"
    subprocess.run(["git", "init", "--quiet", "--bare", "--initial-branch=main", str(origin)], check=True)
    branches = [f"{base}^{{commit}}:refs/heads/main", *(["HEAD:refs/heads/head"] if base != "HEAD" else [])]
    if subprocess.run(["git", "push", "--quiet", str(origin), *branches], check=False).returncode:
        raise ValueError(f"{base!r} is no commit that could be its main branch")
    return origin


def _workflow(origin: Path, folder: Path, name: str) -> Path:
    """The workflow's file in a checkout of its own, as GitHub reads it from the commit."""
    source = folder / "source"
    subprocess.run(["git", "clone", "--quiet", str(origin), str(source)], check=True)
    subprocess.run(["git", "-C", str(source), "checkout", "--quiet", "--detach", _head(origin)], check=True)
    file = source / ".github" / "workflows" / f"{name}.yml"
    if not file.exists():
        raise ValueError(f"no such workflow; known: {', '.join(sorted(path.stem for path in file.parent.glob('*')))}")
    return file


def _head(origin: Path) -> str:
    """The commit that the run is about: that of the branch `head`, else that of the main branch."""
    command = ["git", "-C", str(origin), "rev-parse", "--verify", "--quiet"]
    found = subprocess.run([*command, "refs/heads/head"], capture_output=True, text=True, check=False)
    if found.returncode:
        found = subprocess.run([*command, "HEAD"], capture_output=True, text=True, check=False)
    if found.returncode:
        raise ValueError(f"{origin} has no commit to run")
    return found.stdout.strip()


def _settings(origin: Path, folder: Path, workflow: str, only: frozenset[str]) -> Settings:
    job = {
        "GITHUB_SERVER_URL": _SERVER,
        "GITHUB_REPOSITORY": _REPOSITORY,
        "GITHUB_RUN_ID": _RUN,
        "GITHUB_WORKFLOW_REF": f"{_REPOSITORY}/.github/workflows/{workflow}.yml@refs/heads/main",
    }
    lab = {name: os.environ[name] for name in _LAB}
    ours = {
        name: value for name, value in os.environ.items() if not name.startswith(("FACTORY_", "GITHUB_", "VIRTUAL_"))
    }
    return Settings(
        origin=origin,
        folder=folder,
        environment={**ours, **lab, **job, "FACTORY_ALLOW_UNRESOLVED": "1"},
        contexts={
            "github": {
                "sha": _head(origin),
                "ref": "refs/heads/main",
                "base_ref": "main",
                "actor": "lab",
                "server_url": _SERVER,
                "repository": _REPOSITORY,
                "run_id": _RUN,
                "token": secrets.token_hex(20),
            },
            "vars": {
                "FACTORY_REGISTRY": os.environ["FACTORY_REGISTRY"],
                "FACTORY_SIGN": os.environ.get("FACTORY_SIGN", "no"),
            },
        },
        only=only,
    )


sys.exit(main())
