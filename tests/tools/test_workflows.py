"""What stands for GitHub on this machine: expressions, conditions, matrices, and our workflows as they are written."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tools.workflows.expressions import ExpressionError, evaluate, interpolate
from tools.workflows.runner import Entry, Runner, Settings, read

ROOT = Path(__file__).parent.parent.parent
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
PUBLISH = read(ROOT / ".github" / "workflows" / "publish.yml")
CONTEXTS = {"needs": {"a": {"result": "success", "outputs": {"jobs": "2", "json": '{"include": []}'}}}, "inputs": {}}


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("needs.a.result == 'success'", True),
        ("needs.a.result != 'success' || needs.a.outputs.jobs == '2'", True),
        ("!(needs.a.outputs.jobs == '2') && true", False),
        ("inputs.missing || 'otherwise'", "otherwise"),
        ("needs.a.outputs.jobs && 'it''s there'", "it's there"),
        ("fromJSON(needs.a.outputs.json)", {"include": []}),
        ("needs.a.outputs.jobs || 'a' == 'b'", "2"),
    ],
)
def test_expressions_mean_what_they_mean_to_github(expression: str, value: Any) -> None:
    assert evaluate(expression, CONTEXTS) == value


@pytest.mark.parametrize("expression", ["toJSON(inputs)", "job.status", "1 < 2", "inputs.a inputs.b", "(true"])
def test_what_is_not_known_is_refused(expression: str) -> None:
    with pytest.raises(ExpressionError):
        evaluate(expression, CONTEXTS)


def test_an_expression_alone_keeps_its_type_and_one_in_a_text_does_not() -> None:
    assert interpolate("${{ true }}", {}) is True
    assert interpolate({"a": ["x ${{ true }}"]}, {}) == {"a": ["x true"]}
    assert interpolate("${{ 'a' }}/${{ 'b' }}", {}) == "a/b"


TOKEN = "a-token-of-nothing"


def _run(tmp_path: Path, text: str, **inputs: str) -> tuple[str, list[Entry]]:
    """Runs a workflow from a repository that has nothing else."""
    origin, folder = tmp_path / "origin", tmp_path / "run"
    file = origin / ".github" / "workflows" / "it.yml"
    file.parent.mkdir(parents=True)
    file.write_text(text)
    for words in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "--message", "it"]):
        identity = ["-c", "user.name=it", "-c", "user.email=it@example.org"]
        subprocess.run(["git", "-C", str(origin), *identity, *words], check=True)
    environment = {"PATH": os.environ["PATH"]}
    github = {"sha": "HEAD", "token": TOKEN, "actor": "somebody"}
    runner = Runner(Settings(origin, folder, environment, {"github": github, "vars": {}}))
    return runner.workflow(file, inputs), runner.entries


def _results(entries: list[Entry]) -> dict[str, str]:
    return {f"{entry.job}/{entry.step}" if entry.step else entry.job: entry.result for entry in entries}


def test_jobs_run_in_the_order_of_their_needs_and_hand_on_what_they_say(tmp_path: Path) -> None:
    result, entries = _run(
        tmp_path,
        """
on: { workflow_dispatch: { inputs: { word: { default: one } } } }
jobs:
  second:
    needs: first
    strategy: { matrix: "${{ fromJSON(needs.first.outputs.matrix) }}" }
    name: on ${{ matrix.n }}
    steps:
      - uses: actions/checkout@1
      - { name: same, env: { N: "${{ matrix.n }}" }, run: 'test "$N" = a || test "$N" = b' }
  first:
    outputs: { matrix: "${{ steps.say.outputs.matrix }}" }
    steps:
      - uses: actions/checkout@1
      - { name: env, env: { GIVEN: "${{ inputs.word }}" }, run: 'echo "WORD=$GIVEN" >> "$GITHUB_ENV"' }
      - id: say
        run: |
          test "$WORD" = two
          echo 'matrix={"include": [{"n": "a"}, {"n": "b"}]}' >> "$GITHUB_OUTPUT"
""",
        word="two",
    )
    assert result == "success"
    jobs = [entry.job for entry in entries if not entry.step]
    assert jobs == ["first", "second (on a)", "second (on b)"]


def test_a_failure_skips_what_needs_it_but_not_what_asks_for_no_success(tmp_path: Path) -> None:
    result, entries = _run(
        tmp_path,
        """
on: push
jobs:
  bad:
    steps:
      - uses: actions/checkout@1
      - { name: fails, run: "false | cat" }
      - { name: next, run: "true" }
      - { name: always, if: "${{ !cancelled() }}", run: "true" }
  child: { needs: bad, steps: [] }
  grandchild: { needs: child, steps: [] }
  report: { needs: [bad, child], if: "${{ !cancelled() && needs.child.result == 'skipped' }}", steps: [] }
""",
    )
    results = _results(entries)
    assert result == "failure"
    assert results["bad/fails"] == "failure", "a pipe fails with its first command"
    assert (results["bad/next"], results["bad/always"]) == ("skipped", "success")
    assert (results["child"], results["grandchild"], results["report"]) == ("skipped", "skipped", "success")


def test_commands_with_a_token_meet_stand_ins_and_actions_are_told_and_not_executed(tmp_path: Path) -> None:
    result, entries = _run(
        tmp_path,
        """
on: push
jobs:
  one:
    steps:
      - uses: actions/checkout@1
      - name: pull request
        env: { GH_TOKEN: "${{ github.token }}" }
        run: echo moved > body; gh pr create --body-file body
      - { name: other, uses: some/action@1, with: { token: "${{ github.token }}" } }
      - { name: pages, uses: actions/deploy-pages@1 }
""",
    )
    results = _results(entries)
    assert (result, results["one/pull request"]) == ("success", "success")
    assert results["one/other"] == results["one/pages"] == "not executed"
    assert (tmp_path / "run" / "github" / "pull-request.md").read_text() == "moved\n"


@pytest.mark.parametrize(
    "command",
    [
        'echo "$T"',
        'echo "$T" >> "$GITHUB_STEP_SUMMARY"',
        'echo "x=$T" >> "$GITHUB_OUTPUT"',
        'printf "somebody:%s" "$T" | base64',
        'echo "$T" > "$RUNNER_TEMP/kept.txt"',
    ],
)
def test_a_job_that_shows_its_token_fails(tmp_path: Path, command: str) -> None:
    result, entries = _run(
        tmp_path,
        "on: push\njobs:\n  one:\n    steps:\n      - uses: actions/checkout@1\n"
        "      - id: it\n        env: { T: '${{ github.token }}' }\n        run: |\n          " + command,
    )
    assert result == "failure"
    assert _results(entries)["one/no secret is shown"] == "failure"


PROGRAMS = ROOT / "tools" / "workflows" / "programs"


@pytest.mark.parametrize(
    ("words", "called"),
    [
        (["lock", "--upgrade"], "python -m tools.lab.lock --upgrade"),
        (["lock", "--since", "HEAD^"], "factory lock --since HEAD^"),
        (["plan", "--stale", "lock"], "factory plan --stale lock"),
    ],
)
def test_the_lab_writes_the_lock_and_the_factory_does_all_else(tmp_path: Path, words: list[str], called: str) -> None:
    for name in ("factory", "python"):
        program = tmp_path / name
        program.write_text(f'#!/bin/sh\necho {name} "$@"\n')
        program.chmod(0o755)
    environment = {**os.environ, "PATH": f"{PROGRAMS / 'lab'}:{tmp_path}:{os.environ['PATH']}"}
    done = subprocess.run(["factory", *words], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == f"{called}\n"


def test_steps_find_the_labs_factory_first(tmp_path: Path) -> None:
    result, _ = _run(
        tmp_path,
        "on: push\njobs:\n  one:\n    steps:\n      - uses: actions/checkout@1\n"
        '      - run: |\n          echo /somewhere/.venv/bin >> "$GITHUB_PATH"\n'
        f"      - run: |\n          [[ $PATH == {PROGRAMS}/lab:/somewhere/.venv/bin:* ]]\n",
    )
    assert result == "success"


def _gh(tmp_path: Path, text: str) -> list[str]:
    """Has the pull request say something; the calls that were made for it."""
    (tmp_path / "body.md").write_text(text)
    path = f"{PROGRAMS / 'github'}:{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "GH_TOKEN": TOKEN, "GITHUB_HERE": str(tmp_path / "github")}
    command = [str(ROOT / "scripts" / "pull-request"), "some/branch", str(tmp_path / "body.md")]
    subprocess.run(command, env=environment, check=True, capture_output=True)
    return (tmp_path / "github" / "calls.txt").read_text().splitlines()


def test_a_pull_request_is_opened_once_and_then_edited(tmp_path: Path) -> None:
    assert _gh(tmp_path, "one\n")[-1].startswith("gh pr create --head some/branch ")
    listed, edited = _gh(tmp_path, "two\n")[-2:]
    assert "--state open" in listed, "one that was merged is not edited"
    assert edited.startswith("gh pr edit 1 ")
    assert (tmp_path / "github" / "pull-request.md").read_text() == "two\n"


def test_a_pull_request_says_what_fits_in_whole_lines(tmp_path: Path) -> None:
    _gh(tmp_path, "| a | ü |\n" * 9000)
    told = (tmp_path / "github" / "pull-request.md").read_text()
    assert len(told.encode()) < 65_536
    assert told.endswith("\nThe rest is in the summary of the job that wrote this.\n")
    assert set(told.splitlines()[:-2]) == {"| a | ü |"}


def _key(folder: Path, **keys: str) -> None:
    """A checkout whose program renders images with these inputs keys, and nothing else of the project."""
    label = "io.github.lambda-factory.inputs-key"
    targets = {name: {"labels": {label: key}, "tags": [f"host:5000/it:{name}.1"]} for name, key in keys.items()}
    (folder / "bake.json").write_text(json.dumps({"target": targets}))
    (folder / "Dockerfile").write_text(f"FROM {keys}\n")


def test_what_a_change_touches_is_told_by_the_inputs_of_either_side(tmp_path: Path) -> None:
    (tmp_path / "scripts").mkdir()
    shutil.copy(ROOT / "scripts" / "touched", tmp_path / "scripts")
    setup = tmp_path / "scripts" / "setup"
    setup.write_text(
        '#!/bin/bash\ncd "${0%/*}/.." && mkdir -p .venv/bin && echo noise && cp program .venv/bin/factory\n'
    )
    program = tmp_path / "program"
    program.write_text('#!/bin/bash\nmkdir -p "$4/dockerfiles"\ncp Dockerfile "$4/dockerfiles"\n'
                       'cp bake.json "$4/docker-bake.json"\n')  # fmt: skip
    setup.chmod(0o755)
    program.chmod(0o755)
    _key(tmp_path, same="1", other="1", gone="1")
    identity = ["-c", "user.name=it", "-c", "user.email=it@example.org"]
    for words in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "--message", "it"]):
        subprocess.run(["git", "-C", str(tmp_path), *identity, *words], check=True)
    subprocess.run([str(setup)], check=True, capture_output=True)
    _key(tmp_path, same="1", other="2", new="1")
    command = [str(tmp_path / "scripts" / "touched"), "HEAD", "work"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["other.1", "new.1"]
    changes = (tmp_path / "work" / "changes.diff").read_text()
    assert "-FROM {'same': '1', 'other': '1', 'gone': '1'}\n+FROM {'same': '1', 'other': '2', 'new': '1'}" in changes
    program.write_text("#!/bin/bash\nexit 3\n")
    subprocess.run([str(setup)], check=True, capture_output=True)
    assert subprocess.run(command, cwd=tmp_path, capture_output=True, check=False).returncode == 3


def test_an_unknown_action_and_an_unknown_input_are_refused(tmp_path: Path) -> None:
    result, entries = _run(tmp_path, "on: push\njobs: {one: {steps: [{uses: some/action@1}]}}")
    assert result == "failure"
    assert "'some/action'" in entries[0].told
    with pytest.raises(ValueError, match="no such input: word"):
        _run(tmp_path / "other", "on: push\njobs: {}", word="x")


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.stem)
def test_our_workflows_name_no_runtime_and_put_no_expression_into_commands(file: Path) -> None:
    text = file.read_text()
    assert not any(word in text for word in ("python3.", "nodejs", "al2023", "provided"))
    for job in read(file)["jobs"].values():
        assert "uses" in job or job["timeout-minutes"] <= 350
        assert "permissions" in job
        _check_steps(job.get("steps", ()))


def test_our_action_puts_no_expression_into_commands() -> None:
    _check_steps(read(ROOT / ".github" / "actions" / "factory" / "action.yml")["runs"]["steps"])


def _check_steps(steps: Any) -> None:
    for step in steps:
        assert "${{" not in step.get("run", "")
        action = step.get("uses", "./")
        assert action.startswith("./") or len(action.partition("@")[2]) == 40


def test_only_the_lock_is_written_to_the_repository_and_credentials_are_kept_there_alone() -> None:
    jobs = {(file.stem, name): job for file in WORKFLOWS for name, job in read(file)["jobs"].items()}
    writing = {key for key, job in jobs.items() if job["permissions"].get("contents") == "write"}
    checkouts = {
        (key, step["with"]["persist-credentials"])
        for key, job in jobs.items()
        for step in job.get("steps", ())
        if step.get("uses", "").startswith("actions/checkout@")
    }
    assert writing == {key for key, kept in checkouts if kept} == {("rebuild", "lock")}


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.stem)
def test_who_calls_a_workflow_may_do_what_its_jobs_may(file: Path) -> None:
    rank = {"none": 0, "read": 1, "write": 2}
    for job in read(file)["jobs"].values():
        called = read(ROOT / job["uses"])["jobs"].values() if "uses" in job else ()
        for permission, wanted in [pair for each in called for pair in each["permissions"].items()]:
            assert rank[job["permissions"].get(permission, "none")] >= rank[wanted], "GitHub would not start it"


@pytest.mark.parametrize(
    ("told", "waves", "run"),
    [
        pytest.param({"bases": 2, "runtimes": 3}, {}, ["bases", "runtimes", "promote", "catalogue"], id="all"),
        pytest.param({"bases": 0, "runtimes": 3}, {}, ["runtimes", "promote", "catalogue"], id="no base"),
        pytest.param({"bases": 2, "runtimes": 0}, {}, ["bases", "promote", "catalogue"], id="bases alone"),
        pytest.param({"bases": 0, "runtimes": 0}, {}, ["catalogue"], id="nothing"),
        pytest.param({"bases": 2, "runtimes": 3}, {"bases": "failure"}, ["bases", "runtimes"], id="a base failed"),
        pytest.param(
            {"bases": 2, "runtimes": 3}, {"runtimes": "failure"}, ["bases", "runtimes"], id="a runtime failed"
        ),
        pytest.param({"bases": 2, "runtimes": 3}, {"plan": "failure"}, [], id="no plan"),
        pytest.param(
            {"bases": 2, "runtimes": 3}, {"promote": "failure"}, ["bases", "runtimes", "promote"], id="tags not moved"
        ),
    ],
)
def test_which_jobs_publish_runs(told: dict[str, int], waves: Mapping[str, str], run: list[str]) -> None:
    outputs = {f"{wave}-jobs": str(number) for wave, number in told.items()}
    outputs["images"] = "some" if any(told.values()) else ""
    needs = {"plan": {"result": waves.get("plan", "success"), "outputs": outputs}}
    for name in ("bases", "runtimes", "promote", "catalogue"):
        job = PUBLISH["jobs"][name]
        good = (
            all(needs[each]["result"] == "success" for each in job["needs"]) if name != "bases" else "plan" not in waves
        )
        known = {"needs": needs, "inputs": {}, "github": {}, "vars": {}}
        functions = {"cancelled": lambda: False}
        wanted = bool(interpolate(job["if"], known, functions)) and (good or "cancelled()" in job["if"])
        needs[name] = {"result": waves.get(name, "success") if wanted else "skipped", "outputs": {}}
    ran = [name for name in ("bases", "runtimes", "promote", "catalogue") if needs[name]["result"] != "skipped"]
    assert ran == run
