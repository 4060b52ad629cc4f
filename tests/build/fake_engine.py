"""An engine that has images by name, and gives them away as archives of OCI layouts."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator, Mapping

from factory.build.engine import EngineError, EngineImage

INDEX = b'{"manifests": []}'


class FakeEngine:
    """Images by name, and how often one was given away."""

    def __init__(self, images: Mapping[str, str]) -> None:
        self.images = dict(images)
        self.saved = 0
        self.breaks = False

    def inspect(self, name: str) -> EngineImage | None:
        digest = self.images.get(name) or (name if name in self.images.values() else None)
        return EngineImage(digest, "amd64", 1, {}) if digest else None

    def save(self, digest: str) -> Iterator[bytes]:
        self.saved += 1
        archive = io.BytesIO()
        with tarfile.open(fileobj=archive, mode="w") as tar:
            for name, content in (("index.json", INDEX), ("blobs/sha256/" + digest[7:], b"x" * 5000)):
                member = tarfile.TarInfo(name)
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
        content = archive.getvalue()
        for start in range(0, len(content), 777):
            if self.breaks and start > 3000:
                raise EngineError("it broke off")
            yield content[start : start + 777]
