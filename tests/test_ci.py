"""What stands for GitHub on this machine: expressions, conditions, matrices, and our workflows as they are written."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from ci.expressions import ExpressionError, evaluate, interpolate
from ci.runner import Entry, Runner, Settings, read

ROOT = Path(__file__).parent.parent
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
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


def _run(tmp_path: Path, text: str, **inputs: str) -> tuple[str, list[Entry]]:
    """Runs a workflow from a repository that has nothing else."""
    origin, folder = tmp_path / "origin", tmp_path / "run"
    file = origin / ".github" / "workflows" / "it.yml"
    file.parent.mkdir(parents=True)
    file.write_text(text)
    for words in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "--message", "it"]):
        identity = ["-c", "user.name=it", "-c", "user.email=it@example.org"]
        subprocess.run(["git", "-C", str(origin), *identity, *words], check=True)
    subprocess.run(["git", "-C", str(origin), "update-ref", "refs/remotes/origin/HEAD", "HEAD"], check=True)
    environment = {"PATH": os.environ["PATH"]}
    runner = Runner(Settings(origin, folder, environment, {"github": {"sha": "x", "token": "t"}, "vars": {}}))
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


def test_what_needs_a_token_is_told_and_not_executed(tmp_path: Path) -> None:
    _, entries = _run(
        tmp_path,
        """
on: push
jobs:
  one:
    steps:
      - uses: actions/checkout@1
      - { name: login, env: { TOKEN: "${{ github.token }}" }, run: "false" }
      - { name: pages, uses: actions/deploy-pages@1 }
""",
    )
    results = _results(entries)
    assert results["one/login"] == results["one/pages"] == "not executed"


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
        for step in job.get("steps", ()):
            assert "${{" not in step.get("run", "")
            action = step.get("uses", "./")
            assert action.startswith("./") or len(action.partition("@")[2]) == 40
