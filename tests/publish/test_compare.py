"""How two published images differ, told from the registry."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from factory.build.records import document
from factory.publish.compare import Difference, compare, content, package_differences
from factory.publish.published import Reader
from factory.publish.tags import version_tag
from factory.registry.client import Registry
from factory.registry.errors import RegistryError
from factory.registry.manifests import OCI_INDEX, OCI_MANIFEST, Manifest, digest_of
from factory.registry.referrers import Referrers
from factory.report.details import differences_text
from tests.fake_registry import FakeRegistry
from tests.support import image, inputs_of, passed, record

NAME = "factory/lambda"
RUN = image("nodejs22.x-x86_64")


class Shelf:
    """A registry on which images of a few layers are put."""

    def __init__(self, registry: FakeRegistry, folder: Path) -> None:
        self.registry = registry
        http = Registry(retries=0)
        self.reader = Reader(http, registry.repository(NAME), Referrers(http, registry.repository(NAME), folder))

    def put(
        self,
        tag: str,
        layers: Sequence[Mapping[str, str | None]],
        packages: Sequence[str] | None = None,
        **environment: str,
    ) -> Manifest:
        """An image with these files by layer; None for one that a layer deletes."""
        blobs = [_layer(files) for files in layers]
        config = json.dumps({"config": {"Env": [f"{key}={value}" for key, value in environment.items()]}}).encode()
        for blob in (*blobs, config):
            self.registry.blobs[digest_of(blob)] = blob
        document_ = {
            "config": {"digest": digest_of(config)},
            "layers": [{"digest": digest_of(blob), "size": len(blob)} for blob in blobs],
            "tag": tag,
        }
        manifest = Manifest(OCI_MANIFEST, json.dumps(document_).encode())
        self.registry.keep(NAME, tag, manifest)
        if packages is not None:
            known = record(RUN.name, inputs_of()(RUN), passed(), with_digest=manifest.digest)
            known = type(known)(**{**vars(known), "packages": tuple(packages)})
            self.reader.referrers.attach(manifest, document(known))
        return manifest

    def differences(self) -> list[tuple[str, Difference]]:
        """Between the images `old` and `new`."""
        old, new = (content(self.reader, tag) for tag in ("old", "new"))
        return compare(self.reader.registry, self.reader.repository, old, new)


def _layer(files: Mapping[str, str | None]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as tar:
        for name, text_ in files.items():
            folder, slash, base = name.rpartition("/")
            member = tarfile.TarInfo(name if text_ is not None else f"{folder}{slash}.wh.{base}")
            member.size = len(text_ or "")
            tar.addfile(member, io.BytesIO((text_ or "").encode()))
    return stream.getvalue()


@pytest.fixture
def shelf(registry: FakeRegistry, tmp_path: Path) -> Shelf:
    return Shelf(registry, tmp_path)


def test_equal_images_do_not_differ(shelf: Shelf) -> None:
    for tag in ("old", "new"):
        shelf.put(tag, [{"a": "1"}], ["bash-5-1.x86_64"], PATH="/bin")
    assert shelf.differences() == []
    assert differences_text([]) == "nothing differs"


def test_files_that_came_went_and_changed(shelf: Shelf) -> None:
    base = {"shared": "x"}
    shelf.put("old", [base, {"var/gone": "1", "var/changed": "1", "var/same": "1"}])
    shelf.put("new", [base, {"var/came": "22", "var/changed": "2", "var/same": "1"}])
    found = {each.what: (each.old, each.new) for section, each in shelf.differences() if section == "files"}
    assert found.keys() == {"var/gone", "var/came", "var/changed"}
    assert found["var/gone"][1] is None
    assert found["var/came"][0] is None
    assert "2 bytes" in str(found["var/came"][1])


def test_the_topmost_layer_counts_and_what_a_layer_deletes_is_told(shelf: Shelf) -> None:
    shelf.put("old", [{"a": "1"}, {"a": "2"}])
    shelf.put("new", [{"a": "0"}, {"a": "2", "dir/b": None}])
    assert [(each.what, each.old, each.new) for section, each in shelf.differences() if section == "files"] == [
        ("dir/b", None, "deleted")
    ]


def test_packages_by_name_with_both_versions(shelf: Shelf) -> None:
    shelf.put("old", [{}], ["bash-5.1-1.x86_64", "openssl-libs-3.0-2.x86_64", "zlib-1-1.x86_64"])
    shelf.put("new", [{}], ["bash-5.2-1.x86_64", "openssl-libs-3.0-2.x86_64", "xz-5-1.x86_64"])
    found = [each for section, each in shelf.differences() if section == "packages"]
    assert found == [
        Difference("bash", "5.1-1.x86_64", "5.2-1.x86_64"),
        Difference("xz", None, "5-1.x86_64"),
        Difference("zlib", "1-1.x86_64", None),
    ]


def test_two_versions_of_one_package_stand_side_by_side() -> None:
    assert package_differences(["gpg-pubkey-1-1"], ["gpg-pubkey-1-1", "gpg-pubkey-2-2"]) == [
        Difference("gpg-pubkey", "1-1", "1-1, 2-2")
    ]


def test_without_a_record_no_package_is_claimed_to_be_gone(shelf: Shelf) -> None:
    shelf.put("old", [{}], ["bash-5.1-1.x86_64"])
    shelf.put("new", [{}])
    assert not [each for section, each in shelf.differences() if section == "packages"]


def test_environment_and_size(shelf: Shelf) -> None:
    shelf.put("old", [{"a": "1"}], PATH="/bin", LANG="C")
    shelf.put("new", [{"a": "1"}, {"b": "2" * 9}], PATH="/usr/bin", TZ="UTC")
    found = shelf.differences()
    assert [(each.what, each.old, each.new) for section, each in found if section == "environment"] == [
        ("LANG", "C", None),
        ("PATH", "/bin", "/usr/bin"),
        ("TZ", None, "UTC"),
    ]
    assert found[0][0] == "size"


def test_many_files_are_cut_and_counted(shelf: Shelf) -> None:
    shelf.put("old", [{}])
    shelf.put("new", [{f"file{number:03}": "1" for number in range(80)}])
    told = differences_text(shelf.differences())
    assert told.endswith("and 30 more files")
    assert "file049" in told
    assert "file050" not in told


def test_what_is_not_there_and_what_is_an_index_are_refused(shelf: Shelf) -> None:
    with pytest.raises(RegistryError, match="has no nothing"):
        content(shelf.reader, "nothing")
    shelf.registry.keep(NAME, "index", Manifest(OCI_INDEX, b"{}"))
    with pytest.raises(RegistryError, match="is an index; name the image of one architecture"):
        content(shelf.reader, "index")


@pytest.mark.parametrize(
    ("word", "tag"),
    [
        ("python3.13-x86_64", "python3.13-x86_64"),
        ("python3.13-x86_64@20261123", "20261123-python3.13-x86_64"),
        ("python3.13-x86_64@20261123.2", "20261123.2-python3.13-x86_64"),
        (f"python3.13-x86_64@sha256:{'0' * 64}", f"sha256:{'0' * 64}"),
    ],
)
def test_versions_of_an_image(word: str, tag: str) -> None:
    assert version_tag(word) == tag
