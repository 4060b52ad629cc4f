"""What takes room in an image."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from factory.build.records import Layer, Record, Records
from factory.build.sizes import of_extras, overhead, own_layers, with_packages
from factory.matrix.extras import brought
from factory.matrix.images import Image, expand
from factory.matrix.schema import Matrix
from factory.matrix.words import Variant
from factory.render.steps import UPSTREAM, Step
from tests.support import image, inputs_of, names, record, renderer_of, small, toolchains

BASE, RUN, TOOLS = image("al2-x86_64"), image("python3.11-x86_64"), image("build-nodejs22.x-x86_64")
SIZES = [5000, 0, 700, 0, 300, 9000, 11, 0]
"""Bytes by entry of the history: one of upstream's, two of the base's, five of the run image's."""
BASE_STEPS = (Step("LABEL title=al2"), Step("RUN set -eu; mkdir -p /opt"))
RUN_STEPS = (
    Step("LABEL title=python3.11"),
    Step("RUN yum install -y zip"),
    Step("COPY --from=upstream /var/lang /var/lang", UPSTREAM),
    Step("COPY . /var/runtime/"),
    Step("ENV PATH=/var/lang/bin"),
)


def _made(of: Image, *layers: Layer, matrix: Matrix | None = None) -> Record:
    return replace(record(of.name, inputs_of(matrix)(of)), layers=layers)


def test_the_steps_of_the_images_own_dockerfile_that_wrote_something() -> None:
    assert own_layers(SIZES, RUN_STEPS) == (
        Layer("RUN yum install -y zip", 300),
        Layer("COPY --from=upstream /var/lang /var/lang", 9000, UPSTREAM),
        Layer("COPY . /var/runtime/", 11),
    )
    assert own_layers(SIZES[:3], BASE_STEPS) == (Layer("RUN set -eu; mkdir -p /opt", 700),)
    assert own_layers(SIZES, ()) == ()


def test_a_history_that_the_engine_cannot_tell_says_nothing_of_any_step() -> None:
    assert own_layers([], RUN_STEPS) == ()
    assert own_layers(SIZES[:4], RUN_STEPS) == ()


def test_the_overhead_is_all_that_is_not_upstreams_the_parents_included() -> None:
    parent = _made(BASE, *own_layers(SIZES[:3], BASE_STEPS))
    made = _made(RUN, *own_layers(SIZES, RUN_STEPS))
    assert overhead(made, parent) == 700 + 300 + 11
    assert overhead(parent, None) == 700
    assert overhead(made, None) is None
    assert overhead(made, replace(parent, inputs_key="another")) is None
    assert overhead(replace(made, layers=()), parent) == 700
    assert overhead(made, replace(parent, layers=())) is None


def test_the_size_of_an_extra_is_that_of_its_packages() -> None:
    matrix = small()
    installed = {
        "openssl-devel-3-1.x86_64": ("openssl-devel", 100),
        "zlib-devel-1-1.x86_64": ("zlib-devel", 20),
        "bash-5-1.x86_64": ("bash", 7),
    }
    made = with_packages(_made(TOOLS), installed, matrix, TOOLS)
    assert made.packages == ("bash-5-1.x86_64", "openssl-devel-3-1.x86_64", "zlib-devel-1-1.x86_64")
    assert made.package_sizes == {"openssl-devel": 100, "zlib-devel": 20}
    assert of_extras(matrix, TOOLS, made) == {"headers": 120}


@pytest.mark.parametrize("name", names(image for image in expand(toolchains()) if image.variant is Variant.BUILD))
def test_the_size_of_an_extra_is_that_of_its_step_as_the_templates_write_it(name: str) -> None:
    """Each step is given a size of its own, so that no extra can be taken for another."""
    matrix, tools = toolchains(), image(name, toolchains())
    steps = renderer_of(matrix).steps(tools)
    made = _made(tools, *own_layers([2**number for number in range(len(steps))], steps), matrix=matrix)
    extras = dict(brought(matrix, tools))
    made = replace(made, package_sizes={name: 0 for extra in extras.values() for name in (*extra.yum, *extra.microdnf)})
    found = of_extras(matrix, tools, made)
    assert found.keys() == extras.keys()
    sizes = [size for size in found.values() if size]
    assert len(set(sizes)) == len(sizes)
    for name, size in found.items():
        mark = extras[name].into or extras[name].pip.get(tools.base) or extras[name].pipx.get(tools.base)
        assert size == 0 if mark is None else size and mark in steps[size.bit_length() - 1].text


def test_what_the_record_does_not_know_is_unknown() -> None:
    assert of_extras(small(), TOOLS, _made(TOOLS)) == {"headers": None}


def test_sizes_are_kept(tmp_path: Path) -> None:
    made = replace(_made(TOOLS, Layer("RUN something", 5, "extra zip")), package_sizes={"zip": 3})
    Records(tmp_path).save(made)
    assert Records(tmp_path).get(made.digest) == made
