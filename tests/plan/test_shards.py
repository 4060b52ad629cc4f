"""Sharing images out over CI jobs."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from factory.build.present import last_seconds
from factory.errors import UsageError
from factory.matrix.images import Image, expand
from factory.matrix.words import Architecture, Variant
from factory.plan.shards import MOST_JOBS, RUNNERS, Part, Wave, job_matrix, seconds_of, share
from tests.support import inputs_of, passed, real, record, small

IMAGES = expand(real())


def length(image: Image) -> float:
    return 60.0 if image.variant is Variant.BUILD else 10.0


@settings(deadline=None)
@given(st.integers(1, MOST_JOBS))
def test_every_image_is_in_one_job(jobs: int) -> None:
    shares = share(IMAGES, jobs, length)
    assert sorted(image.name for job in shares for image in job.images) == sorted(image.name for image in IMAGES)
    assert len(shares) <= max(jobs, 2)
    assert all(image.architecture is job.architecture for job in shares for image in job.images)


def test_jobs_take_about_the_same_time() -> None:
    shares = share(IMAGES, 20, length)
    mean = sum(job.seconds for job in shares) / len(shares)
    assert max(job.seconds for job in shares) <= mean + 70
    assert min(job.seconds for job in shares) >= mean - 70


def test_the_variants_of_a_runtime_stay_together() -> None:
    for job in share(IMAGES, MOST_JOBS, length):
        variants = {image.variant for image in job.images}
        assert variants == {Variant.RUN, Variant.BUILD}


def test_nothing_to_do_is_no_job() -> None:
    assert share([], 5, length) == []
    assert job_matrix([]) == {"include": []}


def test_a_job_runs_on_its_own_architecture_and_names_its_images() -> None:
    images = [image for image in IMAGES if image.runtime == "python3.13"]
    entries = job_matrix(share(images, 2, length))["include"]
    assert {entry["architecture"]: entry["runner"] for entry in entries} == {
        str(architecture): runner for architecture, runner in RUNNERS.items()
    }
    assert entries[0] == {
        "name": "x86_64 1/2",
        "slug": "x86_64-1-of-2",
        "architecture": "x86_64",
        "runner": RUNNERS[Architecture.X86_64],
        "images": "python3.13-x86_64 build-python3.13-x86_64",
        "seconds": 70,
    }


def test_times_come_from_the_records_and_from_those_of_the_same_variant() -> None:
    run, build, *others = expand(small())
    known = record(run.name, inputs_of()(run), passed())
    took = last_seconds({run: known, build: None})
    assert took == {run: known.build_seconds + 0.5}
    seconds = seconds_of(took)
    assert seconds(run) == known.build_seconds + 0.5
    assert seconds(build) == known.build_seconds + 0.5
    assert seconds_of({})(others[0]) > 0
    alike = next(image for image in others if image.variant is build.variant)
    assert seconds_of({run: 10.0, build: 60.0})(alike) == 60.0


def test_waves_are_the_whole() -> None:
    for image in IMAGES:
        assert Wave.BASES.has(image) is (image.runtime is None)
        assert Wave.BASES.has(image) is not Wave.RUNTIMES.has(image)


@pytest.mark.parametrize("text", ["", "0", "0/4", "5/4", "x", "1/x", "-1", "1/2/3", "/4", "4/"])
def test_what_is_no_part_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="is no part of a whole; write I/N"):
        Part.parse(text)


def test_parts() -> None:
    assert (Part.parse("1/4"), Part.parse("4/4"), Part.parse("7")) == (Part(1, 4), Part(4, 4), Part(0, 7))
