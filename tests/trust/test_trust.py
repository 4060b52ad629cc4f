"""Provenance, attesting, signing, verifying, with stand-ins for cosign and syft: tests/lab calls the real ones."""

from __future__ import annotations

import json
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from factory.build.records import RECORD_TYPE, document
from factory.cli import main as cli
from factory.errors import MachineError
from factory.plan.keys import Inputs
from factory.registry.attached import PREDICATE_ANNOTATION, SIGNATURE_PREDICATE, referrers_tag, signature_tag
from factory.registry.client import Registry
from factory.registry.manifests import OCI_INDEX, OCI_MANIFEST, Manifest
from factory.registry.references import Repository
from factory.registry.referrers import CREATED, Document, Referrers
from factory.trust.attest import Attester
from factory.trust.provenance import IN_TOTO, Origin, provenance
from factory.trust.sbom import CYCLONEDX, SPDX
from factory.trust.signing import Cosign, Trusted
from factory.trust.tools import TrustError
from factory.trust.verify import Verdict, Verifier
from tests.fake_registry import FakeRegistry
from tests.support import digest, image, inputs_of, passed, record

NAME = "factory/lambda"
TAG = "nodejs22.x-x86_64"
SOURCE = "https://git.example/factory"
BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"
SIGNATURE = {PREDICATE_ANNOTATION: SIGNATURE_PREDICATE}
LATER = {CREATED: "2999-01-01T00:00:00+00:00"}
HERE = Origin(f"{SOURCE}#a-machine-of-somebodys", "", SOURCE, "c0ffee", False)
DOCUMENTS = {"provenance": IN_TOTO, "SBOM (SPDX)": SPDX, "SBOM (CycloneDX)": CYCLONEDX, "smoke record": RECORD_TYPE}

COSIGN = """#!/bin/sh
[ "$1 $2" = "sign --help" ] && { echo "${COSIGN_HELP:-}"; exit 0; }
# Remembers what it signed; refuses whatever it did not sign, as the real one does.
[ "$COSIGN_FAILS" ] && { echo "Error: signing: no such key" >&2; echo "main.go:74: error" >&2; exit 1; }
for word; do case $word in *@sha256:*)
  case $1 in
    sign) echo "${word#*@}" >> "$SIGNED" ;;
    verify) grep -qx "${word#*@}" "$SIGNED" 2>/dev/null || { echo "Error: no signatures found" >&2; exit 10; } ;;
  esac ;; esac
done
echo "$*" >> "$SIGNED.calls"
"""
SYFT = """#!/bin/sh
echo "$*" >> "$SIGNED.calls"
for word; do case $word in
  --output=spdx-json=*) echo '{"packages": [{}]}' > "${word#--output=spdx-json=}" ;;
  --output=cyclonedx-json=*) echo '{"components": [{}, {}]}' > "${word#--output=cyclonedx-json=}" ;;
esac; done
"""


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the stand-ins, first on PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name, text in {"cosign": COSIGN, "syft": SYFT}.items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    monkeypatch.setenv("SIGNED", str(tmp_path / "signed"))
    return folder


class World:
    """A published image, and what attests, signs and checks it."""

    def __init__(self, registry: FakeRegistry, folder: Path) -> None:
        self.registry, self.folder = registry, folder
        self.client = Registry(retries=0)
        self.repository = registry.repository(NAME)
        self.referrers = Referrers(self.client, self.repository, folder)
        self.manifest = registry.image(NAME, TAG)
        self.record = record(TAG, _inputs(), passed(), with_digest=self.manifest.digest)
        self.signer = Cosign(self.referrers, "cosign.key", logged=False)

    def publish(self) -> None:
        """As a push does it: the record is attached before the rest."""
        self.referrers.attach(self.manifest, document(self.record))
        self.endorse()

    def endorse(self, signer: bool = True) -> None:
        Attester(self.referrers, HERE).attest(self.manifest, self.record)
        if signer:
            self.sign()

    def sign(self) -> None:
        self.signer.sign(TAG, self.manifest)

    def verify(self, reference: str = TAG) -> dict[str, Verdict]:
        verifier = Verifier(self.referrers, Trusted("cosign.pub", logged=False))
        return {finding.item: finding for finding in verifier.verify(reference)}

    def bundle(self, digest: str, annotations: dict[str, str]) -> None:
        """Attaches a bundle as cosign 3 does: its annotations are not in the index of a registry without the API."""
        subject = self.client.manifest(self.repository, digest)
        assert subject
        made = self.referrers.attach(subject, Document(BUNDLE, f'{{"for": "{digest}"}}'.encode(), annotations))
        if not self.registry.keeps_referrers:
            index = self.registry.manifests[NAME, referrers_tag(digest)].json()
            for entry in index["manifests"]:
                if entry["digest"] == made:
                    del entry["annotations"]
            index["manifests"].sort(key=lambda entry: entry["digest"])
            self.registry.keep(NAME, referrers_tag(digest), Manifest(OCI_INDEX, json.dumps(index).encode()))

    def calls(self) -> list[str]:
        return (self.folder / "signed.calls").read_text().splitlines()

    def without(self, kind: str) -> None:
        """The registry loses a document."""
        [gone] = [one.digest for one in self.referrers.of(self.manifest.digest) if one.artifact_type == kind]
        del self.registry.manifests[NAME, gone]


@pytest.fixture
def world(registry: FakeRegistry, tmp_path: Path, programs: Path) -> World:
    return World(registry, tmp_path)


def test_the_statement_has_the_fields_of_slsa_1() -> None:
    """The names are those of slsa.dev/spec/v1.0/provenance, which says more, and what must be there."""
    statement = _statement(HERE)
    assert statement.keys() == {"_type", "subject", "predicateType", "predicate"}
    assert statement["_type"] == "https://in-toto.io/Statement/v1"
    assert statement["predicateType"] == "https://slsa.dev/provenance/v1"
    definition, details = statement["predicate"]["buildDefinition"], statement["predicate"]["runDetails"]
    assert statement["predicate"].keys() == {"buildDefinition", "runDetails"}
    assert definition.keys() == {"buildType", "externalParameters", "internalParameters", "resolvedDependencies"}
    assert details.keys() == {"builder", "metadata"}
    assert details["metadata"].keys() == {"invocationId", "startedOn", "finishedOn"}
    assert details["builder"]["id"] == HERE.identity
    assert definition["buildType"] == f"{SOURCE}/blob/main/docs/trust.md#provenance"


def test_the_statement_tells_of_this_very_image() -> None:
    statement = _statement(HERE)
    definition = statement["predicate"]["buildDefinition"]
    assert statement["subject"][0]["digest"] == {"sha256": digest("image").removeprefix("sha256:")}
    assert definition["externalParameters"] == {"image": TAG, "platform": "linux/amd64"}
    assert definition["internalParameters"]["inputsKey"] == _inputs().key
    assert Inputs.parse(definition["internalParameters"]["inputs"]) == _inputs()


def test_it_names_every_upstream_by_digest_and_the_commit() -> None:
    dependencies = _statement(HERE)["predicate"]["buildDefinition"]["resolvedDependencies"]
    upstreams = {f"docker://{ref}": {"sha256": value[7:]} for ref, value in _inputs().upstreams.items()}
    assert upstreams
    assert {one["uri"]: one["digest"] for one in dependencies} == {
        **upstreams,
        f"git+{SOURCE}": {"gitCommit": "c0ffee"},
    }


def test_it_names_every_archive_by_its_checksum() -> None:
    inputs = Inputs("d", None, {}, 0, None, "linux/amd64", {"https://a.example/x.zip": f"sha512:{'5' * 128}"})
    made = provenance(Repository("registry.example", NAME), record("x", inputs, passed()), HERE)
    dependencies = json.loads(made.content)["predicate"]["buildDefinition"]["resolvedDependencies"]
    assert {"uri": "https://a.example/x.zip", "digest": {"sha512": "5" * 128}} in dependencies


def test_started_and_finished_are_utc_whatever_the_clock_of_the_record() -> None:
    here = record(TAG, _inputs(), passed(), built="2026-11-23T13:00:00.000+02:00")
    metadata = json.loads(provenance(Repository("registry.example", NAME), here, HERE).content)["predicate"][
        "runDetails"
    ]
    assert metadata["metadata"]["finishedOn"] == "2026-11-23T11:00:00Z"
    assert datetime.fromisoformat(metadata["metadata"]["startedOn"]).tzinfo == UTC


def test_a_checkout_that_differs_from_its_commit_is_told(tmp_path: Path) -> None:
    clean = Origin.here(SOURCE, _checkout(tmp_path), {})
    assert (clean.modified, len(clean.commit or "")) == (False, 40)
    (tmp_path / "file").write_text("changed")
    changed = Origin.here(SOURCE, tmp_path, {})
    assert changed.modified
    [source] = [one for one in _dependencies(changed) if one["uri"].startswith("git+")]
    assert source["annotations"] == {"modified": True}


def test_outside_of_a_checkout_there_is_no_commit(tmp_path: Path) -> None:
    builder = Origin.here(SOURCE, tmp_path, {})
    assert builder.commit is None
    assert not any(one["uri"].startswith("git+") for one in _dependencies(builder))


def test_on_github_builder_and_run_are_those_of_the_workflow(tmp_path: Path) -> None:
    builder = Origin.here(
        SOURCE,
        tmp_path,
        {
            "GITHUB_ACTIONS": "true",
            "GITHUB_SERVER_URL": "https://github.example",
            "GITHUB_REPOSITORY": "a/b",
            "GITHUB_RUN_ID": "7",
            "GITHUB_RUN_ATTEMPT": "2",
            "GITHUB_WORKFLOW_REF": "a/b/.github/workflows/rebuild.yml@refs/heads/main",
        },
    )
    assert builder.identity == "https://github.example/a/b/.github/workflows/rebuild.yml@refs/heads/main"
    assert builder.run == "https://github.example/a/b/actions/runs/7/attempts/2"
    assert builder.source == "https://github.example/a/b"


def test_what_only_says_that_it_is_github_is_no_job_of_githubs(tmp_path: Path) -> None:
    builder = Origin.here(SOURCE, tmp_path, {"GITHUB_ACTIONS": "true", "GITHUB_REPOSITORY": "a/b"})
    assert builder == Origin.here(SOURCE, tmp_path, {})


def test_what_is_attested_and_signed_passes(world: World) -> None:
    world.publish()
    findings = world.verify()
    assert all(finding.ok for finding in findings.values()), findings
    assert list(findings) == ["manifest", "configuration", "layers", "signature", *DOCUMENTS]
    assert findings["SBOM (SPDX)"].seen == "1 packages, signed"
    assert findings["SBOM (CycloneDX)"].seen == "2 components, signed"


def test_endorsing_again_writes_nothing_and_lists_nothing_anew(world: World, registry: FakeRegistry) -> None:
    world.publish()
    for signed in (world.folder / "signed").read_text().split():
        registry.keep(NAME, signature_tag(signed), world.manifest)  # where the real cosign leaves them
    before, calls = dict(registry.manifests), world.calls()
    world.endorse()
    assert registry.manifests == before
    assert world.calls() == calls


@pytest.mark.parametrize("keeps_referrers", [True, False], ids=["referrers API", "fallback tag"])
def test_a_bundle_is_a_signature_too_and_is_not_signed_in_its_turn(
    world: World, registry: FakeRegistry, keeps_referrers: bool
) -> None:
    """cosign 3 attaches signatures as referrers, and makes no tag."""
    registry.keeps_referrers = keeps_referrers
    world.publish()
    signed = (world.folder / "signed").read_text().split()
    for one in signed:
        world.bundle(one, SIGNATURE)
    calls = world.calls()
    world.endorse()
    assert world.calls() == calls, "nothing is signed again, and no signature at all"
    assert len(signed) == len(set(signed)) == 1 + len(DOCUMENTS)


def test_a_statement_in_a_bundle_is_no_signature_and_gets_none(world: World, registry: FakeRegistry) -> None:
    """As `cosign attest` attaches it."""
    world.bundle(world.manifest.digest, {PREDICATE_ANNOTATION: "https://spdx.dev/Document"})
    assert not world.referrers.is_signed(world.manifest.digest)
    world.sign()
    assert (world.folder / "signed").read_text().split() == [world.manifest.digest]


def test_an_old_cosign_that_cannot_read_a_signature_is_told(world: World) -> None:
    world.publish()
    (world.folder / "signed").write_text("")
    world.bundle(world.manifest.digest, SIGNATURE)
    assert _failed(world.verify())["signature"] == "no signatures found by this cosign; its signature is cosign 3's"
    assert _failed(world.verify())["provenance"] == "no signatures found"


@pytest.mark.parametrize(("told", "words"), [("--use-signing-config", {"--use-signing-config=false"}), ("", set())])
def test_a_cosign_that_would_fetch_its_servers_is_told_not_to(
    world: World, monkeypatch: pytest.MonkeyPatch, told: str, words: set[str]
) -> None:
    monkeypatch.setenv("COSIGN_HELP", told)
    world.sign()
    (call,) = [call for call in world.calls() if call.startswith("sign ")]
    assert {word for word in call.split() if "signing-config" in word} == words


def test_without_a_key_documents_are_attached_and_nothing_is_signed(world: World) -> None:
    world.endorse(signer=False)
    assert {one.artifact_type for one in world.referrers.of(world.manifest.digest)} == {IN_TOTO, SPDX, CYCLONEDX}
    assert all(call.startswith("scan ") for call in world.calls())


def test_the_key_is_named_and_no_password_is_an_argument(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COSIGN_PASSWORD", "planted")
    world.publish()
    assert any("--key=cosign.key" in call and "--tlog-upload=false" in call for call in world.calls())
    assert not any("planted" in call for call in world.calls())


def test_what_cosign_says_is_told(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COSIGN_FAILS", "yes")
    with pytest.raises(TrustError, match=r"cosign could not sign:\n    Error: signing: no such key"):
        world.publish()


@pytest.mark.parametrize("name", ["cosign", "syft"])
def test_a_program_that_is_missing_is_told_with_its_purpose(world: World, programs: Path, name: str) -> None:
    (programs / name).unlink()
    with pytest.raises(MachineError, match=f"{name} is not installed"):
        world.publish()


@pytest.mark.parametrize("item", DOCUMENTS)
def test_a_document_that_is_missing_fails_its_line_alone(world: World, item: str) -> None:
    world.publish()
    world.without(DOCUMENTS[item])
    assert _failed(world.verify()) == {item: "none is attached"}


@pytest.mark.parametrize("item", DOCUMENTS)
def test_a_younger_document_that_nobody_signed_fails(world: World, item: str) -> None:
    world.publish()
    world.referrers.attach(world.manifest, Document(DOCUMENTS[item], b'{"packages": [], "components": []}', LATER))
    assert _failed(world.verify()) == {item: "no signatures found"}


@pytest.mark.parametrize("item", DOCUMENTS)
def test_the_signed_document_of_another_image_fails(registry: FakeRegistry, world: World, item: str) -> None:
    """A registry without the referrers API has a list that whoever can push can write."""
    registry.keeps_referrers = False
    world.publish()
    other = registry.image(NAME, "other", salt="other")
    foreign = world.referrers.attach(other, Document(DOCUMENTS[item], b'{"packages": [], "components": []}'))
    (world.folder / "signed").open("a").write(f"{foreign}\n")
    tag = world.manifest.digest.replace(":", "-")
    listed = registry.manifests[NAME, tag].json()
    for entry in listed["manifests"]:
        if entry["artifactType"] == DOCUMENTS[item]:
            entry["digest"] = foreign
    registry.keep(NAME, tag, Manifest(OCI_INDEX, json.dumps(listed).encode()))
    [(failed, why)] = _failed(world.verify()).items()
    assert failed == item
    assert f"of {other.digest}, and listed as a {DOCUMENTS[item]} of {world.manifest.digest}" in why


@pytest.mark.parametrize(
    ("item", "content"),
    [
        ("provenance", b'{"subject": [], "predicateType": "https://slsa.dev/provenance/v1"}'),
        ("provenance", b'{"subject": 5}'),
        ("provenance", b"["),
        ("SBOM (SPDX)", b'{"packages": 5}'),
        ("SBOM (SPDX)", b"[]"),
        ("SBOM (CycloneDX)", b"{}"),
        ("smoke record", b"{}"),
    ],
)
def test_a_signed_document_that_says_nothing_of_the_image_fails(world: World, item: str, content: bytes) -> None:
    world.publish()
    world.referrers.attach(world.manifest, Document(DOCUMENTS[item], content, LATER))
    world.sign()
    assert list(_failed(world.verify())) == [item]


def test_a_record_of_tests_that_did_not_pass_fails(world: World) -> None:
    untested = record(TAG, _inputs(), None, with_digest=world.manifest.digest)
    world.referrers.attach(world.manifest, document(untested))
    world.endorse()
    assert _failed(world.verify()) == {"smoke record": "it tells of no smoke test that passed"}


def test_an_index_fails_as_lambda_refuses_it(world: World, registry: FakeRegistry) -> None:
    registry.index(NAME, "nodejs22.x", "linux/amd64")
    assert _failed(world.verify("nodejs22.x")) == {"manifest": f"a {OCI_INDEX}, which Lambda refuses"}


def test_what_is_not_there_fails(world: World) -> None:
    assert _failed(world.verify("nodejs99.x")) == {"manifest": f"{world.repository} has no nodejs99.x"}


@pytest.mark.parametrize(
    ("stored", "deep", "told"),
    [
        (None, False, "is missing"),
        (b"short", False, "has 5 bytes instead of 7"),
        (b"changed", True, "do not trust it"),
    ],
)
def test_layers_are_what_the_manifest_says(
    world: World, registry: FakeRegistry, stored: bytes | None, deep: bool, told: str
) -> None:
    layer = digest("layer")
    if stored is not None:
        registry.blobs[layer] = stored
    content = world.manifest.json() | {"layers": [{"digest": layer, "size": 7}]}
    registry.keep(NAME, "broken", Manifest(OCI_MANIFEST, json.dumps(content).encode()))
    findings = Verifier(world.referrers, Trusted("cosign.pub"), deep).verify("broken")
    [layers] = [finding for finding in findings if finding.item == "layers"]
    assert not layers.ok
    assert told in layers.seen


def test_a_tag_whose_manifest_is_not_what_the_registry_calls_it_fails(world: World, registry: FakeRegistry) -> None:
    registry.digest_header = digest("another")
    assert "do not trust it" in _failed(world.verify())["manifest"]


def test_the_command_prints_a_line_an_item_and_its_status_says_so(
    world: World, registry: FakeRegistry, capsys: pytest.CaptureFixture[str]
) -> None:
    world.publish()
    words = ["verify", f"{registry.host}/{NAME}:{TAG}", "--key", "cosign.pub"]
    assert cli.main(words) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()[1:]] == ["ok"] * 8
    world.without(SPDX)
    assert cli.main(words) == 1
    assert [line.split()[:2] for line in capsys.readouterr().out.splitlines() if line.startswith("FAILED")] == [
        ["FAILED", "SBOM"]
    ]


@pytest.mark.parametrize("reference", [TAG, f"{NAME}@DIGEST", f"{NAME}:{TAG}", f"{NAME}:{TAG}@DIGEST", "@DIGEST"])
def test_a_reference_is_a_tag_of_ours_or_has_its_host(
    world: World, registry: FakeRegistry, reference: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.publish()
    monkeypatch.setenv("FACTORY_REGISTRY", f"{registry.host}/{NAME}")
    word = reference.replace("DIGEST", world.manifest.digest)
    assert cli.main(["verify", f"{registry.host}/{word}" if "/" in word else word, "--key", "cosign.pub"]) == 0


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([TAG], "whose signature counts?"),
        ([TAG, "--identity", "x"], "whose signature counts?"),
        (["127.0.0.1:5000/factory/lambda", "--key", "k"], "names no image"),
    ],
)
def test_bad_words_are_refused(words: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["verify", *words]) == 2
    assert told in capsys.readouterr().err


def test_keyless_asks_for_identity_and_issuer(world: World, tmp_path: Path) -> None:
    trusted = Trusted(identity="^https://github.com/a/b/", issuer="https://token.example")
    Verifier(world.referrers, trusted).verify(TAG)
    call = Path(f"{tmp_path}/signed.calls")
    assert not call.exists()  # refused: nothing is signed
    (tmp_path / "signed").write_text(f"{world.manifest.digest}\n")
    Verifier(world.referrers, trusted).verify(TAG)
    assert any(
        "--certificate-identity-regexp=^https://github.com/a/b/ --certificate-oidc-issuer=https://token.example" in call
        for call in world.calls()
    )


def _inputs() -> Inputs:
    return inputs_of()(image(TAG))


def _statement(builder: Origin) -> Any:
    made = provenance(
        Repository("registry.example", NAME), record(TAG, _inputs(), passed(), with_digest=digest("image")), builder
    )
    assert made.media_type == "application/vnd.in-toto+json"
    return json.loads(made.content)


def _dependencies(builder: Origin) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = _statement(builder)["predicate"]["buildDefinition"]["resolvedDependencies"]
    return found


def _checkout(folder: Path) -> Path:
    (folder / "file").write_text("as committed")
    who = ("-c", "user.name=a", "-c", "user.email=a@example.org")
    for words in (("init", "-q"), ("add", "file"), (*who, "commit", "-q", "-m", "one")):
        subprocess.run(["git", "-C", folder, *words], check=True)
    return folder


def _failed(findings: dict[str, Verdict]) -> dict[str, str]:
    return {item: finding.seen for item, finding in findings.items() if not finding.ok}
