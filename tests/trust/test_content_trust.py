"""Entering tags for Docker Content Trust, with a stand-in for notary: the real servers are asked in tests/lab."""

from __future__ import annotations

from pathlib import Path

import pytest

from factory.registry.manifests import OCI_MANIFEST, Manifest
from factory.registry.references import Repository
from factory.trust.content import ContentTrust
from factory.trust.tools import TrustError

MANIFEST = Manifest(OCI_MANIFEST, b'{"schemaVersion": 2}')
GUN = "registry.example/factory/lambda"
NOTARY = """#!/bin/sh
# Keeps one collection in a folder: what was entered, and what it was asked.
echo "$* ($NOTARY_TARGETS_PASSPHRASE)" >> "$STATE/calls"
[ -e "$STATE/down" ] && { echo "fatal: server unreachable" >&2; exit 1; }
while [ "${1#--}" != "$1" ]; do shift; done
case $1 in
  lookup) grep "^$3 " "$STATE/targets" 2>/dev/null || exit 1 ;;
  list) [ -e "$STATE/targets" ] || { echo "fatal: x does not have trust data for y" >&2; exit 1; } ;;
  init) : > "$STATE/targets" ;;
  addhash) echo "$3 sha256:${5#--sha256=} $4" >> "$STATE/targets" ;;
esac
"""


@pytest.fixture
def trust(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ContentTrust:
    (tmp_path / "notary").write_text(NOTARY)
    (tmp_path / "notary").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setenv("STATE", str(tmp_path))
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))
    monkeypatch.setenv("DOCKER_CONTENT_TRUST_REPOSITORY_PASSPHRASE", "planted")
    return ContentTrust("https://notary.example:4443", Repository.parse(GUN), tmp_path / "locks")


def _verbs(folder: Path) -> list[str]:
    calls = (folder / "calls").read_text().splitlines()
    return [next(word for word in call.split() if not word.startswith("--")) for call in calls]


def test_the_first_tag_makes_the_collection_and_the_second_does_not(trust: ContentTrust, tmp_path: Path) -> None:
    trust.sign("al2", MANIFEST)
    assert _verbs(tmp_path) == ["lookup", "list", "init", "key", "publish", "addhash"]
    (tmp_path / "calls").unlink()
    trust.sign("al2023", MANIFEST)
    assert _verbs(tmp_path) == ["lookup", "list", "addhash"]


def test_a_target_is_length_and_digest_of_the_manifest(trust: ContentTrust, tmp_path: Path) -> None:
    trust.sign("al2", MANIFEST)
    assert (tmp_path / "targets").read_text() == f"al2 {MANIFEST.digest} {len(MANIFEST.content)}\n"


def test_what_is_entered_already_is_left_alone(trust: ContentTrust, tmp_path: Path) -> None:
    trust.sign("al2", MANIFEST)
    (tmp_path / "calls").unlink()
    trust.sign("al2", MANIFEST)
    assert _verbs(tmp_path) == ["lookup"]


def test_passphrases_are_dockers_and_no_arguments(trust: ContentTrust, tmp_path: Path) -> None:
    trust.sign("al2", MANIFEST)
    calls = (tmp_path / "calls").read_text().splitlines()
    assert all(call.endswith(" (planted)") and call.count("planted") == 1 for call in calls)


def test_the_certificate_of_a_server_is_found_where_docker_finds_it(trust: ContentTrust, tmp_path: Path) -> None:
    certificate = tmp_path / "docker" / "tls" / "notary.example:4443" / "ca.crt"
    certificate.parent.mkdir(parents=True)
    certificate.write_text("")
    trust.sign("al2", MANIFEST)
    assert f"--tlscacert={certificate}" in (tmp_path / "calls").read_text()


def test_a_server_that_does_not_answer_begins_no_collection(trust: ContentTrust, tmp_path: Path) -> None:
    (tmp_path / "down").touch()
    with pytest.raises(TrustError, match="server unreachable"):
        trust.sign("al2", MANIFEST)
    assert "init" not in _verbs(tmp_path)
