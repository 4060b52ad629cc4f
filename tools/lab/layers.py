"""A directory tree as an image layer, the same bytes each time."""

from __future__ import annotations

import gzip
import hashlib
import json
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from tools.lab.settings import EPOCH


@dataclass(frozen=True)
class Layer:
    """A compressed layer on disk; `diff_id` names its content uncompressed."""

    path: Path
    digest: str
    diff_id: str
    size: int


class _HashingWriter:
    """Counts and hashes what passes through to a file."""

    def __init__(self, file: IO[bytes] | gzip.GzipFile) -> None:
        self.file = file
        self.digest = hashlib.sha256()
        self.size = 0

    def write(self, data: bytes) -> int:
        self.digest.update(data)
        self.size += len(data)
        return self.file.write(data)

    def flush(self) -> None:
        self.file.flush()

    def stream(self) -> IO[bytes]:
        """Itself, as gzip and tarfile want to see it: they only ever write."""
        return cast("IO[bytes]", self)


def pack(tree: Path, out: Path, *, level: int = 4) -> None:
    """Write `tree` as out/layer.tar.gz with its description beside it."""
    with (out / "layer.tar.gz").open("wb") as file:
        packed = _HashingWriter(file)
        with gzip.GzipFile(fileobj=packed.stream(), filename="", mode="wb", compresslevel=level, mtime=0) as zipped:
            plain = _HashingWriter(zipped)
            with tarfile.open(fileobj=plain.stream(), mode="w|", format=tarfile.PAX_FORMAT, bufsize=1 << 20) as tar:
                for path in sorted(tree.rglob("*")):
                    tar.add(path, arcname=str(path.relative_to(tree)), recursive=False, filter=_normalised)
    description = {
        "digest": f"sha256:{packed.digest.hexdigest()}",
        "diff_id": f"sha256:{plain.digest.hexdigest()}",
        "size": packed.size,
    }
    (out / "layer.json").write_text(json.dumps(description))


def _normalised(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    member.mtime = EPOCH
    return member


def load(directory: Path) -> Layer:
    """Read the layer that `pack` wrote."""
    return Layer(path=directory / "layer.tar.gz", **json.loads((directory / "layer.json").read_text()))
