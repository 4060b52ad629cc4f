"""The environment of an image: which layer wins, and what a variable may say of those below."""

from __future__ import annotations

import pytest

from factory.matrix.loading import parse
from factory.render.environment import environment
from tests.support import TOOLCHAINS, changed, image, small, toolchains


def _environment(name: str, *changes: tuple[str, str]) -> dict[str, str]:
    matrix = parse(changed(TOOLCHAINS.read_text(), *changes))
    return environment(matrix, image(name, matrix))


def test_a_language_leads_the_paths_unless_it_is_elsewhere() -> None:
    found = _environment("python3.8-x86_64")
    assert found["PATH"] == "/var/lang/bin:$PATH"
    assert found["LD_LIBRARY_PATH"] == "/var/lang/lib:$LD_LIBRARY_PATH"
    assert not environment(toolchains(), image("java7-x86_64", toolchains())).keys() & {"PATH", "LD_LIBRARY_PATH"}
    assert "PATH" not in environment(small(), image("provided.al2-x86_64"))


def test_a_runtime_may_have_a_language_where_its_family_has_none() -> None:
    off = ('title = "Java"', 'title = "Java"\nlang = false')
    assert "PATH" not in _environment("java21-x86_64", off)
    on = ('base = "al2023"\nfamily = "java"', 'base = "al2023"\nlang = true\nfamily = "java"')
    assert _environment("java21-x86_64", off, on)["PATH"] == "/var/lang/bin:$PATH"


def test_a_runtime_wins_over_its_family() -> None:
    found = _environment("java8-x86_64")
    assert found == {
        "AWS_EXECUTION_ENV": "java8, 8",
        "JAVA_HOME": "/usr/lib/jvm",
        "_HANDLER": "index.Handler",
    }


def test_an_extras_variables_are_those_of_build_images() -> None:
    found = _environment("build-java21-x86_64")
    assert found["GRADLE_HOME"] == "/usr/local/gradle"
    assert found["GRADLE_VERSION"] == "8.14"
    assert "GRADLE_HOME" not in _environment("java21-x86_64")


def test_build_variables_are_those_of_build_images_alone() -> None:
    family = ("build_environment = { JAVA_HOME", 'build_environment = { A = "1", B = "1", JAVA_HOME')
    runtime = ("build_environment = { PATH", 'build_environment = { B = "2", PATH')
    assert _environment("build-java8-x86_64", family, runtime).items() >= {"A": "1", "B": "2"}.items()
    assert not _environment("java8-x86_64", family, runtime).keys() & {"A", "B"}


def test_an_extra_has_the_last_word_before_the_runtime() -> None:
    assert _environment("build-java21-x86_64")["JAVA_HOME"] == "/usr/lib/jvm/21"
    family = ("build_environment = { JAVA_HOME", 'build_environment = { GRADLE_HOME = "/x", JAVA_HOME')
    assert _environment("build-java21-x86_64", family)["GRADLE_HOME"] == "/usr/local/gradle"
    runtime = ('version = "21"', 'version = "21"\nbuild_environment = { JAVA_HOME = "/y" }')
    assert _environment("build-java21-x86_64", runtime)["JAVA_HOME"] == "/y"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("$JAVA_HOME/bin:$PATH", "/usr/lib/jvm/bin:/root/.gradle/bin:$PATH"),
        ("${JAVA_HOME}/bin", None),
        ("$JAVA_HOMES/bin", "$JAVA_HOMES/bin"),
        ("$HOME", "$HOME"),
    ],
)
def test_a_value_may_name_what_was_set_before_it(value: str, expected: str | None) -> None:
    change = ('build_environment = { PATH = "$JAVA_HOME/bin:$PATH" }', f'build_environment = {{ PATH = "{value}" }}')
    if expected is None:  # the braces of a placeholder
        with pytest.raises(Exception, match="unknown placeholder"):
            _environment("build-java8-x86_64", change)
    else:
        assert _environment("build-java8-x86_64", change)["PATH"] == expected
