"""The command line: exit codes, errors without a traceback, and the keys that are a contract."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import pytest

from factory.app.outside import Outside
from factory.app.project import load_matrix
from factory.build.engine import EngineImage
from factory.build.records import Layer, Records
from factory.cli.main import main as cli
from factory.errors import MachineError
from factory.matrix import lock
from factory.matrix.images import expand
from factory.plan.keys import local_name
from factory.plan.shards import MOST_JOBS
from factory.smoke.recipe import tests_key as key_of_tests
from tests.fake_registry import FakeRegistry
from tests.support import ROOT, SMALL, changed, full_lock, inputs_of, names, passed, project, record, renderer_of, small

COMMANDS = (
    *("list", "show", "schema", "new", "lock", "render", "diff", "plan"),
    *("build", "test", "push", "release", "promote", "catalogue", "verify", "gc", "emulator", "doctor"),
)
REPOSITORY = "registry.example/factory/lambda"


@dataclass(frozen=True)
class NoMoreThanAsked:
    """An engine that has some finished images, by local name, and can do nothing."""

    has: Mapping[str, str] = field(default_factory=dict)

    def check(self) -> None:
        return

    def finished(self, names: Iterable[str]) -> dict[str, str]:
        return {name: self.has[name] for name in names if name in self.has}

    def inspect(self, _: str) -> EngineImage | None:
        return None


@dataclass(frozen=True)
class Sources:
    """An emulator whose sources are no part of the tests; asked for them, it may fail."""

    problem: BaseException | None = None

    def key(self) -> str:
        if self.problem:
            raise self.problem
        return "emulator"


def _outside(engine: Callable[[], Any] = NoMoreThanAsked, problem: BaseException | None = None) -> Outside:
    return Outside(engine=engine, emulator=lambda _: cast("Any", Sources(problem)))


def main(words: Sequence[str], outside: Outside | None = None) -> int:
    """The command line on a machine with an empty engine, unless another one is given."""
    return cli(words, outside or _outside())


def _no_engine() -> Any:
    raise MachineError("no Docker engine answers (refused); start it, or run `scripts/engine up` here")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the small matrix and a full lock, in which we are; the engine is empty."""
    shutil.copy(SMALL, tmp_path / "matrix.toml")
    lock.write(tmp_path / "matrix.lock", full_lock(small()))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _json(capsys: pytest.CaptureFixture[str]) -> Any:
    return json.loads(capsys.readouterr().out)


def _finish_everything(folder: Path) -> Outside:
    """A machine on which every image is there with its record, tested and pushed."""
    of, records = inputs_of(), Records(folder / "build")
    has = {}
    for image in expand(small()):
        tests = passed(key_of_tests(small(), image, None, project().smoke))
        made = records.save(record(image.name, of(image), tests, {REPOSITORY: [image.name]}))
        has[local_name(image.name, made.inputs_key)] = made.digest
    return _outside(lambda: NoMoreThanAsked(has))


# help


def test_help_is_no_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    out = capsys.readouterr().out
    for command in COMMANDS:
        assert re.search(rf"^  {command}\s", out, re.M)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_the_common_options(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([command, "--help"]) == 0
    out = capsys.readouterr().out
    for option in ("--matrix", "--registry", "--mirror", "--build-dir", "--builder", "--jobs", "--verbose", "--quiet"):
        assert option in out


@pytest.mark.parametrize("command", ["list", "show", "plan", "build", "test", "push", "release"])
def test_selectors_are_the_same_everywhere(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([command, "--help"]) == 0
    out = capsys.readouterr().out
    for option in ("IMAGE", "--base", "--family", "--variant", "--arch", "--status", "--format"):
        assert option in out


# bad usage


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["lsit"],
        ["list", "--no-such-option"],
        ["list", "--variant", "debug"],
        ["list", "--variant", "run,debug"],
        ["list", "--status", "create_blocked"],
        ["list", "--jobs", "0"],
        ["list", "--jobs", "many"],
        ["list", "--format", "yaml"],
        ["list", "--format", "github"],
        ["diff"],
    ],
)
def test_words_that_mean_nothing(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 2
    captured = capsys.readouterr()
    assert "factory" in captured.err.splitlines()[0]
    assert "Traceback" not in captured.err
    assert captured.out == ""


def test_a_number_of_jobs_that_is_none_in_the_environment(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FACTORY_JOBS", "many")
    assert main(["list"]) == 2
    assert "'many' is not a number of images; write 1 or more" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["list", "pyton3.11"], "'pyton3.11' selects no image; did you mean 'python3.11'"),
        (["show", "nodejs22.x-arm46"], "did you mean 'nodejs22.x-arm64'"),
        (["list", "--base", "al3"], "--base 'al3' selects no image; did you mean 'al2"),
        (["list", "--family", "noed"], "--family 'noed' selects no image; did you mean 'node'"),
        (["list", "al1", "--arch", "arm64"], "these selectors together select no image"),
        (["list", "--mirror", "public.ecr.aws"], "--mirror 'public.ecr.aws' names no mirror; write HOST=OTHER"),
        (["list", "--mirror", "=127.0.0.1:5000"], "names no mirror"),
        (["list", "--mirror", "public.ecr.aws="], "names no mirror"),
        (["list", "--matrix", "other.toml"], "other.toml: cannot be read: No such file or directory"),
        (["list", "--matrix", "."], ".: cannot be read: Is a directory"),
        (["plan", "--shard", "5/4"], "--shard '5/4' is no part of a whole; write I/N with 1 <= I <= N"),
        (["plan", "--shard", "x"], "--shard 'x' is no part of a whole"),
        (["plan", "--shard", "0/2"], "--shard '0/2' is no part of a whole"),
        (["plan", "--shard", "1/0"], "--shard '1/0' is no part of a whole"),
    ],
)
def test_bad_usage_is_told_with_a_remedy(
    folder: Path, words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 2
    captured = capsys.readouterr()
    assert message in captured.err
    assert "Traceback" not in captured.err
    assert captured.out == ""


def test_a_bad_matrix_is_told_as_the_loader_tells_it(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "matrix.toml").write_text(changed(SMALL.read_text(), ("uid = 496", 'uid = "x"')))
    assert main(["render"]) == 2
    err = capsys.readouterr().err
    assert err.startswith("matrix.toml:")
    assert err.endswith("matrix.toml: 1 error, nothing was done\n")
    assert not (folder / "build").exists()


def test_a_bad_lock_is_bad_usage(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "matrix.lock").write_text("version = 7\n")
    assert main(["render"]) == 2
    assert "matrix.lock: is no lock" in capsys.readouterr().err


# what the machine lacks


def test_no_engine_is_exit_status_3(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["plan"], _outside(_no_engine)) == 3
    captured = capsys.readouterr()
    assert captured.err == "factory: no Docker engine answers (refused); start it, or run `scripts/engine up` here\n"


def test_no_room_on_the_disk_is_exit_status_3(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["render"], _outside(problem=OSError(28, "No space left on device"))) == 3
    assert "No space left on device" in capsys.readouterr().err


def test_ctrl_c_is_exit_status_130(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["render"], _outside(problem=KeyboardInterrupt())) == 130
    assert "interrupted" in capsys.readouterr().err


# list, show, schema


def test_the_keys_of_list_are_a_contract(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "build-nodejs22.x-arm64", "al1-x86_64", "nodejs6.10-x86_64", "--format", "json"]) == 0
    entries = {entry["name"]: entry for entry in _json(capsys)}
    assert entries["build-nodejs22.x-arm64"] == {
        "name": "build-nodejs22.x-arm64",
        "runtime": "nodejs22.x",
        "family": "node",
        "base": "al2023",
        "package_manager": "microdnf",
        "variant": "build",
        "architecture": "arm64",
        "tags": ["build-nodejs22.x-arm64", "build-nodejs22.x"],
        "source": "upstream.example/lambda/nodejs:22",
        "status": "supported",
        "executed": "yes",
    }
    base = entries["al1-x86_64"]
    assert (base["runtime"], base["family"], base["status"]) == (None, None, None)
    assert base["source"] == "upstream.example/lambda/provided:alami"
    assert entries["nodejs6.10-x86_64"]["source"] == "https://archive.example/nodejs6.10.tgz"


def test_list_shows_every_image_in_the_order_of_the_matrix(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["NAME", "BASE", "PACKAGES", "STATUS", "SOURCE", "EXECUTED"]
    assert [line.split()[0] for line in lines[1:]] == names(expand(small()))


def test_a_status_selects_for_every_command(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "--status", "preview,create-blocked", "--status", "deprecated"]) == 0
    shown = {line.split()[0] for line in capsys.readouterr().out.splitlines()[1:]}
    assert "nodejs26.x-arm64" in shown
    assert "provided.al2-x86_64" in shown
    assert not {"al2-x86_64", "nodejs22.x-arm64"} & shown


def test_a_status_that_is_none_is_told_with_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "--status", "deprecated,create-bloked"]) == 2
    assert "'create-bloked' selects nothing; did you mean 'create-blocked'" in capsys.readouterr().err


def test_options_come_from_the_environment_too(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "matrix.toml").rename(folder / "other.toml")
    monkeypatch.setenv("FACTORY_MATRIX", "other.toml")
    assert main(["list", "al1"]) == 0
    assert main(["list", "al1", "--matrix", "third.toml"]) == 2
    monkeypatch.setenv("FACTORY_MIRROR", "nonsense")
    assert main(["list", "al1"]) == 2


def test_show_tells_all_of_an_image(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", "nodejs22.x-arm64", "--format", "json"]) == 0
    (shown,) = _json(capsys)
    assert shown["dockerfile"] == renderer_of(small()).all()["nodejs22.x"]
    assert shown["parent"] == "al2023-arm64"
    assert shown["lifecycle"] == {"released": "2024-11-22", "preview": False}
    reference = "upstream.example/lambda/nodejs:22"
    assert shown["upstreams"] == {
        reference: full_lock(small()).images[reference].digests[expand(small())[3].architecture]
    }
    assert shown["record"] is None
    assert main(["show", "nodejs22.x-arm64"]) == 0
    assert "never built here" in capsys.readouterr().out


def test_show_tells_what_the_record_knows(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    done = _finish_everything(folder)
    assert main(["show", "nodejs22.x-arm64", "--format", "json"], done) == 0
    (shown,) = _json(capsys)
    assert shown["record"]["tests"] == {"runs": "passed"}
    assert shown["record"]["size_text"] == "12.3 MB"
    assert shown["sizes"] == {"layers": [], "extras": {}, "overhead": None}
    records = Records(folder / "build")
    for name, size in (("nodejs22.x-arm64", 300), ("al2023-arm64", 4_000_000)):
        made = records.latest(name)
        assert made is not None
        records.save(replace(made, layers=(Layer("RUN something", size),)))
    assert main(["show", "nodejs22.x-arm64", "--format", "json"], done) == 0
    (shown,) = _json(capsys)
    assert shown["sizes"]["layers"] == [{"step": "RUN something", "size": 300}]
    assert main(["show", "nodejs22.x-arm64"], done) == 0
    out = capsys.readouterr().out
    assert "300        RUN something\n4,000,300  beyond upstream" in out
    assert main(["show", "build-nodejs22.x-arm64"], done) == 0
    assert "unknown  extra headers" in capsys.readouterr().out
    assert main(["show"], done) == 0


def test_the_schema_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema"]) == 0
    printed = _json(capsys)
    assert printed["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert printed["properties"].keys() == {
        "publish",
        "environment",
        "bases",
        "families",
        "extras",
        "runtimes",
        "signatures",
    }


# render


def test_render_writes_what_plain_docker_needs(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["render", "-o", "out"]) == 0
    out = folder / "out"
    rendered = {file.parent.name: file.read_text() for file in out.glob("dockerfiles/*/Dockerfile")}
    assert rendered == renderer_of(small()).all()
    bake = json.loads((out / "docker-bake.json").read_text())
    assert len(bake["target"]) == len(expand(small()))
    for target in bake["target"].values():
        context = out / target["context"]
        assert context.is_dir() or target["context"].startswith("emulator/"), "`factory emulator` makes that one"
        assert Path(os.path.normpath(context / target["dockerfile"])).is_file()
    assert not (folder / "build").exists()
    assert capsys.readouterr().out == "out: 18 Dockerfiles in dockerfiles/, docker-bake.json\n"


def test_rendering_again_touches_nothing(folder: Path) -> None:
    assert main(["render"]) == 0
    files = [file for file in (folder / "build").rglob("*") if file.is_file()]
    for file in files:
        os.utime(file, (1, 1))
    assert main(["render"]) == 0
    assert {file.stat().st_mtime for file in files} == {1}


# plan


def test_the_keys_of_plan_are_a_contract(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", "nodejs22.x-arm64", "--format", "json"]) == 0
    assert _json(capsys) == [
        {"name": name, "action": "build", "reason": "never built", "digest": None, "fresh": False}
        for name in ("al2023-arm64", "nodejs22.x-arm64")
    ]


def test_a_plan_of_what_is_done(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    done = _finish_everything(folder)
    assert main(["plan", "--format", "json"], done) == 0
    items = _json(capsys)
    assert {(item["action"], item["reason"]) for item in items} == {("skip", "nothing changed")}
    assert all(item["digest"].startswith("sha256:") for item in items)
    assert main(["plan", "--format", "github"], done) == 0
    assert _json(capsys) == {"include": []}
    assert main(["plan", "--registry", "other.example/a/b", "al1"], done) == 0
    assert "tested, but not in other.example/a/b" in capsys.readouterr().out


def test_ancestors_with_nothing_to_do_are_not_mentioned(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    done = _finish_everything(folder)
    assert main(["plan", "nodejs22.x-arm64", "--format", "json"], done) == 0
    assert [item["name"] for item in _json(capsys)] == ["nodejs22.x-arm64"]


def test_a_job_matrix(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", "nodejs22.x-arm64", "--format", "github"]) == 0
    assert _json(capsys) == {
        "include": [
            {"name": "al2023-arm64", "architecture": "arm64", "runner": "ubuntu-24.04-arm", "action": "build"},
            {"name": "nodejs22.x-arm64", "architecture": "arm64", "runner": "ubuntu-24.04-arm", "action": "build"},
        ]
    }


def test_shards_are_the_whole_and_nothing_twice(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = []
    for number in (1, 2, 3):
        assert main(["plan", "--shard", f"{number}/3", "--format", "json"]) == 0
        found.append({item["name"] for item in _json(capsys)})
    assert sum(map(len, found)) == len(expand(small()))
    assert set.union(*found) == {image.name for image in expand(small())}


def test_no_matrix_has_more_jobs_than_github_takes(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = '[runtimes."more{}.al2"]\nbase = "al2"\nfamily = "provided"\nversion = "al2"\n'
    with (folder / "matrix.toml").open("a") as matrix:
        matrix.write("\n" + "\n".join(table.format(number) for number in range(MOST_JOBS // 4)))
    images = {image.name for image in expand(load_matrix(folder / "matrix.toml"))}
    assert main(["plan", "--format", "github", "--shard", str(MOST_JOBS + 50)]) == 0
    jobs = _json(capsys)["include"]
    assert 100 < len(jobs) <= MOST_JOBS < len(images)
    assert {name for job in jobs for name in job["images"].split()} == images
    assert main(["plan", "--format", "github"]) == 2
    assert f"{len(images)} jobs, and GitHub takes {MOST_JOBS}; share them out" in capsys.readouterr().err


def test_locked_blocks_and_damage_is_warned_of_once(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "matrix.lock").unlink()
    (folder / "build" / "records").mkdir(parents=True)
    (folder / "build" / "records" / "sha256-0.json").write_text("{")
    assert main(["plan", "nodejs22.x-arm64", "--locked", "--format", "json"]) == 0
    captured = capsys.readouterr()
    assert {item["action"] for item in json.loads(captured.out)} == {"blocked"}
    assert captured.err.count("sha256-0.json is damaged and counts as missing") == 1


@pytest.mark.parametrize(("value", "action"), [("1", "blocked"), ("0", "build"), ("", "build"), ("false", "build")])
def test_a_switch_in_the_environment(
    folder: Path, value: str, action: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "matrix.lock").unlink()
    monkeypatch.setenv("FACTORY_LOCKED", value)
    assert main(["plan", "al1", "--format", "json"]) == 0
    assert {item["action"] for item in _json(capsys)} == {action}


# lock


def test_lock_writes_what_the_registry_says(
    folder: Path, registry: FakeRegistry, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, tag in (("provided", "al2"), ("provided", "al2023"), ("nodejs", "22"), ("nodejs", "26-preview")):
        registry.index(f"lambda/{name}", tag, "linux/amd64", "linux/arm64")
    registry.image("lambda/provided", "alami")
    python = registry.image("lambda/python", "3.11")
    (folder / "matrix.lock").unlink()
    words = ["lock", "--mirror", f"upstream.example={registry.host}"]
    assert main(words) == 0
    assert capsys.readouterr().out == "matrix.lock: 6 images, 3 archives\n"
    text = (folder / "matrix.lock").read_text()
    assert registry.host not in text
    registry.image("lambda/python", "3.11", salt="moved")
    assert main(words) == 0
    assert (folder / "matrix.lock").read_text() == text
    assert main([*words, "--upgrade"]) == 0
    assert f"| x86_64 | `{python.digest[7:19]}` | `" in capsys.readouterr().out


def test_a_loss_leaves_the_lock_as_it_was(
    folder: Path, registry: FakeRegistry, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (folder / "matrix.lock").read_text()
    assert main(["lock", "--upgrade", "--mirror", f"upstream.example={registry.host}"]) == 2
    assert "upstream.example/lambda/nodejs:22: upstream has no such tag" in capsys.readouterr().err
    assert (folder / "matrix.lock").read_text() == before


# the process itself


def _process(*words: str, folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, "-m", "factory", *words],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_exit_status_of_the_process(folder: Path) -> None:
    done = _process("list", "al1", folder=folder)
    assert (done.returncode, done.stderr) == (0, "")
    done = _process("list", "al9", "--matrix", "matrix.toml", folder=folder)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def test_a_reader_that_goes_away_is_no_error(folder: Path) -> None:
    command = f"{sys.executable} -m factory show | true; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("words", [["--help"], ["list"], ["render", "--output", "build/x"]], ids=lambda words: words[0])
def test_what_needs_no_network_loads_nothing_that_speaks_to_one(folder: Path, words: list[str]) -> None:
    code = "import sys\nfrom factory.cli.main import main\ntry:\n    main(sys.argv[1:])\nexcept SystemExit:\n    pass\n"
    code += "print(*({'requests', 'docker', 'rich'} & sys.modules.keys()), file=sys.stderr)"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    ran = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, env=environment)
    assert (ran.returncode, ran.stderr) == (0, "\n")


@pytest.mark.parametrize("between", [",", " ", ", "])
def test_several_mirrors_in_the_environment(
    folder: Path, monkeypatch: pytest.MonkeyPatch, registry: FakeRegistry, between: str
) -> None:
    mirrors = between.join(["upstream.example=127.0.0.1:5000", "archive.example=127.0.0.1:5001/archive.example"])
    monkeypatch.setenv("FACTORY_MIRROR", mirrors)
    monkeypatch.setenv("FACTORY_NETWORK", "host")
    monkeypatch.setenv("FACTORY_PIP_CONF", "pip.conf")
    assert main(["render"]) == 0
    target = json.loads((folder / "build" / "docker-bake.json").read_text())["target"]["nodejs6_10-x86_64"]
    assert target["args"]["SOURCE_URL"] == "http://127.0.0.1:5001/archive.example/nodejs6.10.tgz"
    assert target["contexts"]["upstream.example/lambda/provided:alami"].startswith("docker-image://127.0.0.1:5000/")
    assert target["network"] == "host"
    assert target["secret"] == [f"id=pip,src={folder}/pip.conf"]


def test_a_shell_gets_completions() -> None:
    environment = {**os.environ, "_FACTORY_COMPLETE": "bash_complete", "COMP_WORDS": "factory rel", "COMP_CWORD": "1"}
    command = [sys.executable, "-m", "factory"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, "plain,release")
