"""Inputs keys: what changes them, and only that."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import asdict, fields, replace
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from factory.files import read_folder
from factory.matrix.images import expand
from factory.matrix.lock import Lock, Replaced, Unresolved
from factory.matrix.schema import Matrix
from factory.plan.keys import UNLOCKED, Inputs, InputsOf, local_name
from tests.support import bootstrap_keys, full_lock, image, inputs_of, renderer_of, small, small_with, toolchains

NODE22 = "upstream.example/lambda/nodejs:22"
AL2023 = "upstream.example/lambda/provided:al2023"


def keys(of: InputsOf, matrix: Matrix | None = None) -> dict[str, str]:
    return {image.name: of(image).key for image in expand(matrix or small())}


def changed_by(of: InputsOf) -> set[str]:
    """The images whose key differs from that of the plain small matrix."""
    before, after = keys(inputs_of()), keys(of)
    return {name for name in before if before[name] != after[name]}


def where(condition: Callable[[str], bool]) -> set[str]:
    return {image.name for image in expand(small()) if condition(image.name)}


def test_keys_are_deterministic_and_all_different() -> None:
    assert keys(inputs_of()) == keys(inputs_of())
    found = keys(inputs_of())
    assert len(set(found.values())) == len(found)
    assert all(re.fullmatch(r"[0-9a-f]{64}", key) for key in found.values())


def test_the_order_of_the_matrix_does_not_matter() -> None:
    text = {**small().runtimes}
    turned = small().model_copy(update={"runtimes": dict(reversed(text.items()))})
    assert keys(inputs_of(turned)) == keys(inputs_of())


def test_a_moved_digest_changes_its_own_images_and_no_others() -> None:
    lock = full_lock(small(), changes={NODE22: "moved"})
    assert changed_by(inputs_of(lock=lock)) == where(lambda name: "nodejs22.x" in name)


def test_a_moved_base_changes_its_descendants() -> None:
    lock = full_lock(small(), changes={AL2023: "moved"})
    assert changed_by(inputs_of(lock=lock)) == where(
        lambda name: any(word in name for word in ("al2023", "nodejs22.x", "nodejs26.x"))
    )


def test_one_architectures_digest_changes_that_architecture_alone() -> None:
    lock = full_lock(small())
    entry, moved = lock.images[NODE22], full_lock(small(), changes={NODE22: "moved"}).images[NODE22]
    digests = {arch: (moved if arch == "arm64" else entry).digests[arch] for arch in entry.digests}
    partly = Lock(images={**lock.images, NODE22: entry.model_copy(update={"digests": digests})})
    assert changed_by(inputs_of(lock=partly)) == {"nodejs22.x-arm64", "build-nodejs22.x-arm64"}


def test_a_changed_emulator_changes_run_images_only() -> None:
    assert changed_by(inputs_of(emulator="another")) == where(lambda name: not name.startswith("build-"))


def test_a_changed_declaration_changes_the_dockerfiles_that_show_it() -> None:
    matrix = small_with(('handler = "index.handler"', 'handler = "main.handler"'))
    assert changed_by(inputs_of(matrix)) == where(lambda name: name.startswith("nodejs"))
    matrix = small_with(('NODE_PATH = "/opt', 'NODE_PATH = "/etc'))
    assert changed_by(inputs_of(matrix)) == where(lambda name: name.startswith("build-nodejs"))


def test_a_smoke_folder_or_a_date_changes_no_image() -> None:
    matrix = small_with(("released = 2024-11-22", "released = 2024-11-23"), ('smoke = "node"', 'smoke = "nodejs"'))
    assert changed_by(inputs_of(matrix)) == set()


def test_a_youngers_days_epoch_is_inherited_from_the_parent() -> None:
    lock = full_lock(small())
    young = lock.images[AL2023].model_copy(update={"resolved": date(2026, 11, 20)})
    of = inputs_of(lock=Lock(images={**lock.images, AL2023: young}))
    plain = inputs_of()
    assert of(image("nodejs22.x-arm64")).epoch == of(image("al2023-arm64")).epoch > plain(image("al2023-arm64")).epoch
    assert of(image("python3.11-x86_64")).epoch == plain(image("python3.11-x86_64")).epoch


def test_an_unlocked_reference_is_part_of_the_key_as_such() -> None:
    of = inputs_of(lock=Lock())
    assert of(image("nodejs22.x-arm64")).upstreams == {NODE22: UNLOCKED}
    assert of.unlocked(image("nodejs22.x-arm64")) == (NODE22,)
    assert of.unlocked(image("provided.al2-arm64")) == ()
    assert inputs_of().unlocked(image("nodejs22.x-arm64")) == ()


def test_only_what_is_copied_from_the_context_counts() -> None:
    of = inputs_of()
    assert of(image("al2-x86_64")).context == "emulator"
    assert of(image("build-al2-x86_64")).context is None
    assert of(image("provided.al2-x86_64")).context is None
    assert of(image("provided.al2-x86_64")).parent == of(image("al2-x86_64")).key


@pytest.mark.parametrize("name", [field.name for field in fields(Inputs)])
def test_every_input_counts(name: str) -> None:
    plain = inputs_of()(image("al2-x86_64"))
    special: dict[str, Any] = {
        "archives": {"https://a.b/c": "sha256:0"},
        "upstreams": {"a.b/c:d": "sha256:0"},
        "epoch": 7,
    }
    changes: dict[str, Any] = {name: special.get(name, "something else")}
    assert replace(plain, **changes).key != plain.key


def test_inputs_survive_a_record() -> None:
    plain = inputs_of()(image("nodejs22.x-arm64"))
    assert Inputs.parse(asdict(plain)) == plain
    assert Inputs.parse(asdict(plain)).key == plain.key


def test_local_names_are_by_content_and_of_no_real_registry() -> None:
    key = inputs_of()(image("nodejs22.x-arm64")).key
    assert local_name("nodejs22.x-arm64", key) == f"factory.invalid/nodejs22.x-arm64:{key[:24]}"


def test_inputs_are_of_one_renderer() -> None:
    renderer = renderer_of(small())
    of = InputsOf(renderer, full_lock(small()), "e", {})
    assert of(image("al2-x86_64")) is of(image("al2-x86_64"))


GRADLE = "https://archive.example/gradle-8.14.zip"
TOOLS = "https://archive.example/package/tools?id=5"


def _toolchain_keys(lock: Lock) -> dict[str, str]:
    return keys(inputs_of(toolchains(), lock), toolchains())


def test_a_checksum_that_the_lock_alone_knows_is_part_of_the_key_of_its_images() -> None:
    lock = full_lock(toolchains())
    before = _toolchain_keys(Lock(images=lock.images, archives={TOOLS: "5" * 64}))
    after = _toolchain_keys(Lock(images=lock.images, archives={TOOLS: "6" * 64}))
    assert {name for name in before if before[name] != after[name]} == {"build-java21-x86_64", "build-java21-arm64"}


def test_a_stand_in_makes_another_image() -> None:
    lock = full_lock(toolchains())
    before = _toolchain_keys(lock)
    after = _toolchain_keys(Lock(images=lock.images, archives={**lock.archives, GRADLE: Replaced(instead="9" * 64)}))
    changed = {name for name in before if before[name] != after[name]}
    by_gradle = ("build-java", "build-archived1.x", "archived1.x")  # it compiles the bootstrap of the last two
    assert changed == {name for name in before if name.startswith(by_gradle)}


@pytest.mark.parametrize("archives", [{}, {TOOLS: Unresolved(unresolved="no answer")}])
def test_an_archive_without_a_checksum_is_unverifiable(archives: dict[str, Unresolved]) -> None:
    of = inputs_of(toolchains(), Lock(images=full_lock(toolchains()).images, archives=archives))
    assert of.unverifiable(image("build-java21-x86_64", toolchains())) == (TOOLS,)
    assert of.unverifiable(image("build-java8-x86_64", toolchains())) == ()


def test_an_archive_that_a_lab_lacks_is_unverifiable_though_it_is_declared() -> None:
    of = inputs_of(toolchains(), Lock(archives={GRADLE: Unresolved(unresolved="it has no such file")}))
    assert of.unverifiable(image("build-java8-x86_64", toolchains())) == (GRADLE,)


def test_what_a_bootstrap_holds_is_part_of_the_key(tmp_path: Path) -> None:
    (tmp_path / "lib").mkdir(parents=True)
    file = tmp_path / "lib" / "bootstrap"
    file.write_text("one")
    java8 = toolchains().runtimes["java8"].model_copy(update={"bootstrap": "node"})
    matrix = toolchains().model_copy(update={"runtimes": {**toolchains().runtimes, "java8": java8}})

    def now() -> dict[str, str]:
        bootstraps = {**bootstrap_keys(), "node": read_folder(tmp_path).key()}
        return keys(InputsOf(renderer_of(matrix), full_lock(matrix), "emulator", bootstraps), matrix)

    seen = [now()]
    for change in (lambda: file.write_text("two"), lambda: file.chmod(0o755), lambda: file.rename(file.parent / "b")):
        change()
        seen.append(now())
    for before, after in pairwise(seen):
        assert {name for name in before if before[name] != after[name]} == {"java8-x86_64", "build-java8-x86_64"}
