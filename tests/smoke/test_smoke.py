"""What a family's smoke.toml says: which functions and commands a runtime is tested with, and which images for that."""

from __future__ import annotations

from pathlib import Path
from unittest.mock import Mock

import pytest

from factory.errors import UsageError
from factory.matrix.extras import programs
from factory.matrix.images import expand
from factory.matrix.words import Variant
from factory.smoke import recipe as recipes
from factory.smoke.functions import function_check
from factory.smoke.recipe import Recipe, peers, recipe
from factory.smoke.specimen import CheckSkippedError, Specimen
from tests.support import image, names, project, real, small, toolchains

MAIN = '[functions.function]\nmain = true\nhandler = "index.handler"\n'
TOOLS = 'tools = ["zip"]\n'


def _recipe(folder: Path, text: str, *folders: str) -> Recipe:
    for name in ("function", *folders):
        (folder / "node" / name).mkdir(parents=True, exist_ok=True)
    (folder / "node" / "smoke.toml").write_text(TOOLS + MAIN + text)
    return recipe(folder / "node")


def _function(**keys: str) -> str:
    lines = "".join(f"{key} = {value}\n" for key, value in keys.items())
    return f'[functions.own]\nhandler = "h"\ninvocations = [{{ result = 1 }}]\n{lines}'


@pytest.mark.parametrize(
    ("limits", "runtimes"),
    [
        ({}, {"nodejs6.10", "nodejs22.x", "nodejs26.x"}),
        ({"from": '"6.10"'}, {"nodejs6.10", "nodejs22.x", "nodejs26.x"}),
        ({"from": '"6.11"'}, {"nodejs22.x", "nodejs26.x"}),
        ({"before": '"22"'}, {"nodejs6.10"}),
        ({"from": '"7"', "before": '"26"'}, {"nodejs22.x"}),
        ({"only": '["nodejs2*"]'}, {"nodejs22.x", "nodejs26.x"}),
        ({"unless": '["nodejs22.x"]'}, {"nodejs6.10", "nodejs26.x"}),
    ],
)
def test_a_function_applies_to_some_versions(tmp_path: Path, limits: dict[str, str], runtimes: set[str]) -> None:
    found = _recipe(tmp_path, _function(**limits), "own")
    tested = {
        name
        for name in ("nodejs6.10", "nodejs22.x", "nodejs26.x")
        if found.functions_for(small(), image(f"{name}-x86_64"))
    }
    assert tested == runtimes


def test_the_first_main_function_that_applies_is_taken(tmp_path: Path) -> None:
    text = '[functions.old]\nmain = true\nhandler = "h"\n'
    (tmp_path / "node" / "old").mkdir(parents=True)
    (tmp_path / "node" / "function").mkdir(parents=True)
    (tmp_path / "node" / "smoke.toml").write_text(TOOLS + text + 'before = "8"\n' + MAIN)
    found = recipe(tmp_path / "node")
    assert found.main_for(small(), image("nodejs6.10-x86_64"))[0] == "old"
    assert found.main_for(small(), image("nodejs22.x-arm64"))[0] == "function"


def test_a_runtime_without_a_main_function_is_told(tmp_path: Path) -> None:
    (tmp_path / "node" / "function").mkdir(parents=True)
    (tmp_path / "node" / "smoke.toml").write_text(TOOLS + MAIN + 'from = "20"\n')
    with pytest.raises(UsageError, match=r"no function with `main = true` for nodejs6.10-x86_64"):
        recipe(tmp_path / "node").main_for(small(), image("nodejs6.10-x86_64"))


@pytest.mark.parametrize(
    ("keys", "compilers"),
    [
        ({}, []),
        ({"compile": '"make"'}, ["build-nodejs22.x-arm64"]),
        ({"compile": '"make"', "portable": "true"}, ["build-nodejs22.x-x86_64"]),
        ({"compile": '"make"', "proves": '"build"'}, []),
        ({"compile": '"make"', "from": '"26"'}, []),
    ],
)
def test_a_run_image_is_tested_with_the_build_image_that_compiles_for_it(
    tmp_path: Path, keys: dict[str, str], compilers: list[str]
) -> None:
    _recipe(tmp_path, _function(**keys), "own")
    assert names(peers(small(), image("nodejs22.x-arm64"), tmp_path)) == compilers


def test_a_build_image_is_tested_with_its_run_image_and_a_base_alone() -> None:
    root = project().smoke
    assert peers(small(), image("build-nodejs22.x-arm64"), root) == (image("nodejs22.x-arm64"),)
    assert peers(small(), image("build-al2023-arm64"), root) == ()


def test_what_this_machine_cannot_prepare_is_skipped_with_what_it_says(tmp_path: Path) -> None:
    prepare = "'echo \"no compiler for $ARCHITECTURE\"; exit 77'"
    found = _recipe(tmp_path, _function(proves='"build"', compile='"make"', prepare=prepare), "own")
    built, folder = image("build-nodejs22.x-arm64"), tmp_path / "node"
    digests = {built: "sha256:0"}
    subject = Specimen(small(), built, Mock(), Mock(), Mock(), tmp_path, folder, "tests", found, digests)
    with pytest.raises(CheckSkippedError, match=r"^no compiler for arm64$"):
        function_check("own", found.functions["own"])(subject)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('[functions.own]\nhandler = "h"\n', "functions.own: has no invocations, so it tests nothing"),
        (_function(proves='"build"'), "functions.own: proves a build image that compiles nothing; add `compile`"),
        (_function(form='"14"'), "functions.own.form: Extra inputs are not permitted"),
        ('[[commands]]\nname = "zip"\nfolder = "function"\n', "commands.0: needs either `run` or `dockerfile = true`"),
        (_function(folder='"nowhere"'), "the folder nowhere is missing beside it"),
    ],
)
def test_what_tests_nothing_or_is_misspelt_is_told(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(UsageError) as caught:
        _recipe(tmp_path, text, "own")
    assert told in str(caught.value)
    assert "smoke.toml" in str(caught.value)


RUNS = {found.name: found for found in expand(real()) if found.runtime and found.variant is Variant.RUN}


@pytest.mark.parametrize("name", RUNS)
def test_every_runtime_of_the_matrix_has_a_main_function(name: str) -> None:
    folder = project().smoke / real().families[RUNS[name].family or ""].smoke
    _, main = recipe(folder).main_for(real(), RUNS[name])
    assert main.main


def test_every_runtime_is_among_them() -> None:
    assert {found.runtime for found in RUNS.values()} == real().runtimes.keys()


def test_the_programs_of_extras_are_looked_for() -> None:
    matrix = toolchains()
    assert programs(matrix, image("build-python3.8-arm64", matrix)) == ("engine", "poetry", "sam")
    assert programs(matrix, image("build-java21-arm64", matrix)) == (
        "gradle",
        "java-tool",
        "mvn",
        "mvnDebug",
        "other-tool",
    )
    assert programs(matrix, image("java21-arm64", matrix)) == ()


def test_another_program_to_look_for_is_another_test() -> None:
    before = toolchains()
    engine = before.extras["engine"].model_copy(update={"programs": ("engine", "client")})
    after = before.model_copy(update={"extras": {**before.extras, "engine": engine}})
    build, run = image("build-python3.8-arm64", before), image("python3.8-arm64", before)
    root = project().smoke
    assert recipes.tests_key(before, build, None, root) != recipes.tests_key(after, build, None, root)
    assert recipes.tests_key(before, run, None, root) == recipes.tests_key(after, run, None, root)


def test_the_key_is_of_the_familys_folder_the_programs_and_whether_it_is_executed(tmp_path: Path) -> None:
    def keys(folder: Path) -> list[str]:
        images = (image("nodejs22.x-arm64"), image("build-nodejs22.x-arm64"), image("al2023-arm64"))
        return [recipes.tests_key(small(), each, None, folder) for each in images]

    for name in ("one", "two", "three"):
        _recipe(tmp_path / name, "")
    (tmp_path / "two" / "node" / "function" / "index.js").touch()
    one, two, three = (keys(tmp_path / name) for name in ("one", "two", "three"))
    assert one == three
    assert [before == after for before, after in zip(one, two, strict=True)] == [False, False, True]
    run = image("nodejs22.x-arm64")
    reasons = {
        recipes.tests_key(small(), run, reason, tmp_path / "one") for reason in (None, "no interpreter", "another")
    }
    assert len(reasons) == 3
