"""The catalogue, from a registry and a small matrix."""

from __future__ import annotations

import json
import re
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from factory.app.outside import Outside
from factory.build.records import Records, document
from factory.cli.main import main
from factory.matrix import lock
from factory.matrix.images import expand
from factory.plan.keys import LABEL
from factory.registry.attached import PREDICATE_ANNOTATION, SIGNATURE_PREDICATE, signature_tag
from factory.registry.client import Registry
from factory.registry.manifests import OCI_MANIFEST, Manifest, digest_of
from factory.registry.referrers import Document, Referrers
from factory.report.catalogue import Entry, chart, ending
from tests.fake_registry import FakeRegistry
from tests.support import SMALL, failed, full_lock, image, inputs_of, passed, record, small, small_with

NAME = "factory/lambda"
RUN, BUILD = "python3.11-x86_64", "build-python3.11-x86_64"


@pytest.fixture
def world(registry: FakeRegistry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeRegistry:
    """A folder with the small matrix, in which we are, and a registry with one image that was published and signed."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FACTORY_REGISTRY", str(registry.repository(NAME)))
    Path("matrix.toml").write_text(SMALL.read_text())
    lock.write(Path("matrix.lock"), full_lock(small()))
    config = json.dumps({"config": {"Labels": {LABEL: inputs_of()(image(RUN)).key}}}).encode()
    registry.blobs[digest_of(config)] = config
    layers = [{"digest": "sha256:0", "size": 1_500_000}]
    content = {"mediaType": OCI_MANIFEST, "config": {"digest": digest_of(config)}, "layers": layers}
    manifest = Manifest(OCI_MANIFEST, json.dumps(content).encode())
    for tag in (RUN, f"20261120-{RUN}"):
        registry.keep(NAME, tag, manifest)
    registry.keep(NAME, signature_tag(manifest.digest), manifest)
    known = record(RUN, inputs_of()(image(RUN)), passed(), with_digest=manifest.digest)
    Referrers(Registry(retries=0), registry.repository(NAME), tmp_path / "locks").attach(manifest, document(known))
    return registry


def page(*words: str) -> str:
    assert main(["catalogue", *words], Outside(now=lambda: datetime(2026, 11, 23, 12, tzinfo=UTC))) == 0
    return Path("build/site/index.html").read_text()


def article(name: str, text: str) -> str:
    match = re.search(rf'<article id="{re.escape(name)}".*?</article>', text, re.S)
    assert match, f"{name} is not in the catalogue"
    return match[0]


def test_every_image_is_there_with_its_commands(world: FakeRegistry) -> None:
    text = page()
    for each in expand(small()):
        told = article(each.name, text)
        assert f"docker pull {world.repository(NAME)}:{each.name}" in told
    assert "docker run --rm -v &#34;$PWD&#34;:/var/task:ro,delegated" in article(RUN, text)
    assert "bash</pre>" in article(BUILD, text)


def test_what_is_published_is_told(world: FakeRegistry) -> None:
    told = article(RUN, page())
    assert world.tags(NAME)[RUN] in told
    assert f"20261120-{RUN}" in told
    assert "2026-11-20" in told
    assert "signed by digest" in told
    assert "1 checks passed" in told
    assert "1.5 MB" in told


@pytest.mark.parametrize(("predicate", "signed"), [(SIGNATURE_PREDICATE, True), ("https://spdx.dev/Document", False)])
def test_a_signature_of_cosign_3_is_one_and_a_statement_is_not(
    world: FakeRegistry, tmp_path: Path, predicate: str, signed: bool
) -> None:
    manifest = world.manifests[NAME, RUN]
    del world.manifests[NAME, signature_tag(manifest.digest)]
    bundle = Document("application/vnd.dev.sigstore.bundle.v0.3+json", b"{}", {PREDICATE_ANNOTATION: predicate})
    Referrers(Registry(retries=0), world.repository(NAME), tmp_path / "locks").attach(manifest, bundle)
    assert ("signed by digest" in article(RUN, page())) is signed


def test_what_is_not_published_is_told_as_such(world: FakeRegistry) -> None:
    told = article(BUILD, page())
    assert "not published" in told
    assert "not tested" in told


@pytest.mark.usefixtures("world")
def test_a_failure_is_shown_with_what_was_said_and_cannot_break_the_page() -> None:
    made = record(BUILD, inputs_of()(image(BUILD)), failed(message="<script>alert(1)</script> & more"))
    Records(Path("build")).save(made)
    told = article(BUILD, page())
    assert "runs: &lt;script&gt;alert(1)&lt;/script&gt; &amp; more" in told
    assert 'data-state="failed ' in told


@pytest.mark.usefixtures("world")
def test_selectors_choose_what_is_listed() -> None:
    text = page("python3.11")
    assert RUN in text
    assert "nodejs22.x" not in text


def test_the_same_as_markdown(world: FakeRegistry) -> None:
    page()
    text = Path("build/site/catalogue.md").read_text()
    row = next(line for line in text.splitlines() if line.startswith(f"| `{RUN}`"))
    assert row.endswith(f"| 2026-11-20 | 1 checks passed | yes | `{world.tags(NAME)[RUN][7:19]}` |")
    assert len([line for line in text.splitlines() if line.startswith("| `")]) == len(expand(small()))


@pytest.mark.usefixtures("world")
def test_the_page_needs_nothing_from_elsewhere() -> None:
    text = page()
    assert "<link" not in text
    assert " src=" not in text
    assert re.findall(r'href="([^"]*)"', text) == [small().publish.source, "catalogue.md"]


@pytest.mark.parametrize(
    ("dates", "told"),
    [
        ("deprecated = 2027-04-30", "deprecated from 2027-04-30"),
        ("deprecated = 2026-01-01, create_blocked = 2027-02-01", "no new functions from 2027-02-01"),
        ("deprecated = 2027-02-01, create_blocked = 2027-01-01", "no new functions from 2027-01-01"),
        ("deprecated = 2028-01-01", ""),
        ("deprecated = 2026-01-01", ""),
        ("preview = true", ""),
    ],
)
def test_what_ends_within_half_a_year(dates: str, told: str) -> None:
    matrix = small_with(('[runtimes."python3.11"]\n', f'[runtimes."python3.11"]\nlifecycle = {{ {dates} }}\n'))
    assert ending(matrix, image(RUN), date(2026, 11, 23)) == told
    assert ending(matrix, image("al2-x86_64"), date(2026, 11, 23)) == ""


def test_bars_are_parts_of_the_largest() -> None:
    def entry(name: str, size: int) -> Entry:
        return Entry(image(name), "", "", "", (), None, size, None, (), (), "", "", False, "", "")

    bars = chart([entry(RUN, 50), entry(BUILD, 200), entry("nodejs22.x-arm64", 400), entry("al2-x86_64", 0)])
    assert {family: [(bar.label, bar.sizes) for bar in found] for family, found in bars.items()} == {
        "python": [("python3.11", {"run": (50, 12.5), "build": (200, 50.0)})]
    }
