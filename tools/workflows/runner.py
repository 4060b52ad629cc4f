"""A workflow on this machine: jobs in the order of their needs, each in a fresh clone, with the same commands.

What differs from GitHub: all runs on this one machine, whatever `runs-on` says, one job at a time; permissions, time
limits and concurrency groups are not looked at. The mirrors are the lab's, so `tools/workflows/programs/lab` leads
PATH: its `factory` has the lab write the lock. Commands that are given GitHub's token get one that is worth nothing and
the programs in `tools/workflows/programs/github`; a job fails when that token is found in what it leaves for people to
read.
"""

from __future__ import annotations

import base64
import os
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from tools.workflows import actions
from tools.workflows.actions import OnlyGitHubError, Place, StepFailedError
from tools.workflows.expressions import Functions, interpolate, text

_SECRET = ("secrets.", "github.token")
_PROGRAMS = Path(__file__).parent / "programs"
_FILES = ("OUTPUT", "ENV", "PATH", "STEP_SUMMARY")
_STATUS = ("always()", "cancelled()", "failure()", "success()")


@dataclass(frozen=True)
class Entry:
    """One line of the transcript; a job as a whole has no step."""

    job: str
    step: str
    result: str
    seconds: float
    told: str = ""


@dataclass(frozen=True)
class Settings:
    """What stands for GitHub: the repository, this run's folder, the contexts, the environment of jobs."""

    origin: Path
    folder: Path
    environment: Mapping[str, str]
    contexts: Mapping[str, Any]
    only: frozenset[str] = frozenset()
    """The jobs of the outermost workflow that are run; empty means all."""


@dataclass
class Outcome:
    """How a job ended, and what it says to those that need it."""

    result: str
    outputs: Mapping[str, Any] = field(default_factory=dict)


class Runner:
    """Runs workflows and keeps the transcript."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.entries: list[Entry] = []

    def workflow(self, file: Path, inputs: Mapping[str, Any], prefix: str = "") -> str:
        """Runs one workflow; returns `success` or `failure`."""
        document = read(file)
        contexts = {**self.settings.contexts, "inputs": _with_defaults(document, inputs)}
        environment = _environment(document, contexts)
        outcomes: dict[str, Outcome] = {}
        for name in _ordered(document["jobs"]):
            job = document["jobs"][name]
            chosen = not self.settings.only or prefix or name in self.settings.only
            known = {**contexts, "env": environment, "needs": _needs(job, outcomes)}
            if not chosen or not self._wanted(job, known, _ancestors(name, document["jobs"]), outcomes):
                self._tell(prefix + name, "", "skipped", 0.0)
                outcomes[name] = Outcome("skipped")
                continue
            outcomes[name] = self._job(prefix + name, job, known, environment, file.parent)
        failed = any(outcome.result == "failure" for outcome in outcomes.values())
        return "failure" if failed else "success"

    def _wanted(
        self, job: Mapping[str, Any], contexts: Mapping[str, Any], ancestors: set[str], outcomes: Mapping[str, Outcome]
    ) -> bool:
        """Whether a job's condition holds; without a status function, all that it needs must have succeeded."""
        good = all(outcomes[each].result == "success" for each in ancestors)
        bad = any(outcomes[each].result == "failure" for each in ancestors)
        return _holds(job.get("if"), contexts, _status(good, bad))

    def _job(
        self, name: str, job: Mapping[str, Any], contexts: Mapping[str, Any], environment: Mapping[str, str], here: Path
    ) -> Outcome:
        """Runs a job: once, once an entry of its matrix, or the workflow that it calls."""
        if "uses" in job:
            given = interpolate(job.get("with", {}), contexts)
            return Outcome(self.workflow(here.parent.parent / job["uses"], given, f"{name} / "))
        strategy = job.get("strategy", {})
        matrix = interpolate(strategy.get("matrix"), contexts)
        ended = []
        for entry in matrix["include"] if matrix else [{}]:
            known = {**contexts, "matrix": entry}
            known["env"] = {**environment, **_environment(job, known)}
            called = name + (f" ({interpolate(job.get('name', ''), known)})" if entry else "")
            ended.append(JobRun(self, called, known).run(job))
        results = {outcome.result for outcome in ended}
        return Outcome("failure" if "failure" in results else "success", ended[-1].outputs)

    def _tell(self, job: str, step: str, result: str, seconds: float, told: str = "") -> None:
        entry = Entry(job, step, result, round(seconds, 1), told)
        self.entries.append(entry)
        print(f"{entry.result:>12}  {entry.seconds:6.1f} s  {job}{f': {step}' if step else ''}"
              f"{f' [{told}]' if told else ''}", flush=True)  # fmt: skip


class JobRun:
    """One job in a clone of its own."""

    def __init__(self, runner: Runner, name: str, contexts: Mapping[str, Any]) -> None:
        self.runner, self.name = runner, name
        slug = "".join(letter if letter.isalnum() else "-" for letter in name)
        self.folder = runner.settings.folder / slug
        (self.folder / "temp").mkdir(parents=True)
        settings = runner.settings
        sha = settings.contexts["github"]["sha"]
        self.place = Place(self.folder / "checkout", settings.origin, sha, settings.folder / "artifacts")
        self.steps: dict[str, dict[str, Any]] = {}
        self.contexts = {**contexts, "steps": self.steps, "runner": {"temp": str(self.folder / "temp")}}
        self.environment = {**runner.settings.environment, **_strings(contexts["env"]), **_github(self.folder)}
        self.failed = False

    def run(self, job: Mapping[str, Any]) -> Outcome:
        """All steps; after a failure only those that ask for it."""
        started = time.monotonic()
        for step in job["steps"]:
            self._step(step, self.contexts)
        if shown := self._shown():
            self.failed = True
            self.runner._tell(self.name, "no secret is shown", "failure", 0.0, f"the token is in {', '.join(shown)}")
        result = "failure" if self.failed else "success"
        self.runner._tell(self.name, "", result, time.monotonic() - started)
        return Outcome(result, interpolate(job.get("outputs", {}), self.contexts))

    def _step(self, step: Mapping[str, Any], contexts: Mapping[str, Any]) -> None:
        name = str(step.get("name") or step.get("uses", "").partition("@")[0] or step.get("id"))
        started = time.monotonic()
        result, told = "success", ""
        if not _holds(step.get("if"), contexts, _status(not self.failed, self.failed)):
            result = "skipped"
        elif _needs_token(step) and "uses" in step:
            result, told = "not executed", "needs GitHub's token"
        else:
            try:
                told = self._do(step, contexts)
            except OnlyGitHubError as error:
                result, told = "not executed", f"needs {error}"
            except StepFailedError as error:
                result, told, self.failed = "failure", str(error), True
        self.runner._tell(self.name, name, result, time.monotonic() - started, told)

    def _do(self, step: Mapping[str, Any], contexts: Mapping[str, Any]) -> str:
        if "run" in step:
            return self._commands(step, contexts)
        given = interpolate(step.get("with", {}), contexts)
        if step["uses"].startswith("./"):
            self._composite(self.place.workspace / step["uses"] / "action.yml", given)
            return ""
        try:
            return actions.run(self.place, step["uses"], given)
        except KeyError as error:
            raise StepFailedError(f"the action {error} is not known here; see tools/workflows/actions.py") from None

    def _composite(self, file: Path, given: Mapping[str, Any]) -> None:
        """The steps of an action of ours."""
        document = read(file)
        inputs = {key: text(value) for key, value in {**_defaults(document.get("inputs", {})), **given}.items()}
        for step in document["runs"]["steps"]:
            self._step(step, {**self.contexts, "inputs": inputs})

    def _commands(self, step: Mapping[str, Any], contexts: Mapping[str, Any]) -> str:
        """Runs the commands as GitHub does for `shell: bash`; their output is in the job's log."""
        if "${{" in step["run"]:
            raise StepFailedError("an expression in commands is code from outside; hand it over in env")
        files = {kind: self.folder / "temp" / kind.lower() for kind in _FILES}
        for kind, file in files.items():
            file.open("a").close() if kind == "STEP_SUMMARY" else file.write_text("")
        added = {f"GITHUB_{kind}": str(file) for kind, file in files.items()}
        environment = {**self.environment, **added, "PATH": f"{_PROGRAMS / 'lab'}:{self.environment['PATH']}"}
        environment = {**environment, **_strings(interpolate(step.get("env", {}), contexts))}
        if _needs_token(step):
            environment |= self._instead_of_github(environment["PATH"])
        log = self.folder / "log.txt"
        with log.open("a") as stream:
            command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]]
            done = subprocess.run(
                command, cwd=self.place.workspace, env=environment, stdin=subprocess.DEVNULL,
                stdout=stream, stderr=stream, check=False,
            )  # fmt: skip
        if outputs := dict(_pairs(files["OUTPUT"])):
            self.steps[step.get("id", "")] = {"outputs": outputs}
        self.environment |= dict(_pairs(files["ENV"]))
        for line in files["PATH"].read_text().splitlines():
            self.environment["PATH"] = f"{line}:{self.environment['PATH']}"
        if done.returncode:
            raise StepFailedError(f"exit status {done.returncode}; the end of {log}:\n{_tail(log)}")
        return ""

    def _instead_of_github(self, path: str) -> dict[str, str]:
        """What keeps commands that have the token to this machine, and this machine's own credentials as they are."""
        return {
            "PATH": f"{_PROGRAMS / 'github'}:{path}",
            "DOCKER_CONFIG": str(self.folder / "docker"),
            "GITHUB_HERE": str(self.runner.settings.folder / "github"),
        }

    def _shown(self) -> list[str]:
        """What people may read of this job and has the token in it, as it is or as `docker login` writes it down."""
        github = self.contexts.get("github", {})
        if not github.get("token"):
            return []
        secrets = [github["token"], base64.b64encode(f"{github.get('actor')}:{github['token']}".encode()).decode()]
        kept = [self.folder / "log.txt", *(self.folder / "temp").rglob("*"), *self.place.artifacts.rglob("*")]
        texts = {str(file): file.read_text(errors="replace") for file in kept if file.is_file()}
        texts["its outputs"] = str(self.steps)
        return sorted(name for name, content in texts.items() if any(secret in content for secret in secrets))


def read(file: Path) -> dict[str, Any]:
    """A workflow or an action."""
    document: dict[str, Any] = YAML(typ="safe").load(file)
    return document


def _ordered(jobs: Mapping[str, Any]) -> Iterator[str]:
    """The jobs, each after those that it needs."""
    done: set[str] = set()
    while len(done) < len(jobs):
        ready = [name for name in jobs if name not in done and _named(jobs[name]) <= done]
        if not ready:
            raise ValueError("the jobs need each other in a circle, or one that is not there")
        yield ready[0]
        done.add(ready[0])


def _named(job: Mapping[str, Any]) -> set[str]:
    needs = job.get("needs", [])
    return {needs} if isinstance(needs, str) else set(needs)


def _ancestors(name: str, jobs: Mapping[str, Any]) -> set[str]:
    """All that a job needs, and what that needs: GitHub's success() asks them all."""
    direct = _named(jobs[name])
    return direct.union(*(_ancestors(each, jobs) for each in direct))


def _needs(job: Mapping[str, Any], outcomes: Mapping[str, Outcome]) -> dict[str, Any]:
    return {name: {"result": outcomes[name].result, "outputs": outcomes[name].outputs} for name in sorted(_named(job))}


def _status(good: bool, bad: bool) -> Functions:
    return {"always": lambda: True, "cancelled": lambda: False, "success": lambda: good, "failure": lambda: bad}


def _holds(condition: Any, contexts: Mapping[str, Any], status: Functions) -> bool:
    """A condition's verdict; one that asks for no status is meant for success only."""
    if condition is None:
        return bool(status["success"]())
    if not any(word in str(condition) for word in _STATUS) and not status["success"]():
        return False
    wrapped = condition if "${{" in str(condition) else f"${{{{ {condition} }}}}"
    return bool(interpolate(wrapped, contexts, status))


def _with_defaults(document: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """A workflow's inputs: those that are given must be declared."""
    triggers = document["on"] if isinstance(document["on"], dict) else {}
    declared = {
        name: spec
        for kind in ("workflow_call", "workflow_dispatch")
        for name, spec in ((triggers.get(kind) or {}).get("inputs") or {}).items()
    }
    if unknown := given.keys() - declared.keys():
        raise ValueError(f"no such input: {', '.join(sorted(unknown))}; known: {', '.join(declared) or 'none'}")
    return {**_defaults(declared), **given}


def _defaults(declared: Mapping[str, Any]) -> dict[str, Any]:
    return {name: spec.get("default", "") for name, spec in declared.items()}


def _environment(document: Mapping[str, Any], contexts: Mapping[str, Any]) -> dict[str, str]:
    return _strings(interpolate(document.get("env", {}), contexts))


def _strings(values: Mapping[str, Any]) -> dict[str, str]:
    return {key: text(value) for key, value in values.items()}


def _github(folder: Path) -> dict[str, str]:
    return {"GITHUB_ACTIONS": "true", "CI": "true", "RUNNER_TEMP": str(folder / "temp"), "HOME": os.environ["HOME"]}


def _needs_token(step: Mapping[str, Any]) -> bool:
    given = [*step.get("env", {}).values(), *step.get("with", {}).values()]
    return any(word in str(value) for value in given for word in _SECRET)


def _pairs(file: Path) -> Iterator[tuple[str, str]]:
    """What a step wrote into GITHUB_OUTPUT or GITHUB_ENV: `name=value` lines."""
    for line in file.read_text().splitlines():
        name, equals, value = line.partition("=")
        if not equals or "<<" in name:
            raise StepFailedError(f"{line!r} is not name=value; several lines are not known here")
        yield name, value


def _tail(file: Path) -> str:
    return "\n".join(f"    {line}" for line in file.read_text().splitlines()[-15:])
