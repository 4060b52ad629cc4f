"""Where the names in a Dockerfile really lead."""

from __future__ import annotations

from pathlib import Path

from factory.build.contexts import labels
from factory.matrix.lock import Lock, Replaced
from factory.plan.keys import LABEL, local_name
from tests.support import contexts, full_lock, image, inputs_of, renderer_of, small, toolchains


def test_a_parent_is_the_finished_image_of_these_very_inputs() -> None:
    of = inputs_of()
    found = contexts(of=of).of(image("provided.al2-arm64"))
    parent = local_name("al2-arm64", of(image("al2-arm64")).key)
    assert found == {"registry.example/factory/lambda:al2": f"docker-image://{parent}"}


def test_a_parent_may_be_a_layout_instead() -> None:
    layout = f"oci-layout:///layouts/1@sha256:{64 * '1'}"
    found = contexts().of(image("provided.al2-arm64"), layout)
    assert found == {"registry.example/factory/lambda:al2": layout}


def test_an_upstream_is_its_locked_digest_at_the_mirror() -> None:
    of = inputs_of()
    found = contexts(small(), of, {"upstream.example": "127.0.0.1:5000"}).of(image("al2-arm64"))
    reference = "upstream.example/lambda/provided:al2"
    locked = of(image("al2-arm64")).upstreams[reference]
    assert found == {reference: f"docker-image://127.0.0.1:5000/lambda/provided@{locked}"}


def test_the_mirror_is_no_input() -> None:
    of = inputs_of(lock=Lock())
    assert contexts(small(), of, {"upstream.example": "m.example"}).inputs_of(image("al2-arm64")) == of(
        image("al2-arm64")
    )


def test_the_label_of_the_inputs_key_is_on_every_image() -> None:
    for name in ("al2-arm64", "nodejs22.x-arm64"):
        assert labels(inputs_of()(image(name)))[LABEL] == inputs_of()(image(name)).key


def test_the_emulator_is_the_context_of_base_run_images() -> None:
    leading = contexts()
    assert leading.folder(image("al2-arm64")) == Path("emulator/arm64")
    assert leading.folder(image("build-al2-arm64")) == Path("empty")
    assert leading.folder(image("nodejs22.x-arm64")) == Path("empty")


def _arguments(name: str, lock: Lock | None = None, mirrors: dict[str, str] | None = None) -> dict[str, str]:
    matrix = toolchains()
    found = contexts(matrix, inputs_of(matrix, lock), mirrors).arguments(image(name, matrix))
    assert found.pop("SOURCE_DATE_EPOCH").isdecimal()
    return found


def test_what_the_dockerfile_says_already_is_no_build_argument() -> None:
    assert _arguments("build-al2-x86_64") == {}


def test_what_only_the_lock_knows_of_an_archive_is_a_build_argument() -> None:
    lock = full_lock(toolchains())
    url = "https://archive.example/package/tools?id=5"
    known = Lock(images=lock.images, archives={**lock.archives, url: "5" * 64})
    assert _arguments("build-java21-x86_64", known) == {"TOOLS_SHA256": "5" * 64}
    assert _arguments("build-java21-x86_64", Lock()) == {}


def test_a_stand_ins_checksum_is_of_the_declared_kind() -> None:
    maven = "https://archive.example/maven.tar.gz"
    lock = Lock(archives={maven: Replaced(instead="a" * 128), "https://archive.example/gradle-8.14.zip": "b" * 64})
    assert _arguments("build-java21-x86_64", lock) == {"MAVEN_SHA512": "a" * 128}, "the matrix wins over a mere copy"


def test_an_archives_mirror_is_a_build_argument_of_its_own_architecture() -> None:
    mirrors = {"archive.example": "127.0.0.1:5001/archive.example"}
    where = "http://127.0.0.1:5001/archive.example/v1.140.0/sam-cli"
    assert _arguments("build-al2-x86_64", None, mirrors) == {"SAM_CLI_URL": f"{where}-x86_64.zip"}
    assert _arguments("build-al2-arm64", None, mirrors) == {"SAM_CLI_URL": f"{where}-arm64.zip"}
    assert _arguments("build-java7-x86_64", None, mirrors).keys() == {"SOURCE_URL", "GRADLE_URL"}
    assert _arguments("java7-x86_64", None, mirrors).keys() == {"SOURCE_URL"}


def test_our_own_bootstrap_is_the_context_of_run_and_build_image() -> None:
    matrix = toolchains()
    java8 = matrix.runtimes["java8"].model_copy(update={"bootstrap": "node"})
    changed = matrix.model_copy(update={"runtimes": {**matrix.runtimes, "java8": java8}})
    leading = contexts(changed)
    for name in ("java8-x86_64", "build-java8-x86_64"):
        assert leading.folder(image(name, changed)) == Path("bootstraps/node")
        dockerfile = renderer_of(changed).dockerfile(image(name, changed))
        assert dockerfile.index("COPY --from=upstream /var/runtime") < dockerfile.index("\nCOPY . /var/runtime/\n")
