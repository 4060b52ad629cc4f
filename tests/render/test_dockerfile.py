"""The Dockerfiles of the real matrix, and what holds for all of them."""

from __future__ import annotations

import json
import re

import pytest

from factory.errors import UsageError
from factory.matrix.images import expand
from factory.matrix.loading import parse
from factory.render.templates import Templates
from tests.dockerfiles import final, instructions, last, pairs
from tests.support import REAL, changed, image, project, real, renderer_of, small, small_text, small_with

# Lambda's sandbox, from the fact sheet of the runtimes: what docker-lambda set, and functions came to read.
SANDBOX = {
    "PATH": "/usr/local/bin:/usr/bin/:/bin:/opt/bin",
    "LD_LIBRARY_PATH": "/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:/var/task:/var/task/lib:/opt/lib",
    "LANG": "en_US.UTF-8",
    "TZ": ":UTC",
    "LAMBDA_TASK_ROOT": "/var/task",
    "LAMBDA_RUNTIME_DIR": "/var/runtime",
    "_LAMBDA_CONTROL_SOCKET": "14",
    "_LAMBDA_SHARED_MEM_FD": "11",
    "_LAMBDA_LOG_FD": "9",
    "_LAMBDA_SB_ID": "7",
    "_LAMBDA_CONSOLE_SOCKET": "16",
    "_LAMBDA_RUNTIME_LOAD_TIME": "1530232235231",
    "_AWS_XRAY_DAEMON_ADDRESS": "169.254.79.2",
    "_AWS_XRAY_DAEMON_PORT": "2000",
    "AWS_XRAY_DAEMON_ADDRESS": "169.254.79.2:2000",
    "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR",
    "_X_AMZN_TRACE_ID": "Root=1-dc99d00f-c079a84d433534434534ef0d;Parent=91ed514f1e5c03b2;Sampled=1",
}
BUILD_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/opt/bin"
BASES = ("al1", "al2", "al2023")
LANGUAGE = {"PATH": "/var/lang/bin:$PATH", "LD_LIBRARY_PATH": "/var/lang/lib:$LD_LIBRARY_PATH"}
RENDERED = renderer_of(real()).all()
BUILDS = {stem for stem in RENDERED if stem.startswith("build-")}


def test_rendering_is_deterministic() -> None:
    again = renderer_of(parse(REAL.read_text())).all()
    assert again == RENDERED
    assert list(again) == list(RENDERED)


def test_one_dockerfile_serves_both_architectures() -> None:
    renderer = renderer_of(real())
    for variant in ("", "build-"):
        both = [renderer.dockerfile(image(f"{variant}python3.13-{arch}", real())) for arch in ("x86_64", "arm64")]
        assert both[0] == both[1]
        steps = [rest for word, rest in instructions(both[0]) if word in ("RUN", "COPY", "ENV")]
        for word in ("x86_64", "arm64", "amd64", "aarch64"):
            assert not any(word in rest for rest in steps)


@pytest.mark.parametrize("stem", sorted(RENDERED))
def test_every_dockerfile_is_made_of_known_instructions(stem: str) -> None:
    text = RENDERED[stem]
    known = {"FROM", "LABEL", "ENV", "ARG", "RUN", "COPY", "ADD", "WORKDIR", "USER", "ENTRYPOINT", "CMD"}
    assert {word for word, _ in instructions(text)} <= known
    assert all(rest for _, rest in instructions(text))
    assert text.endswith("\n")
    assert not text.endswith("\n\n")
    assert "\n\n\n" not in text
    assert not re.search(r"[ \t]$", text, re.MULTILINE)
    assert "{{" not in text
    assert "{%" not in text


@pytest.mark.parametrize("base", BASES)
def test_a_base_has_the_sandboxs_environment(base: str) -> None:
    assert pairs(RENDERED[base], "ENV") == SANDBOX


@pytest.mark.parametrize("base", BASES)
def test_a_build_base_differs_from_the_sandbox_by_the_systems_path(base: str) -> None:
    pipx = {"PIPX_HOME": "/usr/local/pipx", "PIPX_BIN_DIR": "/usr/local/bin"}
    assert pairs(RENDERED[f"build-{base}"], "ENV") == {**SANDBOX, "PATH": BUILD_PATH, **pipx}


@pytest.mark.parametrize(
    ("base", "uid", "gid"), [("al1", 496, 495), ("al2", 993, 990), ("al2023", 993, 990)], ids=BASES
)
def test_the_account_the_directories_and_tmp(base: str, uid: int, gid: int) -> None:
    for stem in (base, f"build-{base}"):
        run = next(rest for word, rest in instructions(RENDERED[stem]) if word == "RUN")
        assert f"'sbx_user1051:x:{uid}:{gid}::/home/sbx_user1051:/sbin/nologin' >> /etc/passwd" in run
        assert f"'sbx_user1051:x:{gid}:' >> /etc/group" in run
        (made,) = re.findall(r"mkdir -p ([^;]+)", run)
        assert set(made.split()) == {"/opt", "/var/lang", "/var/rapid", "/var/runtime", "/var/task"}
        assert "chown root:root /tmp" in run
        assert "chmod 1777 /tmp" in run
        assert last(RENDERED[stem], "WORKDIR") == "/var/task"


def test_each_runtime_and_base_has_a_build_image() -> None:
    assert {f"build-{name}" for name in (*BASES, *real().runtimes)} == BUILDS


def test_builds_run_as_root() -> None:
    assert {stem: last(RENDERED[stem], "USER") for stem in BUILDS} == dict.fromkeys(BUILDS)


def test_builds_have_no_entrypoint() -> None:
    """That of a base is emptied, the others inherit it."""
    found = {stem: json.loads(last(RENDERED[stem], "ENTRYPOINT") or "null") for stem in BUILDS}
    assert found == {**dict.fromkeys(BUILDS), **{f"build-{base}": [] for base in BASES}}


def test_build_images_greet_with_a_shell() -> None:
    assert {stem: last(RENDERED[stem], "CMD") for stem in BUILDS} == dict.fromkeys(BUILDS, '["/bin/bash"]')


@pytest.mark.parametrize("number", ["10", "16", "18", "20", "22", "26"])
def test_a_build_of_node_finds_the_modules_of_its_own_version(number: str) -> None:
    node_path = f"/opt/nodejs/node{number}/node_modules:/opt/nodejs/node_modules:/var/runtime/node_modules"
    environment = pairs(RENDERED[f"build-nodejs{number}.x"], "ENV")
    assert environment == {**LANGUAGE, "AWS_EXECUTION_ENV": f"AWS_Lambda_nodejs{number}.x", "NODE_PATH": node_path}


@pytest.mark.parametrize(
    ("runtime", "home"),
    [
        ("java8", "/usr/lib/jvm/java-1.8.0-openjdk"),
        ("java8.al2", "/usr/lib/jvm/java-1.8.0-openjdk"),
        ("java8.al2023", "/usr/lib/jvm/java-1.8.0-amazon-corretto"),
        ("java11", "/var/lang"),
        ("java25", "/var/lang"),
    ],
)
def test_java_is_compiled_by_its_own_jdk(runtime: str, home: str) -> None:
    assert pairs(RENDERED[f"build-{runtime}"], "ENV")["JAVA_HOME"] == home


def test_the_sources_of_runtimes_are_the_official_images() -> None:
    froms = {stem: [rest for word, rest in instructions(text) if word == "FROM"] for stem, text in RENDERED.items()}
    assert froms["al2023"] == ["public.ecr.aws/lambda/provided:al2023"]
    assert froms["build-al1"] == ["public.ecr.aws/lambda/provided:alami"]
    repository = real().publish.repository
    assert froms["python3.13"] == ["public.ecr.aws/lambda/python:3.13 AS upstream", f"{repository}:al2023"]
    assert froms["build-nodejs16.x"] == ["public.ecr.aws/lambda/nodejs:16 AS upstream", f"{repository}:build-al2"]
    assert froms["provided.al2"] == [f"{repository}:al2"]


def test_lang_and_runtime_are_copied_after_the_packages() -> None:
    for stem in ("build-nodejs22.x", "build-nodejs6.10"):
        words = [(word, rest) for word, rest in instructions(renderer_of(small()).all()[stem])]
        install = next(i for i, (word, rest) in enumerate(words) if word == "RUN" and "install -y" in rest)
        brought = next(i for i, (word, rest) in enumerate(words) if word in ("COPY", "RUN") and "var/lang" in rest)
        path = next(i for i, (word, _) in enumerate(words) if word == "ENV")
        assert install < brought < path


def test_labels_are_those_of_the_oci_annotations() -> None:
    prefix = "org.opencontainers.image"
    assert pairs(RENDERED["build-python3.13"], "LABEL") == {
        f"{prefix}.title": "build-python3.13",
        f"{prefix}.description": "Python 3.13 on Amazon Linux 2023: compiles AWS Lambda functions",
        f"{prefix}.base.name": "public.ecr.aws/lambda/provided:al2023",
        f"{prefix}.source": "https://github.com/lambda-factory/lambda-factory",
        f"{prefix}.vendor": "lambda-factory",
        f"{prefix}.licenses": "MIT",
    }


def test_a_label_may_say_anything() -> None:
    assert pairs(renderer_of(small()).all()["al2"], "LABEL")["org.opencontainers.image.vendor"] == 'A vendor, "quoted"'


def test_packages_are_sorted_named_once_and_come_from_extras_too() -> None:
    matrix = small_with(('packages = ["which", "jq"]', 'packages = ["zip", "which", "jq"]'))
    text = renderer_of(matrix).all()["build-al1"]
    run = next(rest for word, rest in instructions(text) if "yum install -y" in rest)
    assert run.split("yum install -y ")[1].split() == ["jq", "tar", "which", "zip"]
    assert (
        run.index("yum groups mark convert") < run.index("yum groupinstall -y development") < run.index("yum install")
    )


def test_microdnf_is_asked_for_nothing_that_it_lacks() -> None:
    images = {each.stem for each in expand(real()) if each.base == "al2023"}
    assert {"al2023", "build-al2023", "python3.13", "build-python3.13"} <= images
    texts = {stem: RENDERED[stem] for stem in images}
    for word in ("yum ", "groupinstall", "--allowerasing"):
        assert [stem for stem, text in texts.items() if word in text] == []
    assert "microdnf install" in texts["build-al2023"]


def test_only_the_own_extras_of_a_family_are_installed_in_its_images() -> None:
    text = renderer_of(small()).all()["build-nodejs22.x"]
    run = next(rest for word, rest in instructions(text) if "microdnf install" in rest)
    assert run.split()[-2:] == ["openssl-devel", "zlib-devel"]
    assert "install" not in renderer_of(small()).all()["nodejs22.x"].split("FROM", 1)[1]


def test_archives_are_added_with_their_checksum() -> None:
    found = instructions(renderer_of(small()).all()["python3.9"])
    archive = [(word, rest) for word, rest in found if word in ("ADD", "ARG") and "SOURCE_DATE_EPOCH" not in rest]
    add = ("ADD", "--checksum=sha256:$SOURCE_SHA256 $SOURCE_URL /archive")
    assert archive == [
        ("ARG", "SOURCE_URL=https://archive.example/x86_64/python3.9.tgz"),
        ("ARG", f"SOURCE_SHA256={'a' * 64}"),
        add,
        ("ARG", "SOURCE_URL=https://archive.example/arm64/python3.9.tgz"),
        ("ARG", f"SOURCE_SHA256={'b' * 64}"),
        add,
        ("ARG", "TARGETARCH"),
    ]


def test_a_bootstrap_is_compiled_by_an_extra_that_the_run_image_lacks() -> None:
    renderer = renderer_of(real())
    run, build = (
        renderer.dockerfile(image(name, real())) for name in ("dotnetcore2.0-x86_64", "build-dotnetcore2.0-x86_64")
    )
    for text in (run, build):
        compiling, final = text.split("AS bootstrap", 1)[1].split("\nFROM ", 1)
        assert "/bootstrap/compile /compiled" in compiling
        assert "dotnet-sdk-2.0-archive,target=/mnt" in compiling
        assert "COPY --from=bootstrap /compiled/ /var/runtime/" in final
        assert text.count("AS dotnet-sdk-2.0-archive\n") == 1
    assert "dotnet-sdk" not in run.split("\nFROM ")[-1]
    assert "dotnet-sdk-2.0-archive,target=/mnt" in build.split("\nFROM ")[-1]
    assert [download.name for download in renderer.fetches.downloads(image("dotnetcore2.0-x86_64", real()))] == [
        "source",
        "dotnet-sdk-2.0",
    ]


def test_a_base_without_packages_installs_none() -> None:
    text = renderer_of(small_with(('packages = ["gcc"]\n', ""))).all()["build-al2"]
    assert "yum" not in text


def test_a_matrix_without_environment_sets_none() -> None:
    whole = small_text()
    start, end = whole.index("[environment.run]"), whole.index("[bases.al1]")
    rendered = renderer_of(parse(whole[:start] + whole[end:])).all()
    for stem in ("al2", "build-al2"):
        assert last(rendered[stem], "ENV") is None
        assert "ENV" not in rendered[stem]


def _templates(name: str, text: str) -> Templates:
    """The repository's templates, one of them with another text."""
    return Templates({**project().templates.texts, name: text})


def test_an_undefined_name_in_a_template_is_an_error() -> None:
    name = "base-run.Dockerfile.j2"
    text = changed(project().templates.texts[name], ("{{ base.upstream }}", "{{ base.upstraem }}"))
    with pytest.raises(UsageError, match="upstraem"):
        renderer_of(small(), _templates(name, text)).all()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("one\n\n{% if %}", r"^templates/run\.Dockerfile\.j2:3: "),
        ("{{ 1 ", r"^templates/run\.Dockerfile\.j2:1: "),
        ("{% include 'no-such-part' %}", r"^templates/run\.Dockerfile\.j2: no-such-part"),
        ("{{ nothing }}", r"^templates/run\.Dockerfile\.j2: 'nothing' is undefined"),
    ],
)
def test_a_broken_template_is_told_by_name_and_line(text: str, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        renderer_of(small(), _templates("run.Dockerfile.j2", text)).all()


def test_a_broken_part_is_told_by_its_own_name() -> None:
    with pytest.raises(UsageError, match=r"^templates/blocks\.j2:2: "):
        renderer_of(small(), _templates("blocks.j2", "one\n{% if %}")).all()


def test_a_template_that_is_missing_is_told_by_name() -> None:
    texts = {name: text for name, text in project().templates.texts.items() if name != "run.Dockerfile.j2"}
    with pytest.raises(UsageError, match=r"^templates/run\.Dockerfile\.j2: "):
        renderer_of(small(), Templates(texts)).all()


def test_upstreams_are_what_the_dockerfile_names() -> None:
    renderer = renderer_of(small())
    for stem, expected in {
        "al1-x86_64": ("upstream.example/lambda/provided:alami",),
        "provided.al2-arm64": (),
        "nodejs22.x-arm64": ("upstream.example/lambda/nodejs:22",),
        "nodejs26.x-arm64": ("upstream.example/lambda/nodejs:26-preview",),
        "nodejs6.10-x86_64": ("upstream.example/lambda/provided:alami",),
    }.items():
        assert renderer.fetches.upstreams(image(stem)) == expected
        for reference in expected:
            assert f"FROM {reference}" in renderer.dockerfile(image(stem))


def test_a_bootstrap_is_compiled_on_the_base_that_is_then_upstream_too() -> None:
    renderer = renderer_of(real())
    for name in ("go1.x-x86_64", "build-go1.x-x86_64"):
        upstreams = ("public.ecr.aws/lambda/go:1", "public.ecr.aws/lambda/provided:alami")
        assert renderer.fetches.upstreams(image(name, real())) == upstreams
        assert all(f"FROM {reference} AS " in renderer.dockerfile(image(name, real())) for reference in upstreams)


def test_all_has_every_stem_once() -> None:
    assert list(renderer_of(small()).all()) == [
        *("al1", "build-al1", "al2", "build-al2", "al2023", "build-al2023"),
        *("provided.al2", "build-provided.al2", "nodejs22.x", "build-nodejs22.x", "nodejs26.x", "build-nodejs26.x"),
        *("nodejs6.10", "build-nodejs6.10", "python3.11", "build-python3.11", "python3.9", "build-python3.9"),
    ]


COPIED = [stem for stem in sorted(RENDERED) if "COPY --from=upstream" in RENDERED[stem]]


def test_most_languages_are_copied() -> None:
    assert {"python3.13", "build-python3.13"} <= set(COPIED)
    assert len(COPIED) > len(RENDERED) / 2


@pytest.mark.parametrize("stem", COPIED)
def test_what_depends_on_the_base_alone_comes_before_the_language(stem: str) -> None:
    """All runtimes of a base share these steps, and their layers."""
    _, _, after = final(RENDERED[stem]).partition("COPY --from=upstream")
    unpacked = re.findall(r"mkdir -p (/\S+);(?: \\\n +tar|[^;]*unzip)", after)
    assert all(folder.startswith("/var/lang") for folder in unpacked)
    assert "install-application" not in after
    assert "yum install" not in after


def test_what_a_python_build_image_needs_beside_its_language_comes_before_it() -> None:
    before, found, _ = final(RENDERED["build-python3.13"]).partition("COPY --from=upstream")
    assert found
    assert "poetry" in before
    assert "/usr/local/uv;" in before
