"""OCI layouts: images of the engine as folders, for builders that have a storage of their own.

A builder of buildx's `docker` driver is the engine's own and finds the parents of images there. One of any other
driver, `docker-container`, `kubernetes`, `remote`, does not (moby/buildkit#2343): buildx sends it the layout, of which
it asks for what it lacks.
"""

from __future__ import annotations

import io
import shutil
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from factory.build.engine import Engine, EngineError
from factory.errors import UsageError
from factory.files import exclusive, told

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer


@dataclass(frozen=True)
class Layouts:
    """The folder of layouts, one an image, by digest."""

    engine: Engine
    folder: Path

    def context(self, name: str) -> str:
        """An image of the engine as a build context, `oci-layout://FOLDER@DIGEST`; it is written unless it is there.

        Raises:
            UsageError: buildx would read the folder's path as another one.
            EngineError: the engine has no such image, or cannot give it away.
            DiskError: there is no room for it.
        """
        folder = self.folder.resolve()
        if set(":@") & set(str(folder)):
            raise UsageError(f"{folder}: buildx ends a layout's path at ':' and '@'; name another with --build-dir")
        image = self.engine.inspect(name)
        if image is None:
            raise EngineError(f"the engine has no {name}, which others are built on; run the same command again")
        digits = image.digest.removeprefix("sha256:")
        place = folder / digits
        with exclusive(folder / f".{digits}.lock"), told(place):
            if not place.exists():
                self._forget_others()
                self._write(image.digest, place)
        return f"oci-layout://{place}@{image.digest}"

    def _write(self, digest: str, place: Path) -> None:
        partial = place.with_name(f".{place.name}")
        shutil.rmtree(partial, ignore_errors=True)  # a run that was killed left it
        with tarfile.open(fileobj=io.BufferedReader(_Chunks(self.engine.save(digest))), mode="r|") as tar:
            tar.extractall(partial, filter="data")
        partial.rename(place)

    def _forget_others(self) -> None:
        """Removes the layouts of images that the engine has no longer, and that nothing is built on therefore."""
        for other in self.folder.glob("[0-9a-f]*"):
            if self.engine.inspect(f"sha256:{other.name}") is None:
                shutil.rmtree(other, ignore_errors=True)


class _Chunks(io.RawIOBase):
    """Chunks as a file to read from."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        """The next bytes; none at the end."""
        room = memoryview(buffer)
        self._rest = self._rest or next(self._chunks, b"")
        taken, self._rest = self._rest[: len(room)], self._rest[len(room) :]
        room[: len(taken)] = taken
        return len(taken)
