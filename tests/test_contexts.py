"""Where the names in a Dockerfile really lead."""

from __future__ import annotations

from pathlib import Path

from factory.contexts import Contexts, labels
from factory.keys import LABEL, local_name
from factory.lock import Lock
from factory.render import Renderer
from tests.support import image, inputs_of, small


def test_a_parent_is_the_finished_image_of_these_very_inputs() -> None:
    of = inputs_of()
    found = Contexts(Renderer(small()), of, {}).of(image("provided.al2-arm64"))
    parent = local_name("al2-arm64", of(image("al2-arm64")).key)
    assert found == {"registry.example/factory/lambda:al2": f"docker-image://{parent}"}


def test_an_upstream_is_its_locked_digest_at_the_mirror() -> None:
    of = inputs_of()
    found = Contexts(Renderer(small()), of, {"upstream.example": "127.0.0.1:5000"}).of(image("al2-arm64"))
    reference = "upstream.example/lambda/provided:al2"
    locked = of(image("al2-arm64")).upstreams[reference]
    assert found == {reference: f"docker-image://127.0.0.1:5000/lambda/provided@{locked}"}


def test_the_mirror_is_no_input() -> None:
    of = inputs_of(lock=Lock())
    assert Contexts(Renderer(small()), of, {"upstream.example": "m.example"}).inputs_of(image("al2-arm64")) == of(
        image("al2-arm64")
    )


def test_the_label_of_the_inputs_key_is_on_every_image() -> None:
    for name in ("al2-arm64", "nodejs22.x-arm64"):
        assert labels(inputs_of()(image(name)))[LABEL] == inputs_of()(image(name)).key


def test_the_emulator_is_the_context_of_base_run_images() -> None:
    contexts = Contexts(Renderer(small()), inputs_of(), {})
    assert contexts.folder(image("al2-arm64")) == Path("emulator/arm64")
    assert contexts.folder(image("build-al2-arm64")) == Path("empty")
    assert contexts.folder(image("nodejs22.x-arm64")) == Path("empty")
