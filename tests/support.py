"""Values that many tests need: matrices, images, locks, records."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from datetime import date
from functools import cache
from pathlib import Path

from factory.app.project import Project, load_matrix
from factory.build.contexts import Contexts
from factory.build.records import CheckResult, Record, TestResult
from factory.matrix.downloads import Artifact
from factory.matrix.images import Image, expand
from factory.matrix.loading import parse
from factory.matrix.lock import Lock, Locked, wanted_archives, wanted_images
from factory.matrix.schema import Matrix
from factory.plan.keys import Inputs, InputsOf
from factory.render.dockerfile import Renderer
from factory.render.fetches import Fetches
from factory.render.templates import Templates

ROOT = Path(__file__).parent.parent
REAL = ROOT / "matrix.toml"
GOLDEN = Path(__file__).parent / "golden"
SMALL = GOLDEN / "matrix.toml"
TOOLCHAINS = GOLDEN / "toolchains" / "matrix.toml"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"


@cache
def real() -> Matrix:
    """The repository's own matrix."""
    return load_matrix(REAL)


@cache
def small() -> Matrix:
    """The fixed matrix of the golden files."""
    return load_matrix(SMALL)


@cache
def toolchains() -> Matrix:
    """The fixed matrix of what build images are made of beyond packages."""
    return load_matrix(TOOLCHAINS)


def small_text(*changes: tuple[str, str]) -> str:
    """The text of the small matrix with each first text replaced by the second."""
    return changed(SMALL.read_text(), *changes)


def small_with(*changes: tuple[str, str]) -> Matrix:
    """The small matrix, changed."""
    return parse(small_text(*changes))


def changed(text: str, *changes: tuple[str, str]) -> str:
    """A text with replacements that must all apply."""
    for old, new in changes:
        assert old in text, f"{old!r} is not in the text, the test is out of date"
        text = text.replace(old, new, 1)
    return text


def image(name: str, matrix: Matrix | None = None) -> Image:
    """The image of a name."""
    found = {image.name: image for image in expand(matrix or small())}
    return found[name]


def names(images: Iterable[Image]) -> list[str]:
    """The images' names."""
    return [image.name for image in images]


def digest(seed: str) -> str:
    """A digest that depends on nothing but the seed."""
    return f"sha256:{hashlib.sha256(seed.encode()).hexdigest()}"


def full_lock(matrix: Matrix, resolved: date = date(2026, 11, 1), changes: Mapping[str, str] | None = None) -> Lock:
    """A lock with a digest for everything; `changes` gives references other seeds than their own names."""
    images = {
        reference: Locked(
            digests={arch: digest(f"{(changes or {}).get(reference, reference)} {arch}") for arch in sorted(wanted)},
            resolved=resolved,
        )
        for reference, wanted in wanted_images(matrix).items()
    }
    return Lock(images=images, archives={url: _digits(one) for url, one in wanted_archives(matrix).items()})


def _digits(artifact: Artifact) -> str:
    """The declared checksum, or one that depends on nothing but the address."""
    return artifact.digits or hashlib.sha256(artifact.url.encode()).hexdigest()


def inputs_of(matrix: Matrix | None = None, lock: Lock | None = None, emulator: str = "emulator") -> InputsOf:
    """The inputs of a matrix under a lock, by default a full one."""
    matrix = matrix or small()
    return InputsOf(renderer_of(matrix), lock or full_lock(matrix), emulator, bootstrap_keys())


@cache
def project() -> Project:
    """What the repository has, its own matrix apart."""
    return Project(REAL, ROOT / "matrix.lock")


@cache
def bootstrap_keys() -> dict[str, str]:
    """The fingerprints of the repository's bootstraps."""
    return {name: folder.key() for name, folder in project().bootstraps.items()}


def renderer_of(matrix: Matrix | None = None, templates: Templates | None = None) -> Renderer:
    """Renders a matrix, by default with the repository's templates."""
    return Renderer(Fetches(matrix or small()), templates or project().templates)


def contexts(
    matrix: Matrix | None = None,
    of: InputsOf | None = None,
    mirrors: Mapping[str, str] | None = None,
    network: str | None = None,
    pip_conf: Path | None = None,
) -> Contexts:
    """Where the names in a matrix's Dockerfiles lead."""
    matrix = matrix or small()
    return Contexts(Fetches(matrix), of or inputs_of(matrix), mirrors or {}, network, pip_conf)


def passed(key: str = "tests") -> TestResult:
    """A smoke test that passed."""
    return TestResult(key, "2026-11-23T12:00:00+00:00", (CheckResult("runs", True, 0.5),))


def failed(key: str = "tests", message: str = "it does not run") -> TestResult:
    """A smoke test that did not."""
    checks = (CheckResult("runs", False, 0.5, message), CheckResult("starts", True, 0.25))
    return TestResult(key, "2026-11-23T12:00:00+00:00", checks)


def not_executed(key: str = "tests") -> TestResult:
    """A smoke test that could not invoke its image; what could be checked was right."""
    checks = (CheckResult("is plain", True, 0.5),)
    return TestResult(key, "2026-11-23T12:00:00+00:00", checks, "no interpreter", ("runs", "answers"))


def record(
    name: str,
    inputs: Inputs,
    tests: TestResult | None = None,
    pushed: dict[str, list[str]] | None = None,
    built: str = "2026-11-23T11:00:00.000+00:00",
    with_digest: str | None = None,
) -> Record:
    """What is known of an image that was built from these inputs."""
    return Record(
        digest=with_digest or digest(f"{name} {inputs.key}"),
        media_type=OCI_MANIFEST,
        name=name,
        inputs_key=inputs.key,
        inputs=inputs,
        built=built,
        build_seconds=1.5,
        size=12_345_678,
        packages=("bash-5-1.x86_64",),
        tests=tests,
        pushed=pushed or {},
    )
