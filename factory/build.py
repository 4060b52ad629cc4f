"""Building one image with buildx: named contexts bring what the lock says, the engine keeps the result."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

from factory.contexts import Contexts, context_folder, labels
from factory.engine import Engine
from factory.errors import FactoryError
from factory.images import Image
from factory.keys import Inputs, local_name
from factory.process import Processes
from factory.records import Record

Step = Callable[[str], None]
"""Told the current step of a build, in a few words."""

_LAST_LINES = 15


class BuildFailedError(FactoryError):
    """A Dockerfile's step failed. `log` holds everything that was printed."""

    def __init__(self, image: Image, log: Path, last: list[str]) -> None:
        self.log = log
        lines = "\n".join(f"    {line}" for line in last[-_LAST_LINES:])
        super().__init__(f"{image.name}: the build failed; the end of {log}:\n{lines}")


@dataclass(frozen=True)
class Builder:
    """Builds images with one buildx builder into the engine."""

    engine: Engine
    processes: Processes
    contexts: Contexts
    build_dir: Path
    builder: str | None = None

    def build(self, image: Image, step: Step) -> Record:
        """Builds an image; its parent must be in the engine.

        Raises:
            BuildFailedError: with the log's last lines.
            Interrupted: by the user.
        """
        inputs = self.contexts.inputs_of(image)
        log = self.build_dir / "logs" / f"{image.name}.log"
        metadata = self.build_dir / "metadata" / f"{image.name}.json"
        for file in (log, metadata):
            file.parent.mkdir(parents=True, exist_ok=True)
        metadata.unlink(missing_ok=True)
        started = time.monotonic()
        with log.open("w", encoding="utf-8") as stream:
            last = self._run(self._command(image, inputs, metadata), stream, step)
        self.processes.check()
        if not metadata.exists():
            raise BuildFailedError(image, log, last)
        descriptor = json.loads(metadata.read_text())["containerimage.descriptor"]
        return self._record(image, inputs, descriptor, time.monotonic() - started)

    def _command(self, image: Image, inputs: Inputs, metadata: Path) -> list[str]:
        command = ["docker", "buildx", "build", "--progress=rawjson", f"--metadata-file={metadata}"]
        if self.builder:
            command.append(f"--builder={self.builder}")
        command += [
            f"--platform={inputs.platform}",
            f"--file={self.build_dir / 'dockerfiles' / image.stem / 'Dockerfile'}",
            # Lambda refuses an index, and attestations inside the image make one.
            "--provenance=false",
            "--sbom=false",
            f"--build-arg=SOURCE_DATE_EPOCH={inputs.epoch}",
            f"--output=type=docker,name={local_name(image.name, inputs.key)}",
        ]
        command += [f"--label={name}={value}" for name, value in labels(inputs).items()]
        command += [f"--build-context={name}={target}" for name, target in self.contexts.of(image).items()]
        return [*command, str(context_folder(self.build_dir, image))]

    def _run(self, command: list[str], log: TextIO, step: Step) -> list[str]:
        last: list[str] = []
        with self.processes.start(command) as process:
            assert process.stdout
            for line in process.stdout:
                for kind, text in _decode(line):
                    log.write(text + "\n")
                    last = [*last[-_LAST_LINES:], text]
                    if kind == "step":
                        step(text)
        return last

    def _record(self, image: Image, inputs: Inputs, descriptor: Mapping[str, Any], seconds: float) -> Record:
        digest = descriptor["digest"]
        found = self.engine.inspect(digest)
        if found is None or found.digest != digest:
            raise FactoryError(
                f"{image.name}: the builder made {digest}, but the engine does not have it; "
                "a builder that is not the engine's own must load into it"
            )
        return Record(
            digest=digest,
            media_type=descriptor["mediaType"],
            name=image.name,
            inputs_key=inputs.key,
            inputs=inputs,
            built=datetime.now(UTC).isoformat(timespec="milliseconds"),
            build_seconds=round(seconds, 3),
            size=found.size,
        )


def _decode(line: str) -> Iterator[tuple[str, str]]:
    """The steps and output lines in one line of buildx's rawjson progress; other text passes as output."""
    try:
        document: dict[str, Any] = json.loads(line)
    except ValueError:
        if line.strip():
            yield "output", line.rstrip()
        return
    for vertex in document.get("vertexes") or ():
        if vertex.get("error"):
            yield "output", f"ERROR {vertex['name']}: {vertex['error']}"
        elif vertex.get("started") and not vertex.get("completed"):
            yield "step", vertex["name"]
    for entry in document.get("logs") or ():
        text = base64.b64decode(entry.get("data") or "").decode("utf-8", "replace")
        for part in text.splitlines():
            yield "output", part.rstrip()
