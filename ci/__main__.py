"""`python -m ci NAME`: runs .github/workflows/NAME.yml here."""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path

from ci.expressions import ExpressionError
from ci.runner import Runner, Settings

_LAB = ("FACTORY_MIRROR", "FACTORY_NETWORK", "FACTORY_PIP_CONF")
"""What jobs are told of the lab that GitHub's would not be; the registry comes as GitHub's do, as a variable."""


def main() -> int:
    """Runs what was asked for; 1 when a job failed."""
    parsed = _parser().parse_args()
    folder = Path(parsed.folder).resolve()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    origin = Path(parsed.origin).resolve() if parsed.origin else _origin(folder)
    runner = Runner(_settings(origin, folder, frozenset(parsed.job)))
    try:
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
    parser.add_argument("--origin", metavar="REPOSITORY", help="what is checked out and pushed to: a clone of HEAD")
    return parser


def _pair(word: str) -> tuple[str, str]:
    name, equals, value = word.partition("=")
    if not equals:
        raise SystemExit(f"workflow: --input {word!r} gives no value; write NAME=VALUE")
    return name, value


def _origin(folder: Path) -> Path:
    """A bare clone of what is committed here, with HEAD as its main branch."""
    if subprocess.run(["git", "diff", "--quiet", "HEAD"], check=False).returncode:
        print("note: what is not committed is not part of this run", file=sys.stderr)
    origin = folder / "origin.git"
    subprocess.run(["git", "init", "--quiet", "--bare", "--initial-branch=main", str(origin)], check=True)
    subprocess.run(["git", "push", "--quiet", str(origin), "HEAD:refs/heads/main"], check=True)
    return origin


def _workflow(origin: Path, folder: Path, name: str) -> Path:
    """The workflow's file in a checkout of its own, as GitHub reads it from the commit."""
    source = folder / "source"
    subprocess.run(["git", "clone", "--quiet", str(origin), str(source)], check=True)
    file = source / ".github" / "workflows" / f"{name}.yml"
    if not file.exists():
        raise ValueError(f"no such workflow; known: {', '.join(sorted(path.stem for path in file.parent.glob('*')))}")
    return file


def _settings(origin: Path, folder: Path, only: frozenset[str]) -> Settings:
    head = subprocess.run(["git", "-C", origin, "rev-parse", "HEAD"], capture_output=True, text=True, check=True)
    lab = {name: os.environ[name] for name in _LAB}
    ours = {
        name: value for name, value in os.environ.items() if not name.startswith(("FACTORY_", "GITHUB_", "VIRTUAL_"))
    }
    return Settings(
        origin=origin,
        folder=folder,
        environment={**ours, **lab, "FACTORY_ALLOW_UNRESOLVED": "1", "FACTORY_STAND_INS": "1"},
        contexts={
            "github": {"sha": head.stdout.strip(), "ref": "refs/heads/main", "base_ref": "main", "actor": "lab"},
            "vars": {
                "FACTORY_REGISTRY": os.environ["FACTORY_REGISTRY"],
                "FACTORY_SIGN": os.environ.get("FACTORY_SIGN", "no"),
            },
        },
        only=only,
    )


sys.exit(main())
