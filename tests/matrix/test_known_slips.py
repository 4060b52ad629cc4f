"""What went wrong in projects that copied one runtime's files for the next, held against every runtime here."""

from __future__ import annotations

import json
import re

import pytest
import tomli

from factory.matrix.images import Image, expand
from tests.dockerfiles import final, instructions, pairs
from tests.support import REAL, real, renderer_of

RENDERED = renderer_of(real()).all()
RUNTIMES = sorted(real().runtimes)
IMAGES: dict[str, Image] = {image.stem: image for image in expand(real())}


def _images(runtime: str) -> list[Image]:
    return [IMAGES[runtime], IMAGES[f"build-{runtime}"]]


def _environment(stem: str) -> dict[str, str]:
    return pairs(final(RENDERED[stem]), "ENV")


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_a_table_has_at_most_six_lines(runtime: str) -> None:
    tables = re.split(r"\n(?=\[)", REAL.read_text())
    (table,) = (table for table in tables if re.match(rf'\[runtimes\."?{re.escape(runtime)}"?\]', table))
    lines = [line for line in table.splitlines() if line.strip() and not line.startswith("#")]
    assert len(lines) <= 6
    assert tomli.loads(table)["runtimes"].keys() == {runtime}
    assert f'[runtimes."{runtime}".' not in REAL.read_text(), "and no other table has more of it"


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_the_execution_environment_names_the_runtime_itself(runtime: str) -> None:
    expected = None if runtime.startswith("provided") else f"AWS_Lambda_{runtime}"
    assert [_environment(image.stem).get("AWS_EXECUTION_ENV") for image in _images(runtime)] == [expected, expected]


@pytest.mark.parametrize("runtime", [runtime for runtime in RUNTIMES if runtime.startswith("nodejs")])
def test_node_looks_for_the_modules_of_its_own_version(runtime: str) -> None:
    named = [re.findall(r"node(\d+)", _environment(image.stem).get("NODE_PATH", "")) for image in _images(runtime)]
    assert {number for numbers in named for number in numbers} <= {real().runtimes[runtime].major}


@pytest.mark.parametrize("runtime", [runtime for runtime in RUNTIMES if runtime.startswith("java")])
def test_java_is_compiled_by_the_jdk_that_runs_it(runtime: str) -> None:
    home = _environment(f"build-{runtime}")["JAVA_HOME"]
    assert home == "/var/lang" if real().runtimes[runtime].major != "8" else "1.8.0" in home


@pytest.mark.parametrize("runtime", [runtime for runtime in RUNTIMES if runtime.startswith("dotnet")])
def test_dotnet_is_compiled_by_the_sdk_of_its_version(runtime: str) -> None:
    version = real().runtimes[runtime].version
    sdk = _environment(f"build-{runtime}")["DOTNET_SDK_VERSION"]
    assert sdk.startswith(f"{version}.") or (version, sdk) == ("2.0", "2.1.202"), "2.1.202 is the last that makes 2.0"


@pytest.mark.parametrize("runtime", [runtime for runtime in RUNTIMES if runtime.startswith("ruby")])
def test_gems_are_those_of_the_rubys_own_version(runtime: str) -> None:
    version = real().runtimes[runtime].version
    paths = _environment(f"build-{runtime}")["GEM_PATH"].split(":")
    assert [re.sub(r".*/", "", path) for path in paths] == [f"{version}.0"] * 3


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_a_build_image_is_of_the_generation_of_its_run_image(runtime: str) -> None:
    repository, base = real().publish.repository, real().runtimes[runtime].base
    last = [
        [rest for word, rest in instructions(RENDERED[image.stem]) if word == "FROM"][-1] for image in _images(runtime)
    ]
    assert last == [f"{repository}:{base}", f"{repository}:build-{base}"]


@pytest.mark.parametrize("stem", sorted(RENDERED))
def test_nothing_is_fetched_in_vain_or_twice(stem: str) -> None:
    found = instructions(RENDERED[stem])
    stages = [rest.split(" AS ")[1] for word, rest in found if word == "FROM" and " AS " in rest]
    for stage in stages:
        users = [rest for _, rest in found if re.search(rf"(^|from=){re.escape(stage.split('-$')[0])}([ ,$]|$)", rest)]
        architecture = re.search(r"-(amd64|arm64)$", stage)
        assert users or (architecture and f"{stage[: architecture.start()]}-$TARGETARCH" in RENDERED[stem]), stage
    added = [rest for word, rest in found if word == "ARG" and re.match(r"\w+_URL=", rest)]
    assert len(added) == len(set(added))


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_the_program_that_starts_is_where_the_entrypoint_says(runtime: str) -> None:
    copied = RENDERED[real().runtimes[runtime].base]
    (entrypoint,) = (rest for word, rest in instructions(final(RENDERED[runtime])) if word == "ENTRYPOINT")
    assert f"cp /mnt/init {json.loads(entrypoint)[0]};" in copied


def test_no_dockerfile_starts_with_a_byte_order_mark() -> None:
    assert not [stem for stem, text in RENDERED.items() if text.startswith("\ufeff")]
