"""Building one image with buildx: named contexts bring what the lock says, the engine keeps the result."""

from __future__ import annotations

import json
import re
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any, TextIO

from factory.build.builders import Builder, inspect
from factory.build.caches import Caches
from factory.build.contexts import Contexts, labels
from factory.build.engine import Engine
from factory.build.layouts import Layouts
from factory.build.progress import events
from factory.build.records import Record
from factory.build.sizes import own_layers
from factory.build.source_policy import DENIED, VARIABLE
from factory.errors import FactoryError, UsageError
from factory.matrix.images import Image
from factory.plan.keys import Inputs, InputsOf, local_name
from factory.process import Processes
from factory.render.dockerfile import Renderer

Tell = Callable[[str], None]
"""Told what a step of work is at, in a few words."""

_LAST_LINES = 15
_WIDEST = 300  # characters of a shown line: an error may quote a whole RUN


class BuildFailedError(FactoryError):
    """A Dockerfile's step failed. `log` holds everything that was printed."""

    def __init__(self, image: Image, log: Path, last: Iterable[str]) -> None:
        self.log = log
        lines = "\n".join(f"    {line[:_WIDEST]}" for line in last)
        super().__init__(f"{image.name}: the build failed; the end of {log}:\n{lines}")


class UnverifiableError(FactoryError):
    """An image needs an archive that nobody knows the checksum of, or an upstream whose signature was not checked."""

    @staticmethod
    def check(image: Image, inputs_of: InputsOf) -> None:
        """Refuses an image with such a thing in it.

        Raises:
            UnverifiableError: there is one.
        """
        if archives := inputs_of.unverifiable(image):
            raise UnverifiableError(
                f"{image.name}: cannot be built, as nobody knows the checksum of {', '.join(archives)}; declare its "
                "sha256 in the matrix, or run `factory lock` where it can be downloaded"
            )
        if unsigned := inputs_of.unsigned(image):
            raise UnverifiableError(
                f"{image.name}: cannot be built, as nobody checked the signature of {', '.join(unsigned)}; "
                "run `factory lock` where it can be reached"
            )


class UnplannedError(FactoryError):
    """A Dockerfile asks for something that the plan does not name, so that nobody has verified it."""

    def __init__(self, image: Image, log: Path, said: Iterable[str]) -> None:
        lines = "\n".join(f"    {line[:_WIDEST]}" for line in said)
        super().__init__(
            f"{image.name}: not built, as its Dockerfile would fetch what neither the lock nor the matrix names; "
            f"the end of {log}:\n{lines}"
        )


@dataclass(frozen=True)
class Lost:
    """How a build fails by no fault of its own, and how to try it again. All as seen with Docker 26.1."""

    says: re.Pattern[str]
    again: str
    options: tuple[str, ...] = ()


_LOST = (
    # BuildKit runs equal steps of two builds once, so a build can fail with one that is just being cancelled; and now
    # and then the cancelled step stays in its cache as a snapshot that does not exist, until that is pruned.
    Lost(
        re.compile(r"context canceled|snapshot \S+ does not exist|no active session"),
        "again without cache, as the engine lost a cached step",
        ("--no-cache",),
    ),
    # Two builds of one image end in the same moment, and one of them comes second to the name.
    Lost(re.compile(r'image "[^"]+": already exists'), "again, as another build named the image in the same moment"),
)


@dataclass(frozen=True)
class Buildx:
    """Builds images with one of buildx's builders into the engine, which may be its own or load what it makes."""

    engine: Engine
    processes: Processes
    renderer: Renderer
    contexts: Contexts
    build_dir: Path
    builder: str | None = None
    caches: Caches = field(default_factory=Caches)
    look_at: Callable[[str | None], Builder] = inspect
    """What says which kind of builder that is."""

    def check(self) -> None:
        """Refuses what no build could start with.

        Raises:
            MachineError: there is no such builder.
            UsageError: the pip configuration that builds are to read is not there.
        """
        pip_conf = self.contexts.pip_conf
        if pip_conf and not pip_conf.is_file():
            raise UsageError(f"{pip_conf}: there is no such file; --pip-conf names a pip configuration for the builds")
        if self.builder:
            _ = self._has_own_storage

    @cached_property
    def _has_own_storage(self) -> bool:
        return self.look_at(self.builder).has_own_storage

    def _layout(self, image: Image) -> str | None:
        """The parent as a layout, for a builder that does not see the engine's images."""
        if image.parent is None or not self._has_own_storage:
            return None
        layouts = Layouts(self.engine, self.build_dir / "layouts")
        return layouts.context(self.contexts.local_name(image.parent))

    def build(self, image: Image, tell: Tell, fresh: bool = False) -> Record:
        """Builds an image, `fresh` without any cache; its parent must be in the engine.

        Raises:
            UnverifiableError: an archive has no checksum, or a signature was not checked.
            UnplannedError: it would fetch something that is neither a named context nor an archive of the matrix.
            BuildFailedError: with the log's last lines.
            Interrupted: by the user.
        """
        inputs = self.contexts.inputs_of(image)
        UnverifiableError.check(image, self.contexts.inputs_of)
        log = self.build_dir / "logs" / f"{image.name}.log"
        metadata = self.build_dir / "metadata" / f"{image.name}.json"
        policy = self.build_dir / "policies" / f"{image.name}.json"
        for file in (log, metadata, policy):
            file.parent.mkdir(parents=True, exist_ok=True)
        metadata.unlink(missing_ok=True)
        started = time.monotonic()
        named = self.contexts.of(image, self._layout(image))
        policy.write_text(self.contexts.policy(image, named))
        with log.open("w", encoding="utf-8") as stream:
            command = self._command(image, inputs, metadata, named)
            last = self._run([*command, *(["--no-cache"] if fresh else [])], policy, stream, tell)
            lost = None if metadata.exists() else next((one for one in _LOST if one.says.search("\n".join(last))), None)
            if lost:
                tell(lost.again)
                last = self._run([*command, *lost.options], policy, stream, tell)
        self.processes.check()
        if not metadata.exists():
            raise (UnplannedError if DENIED in "\n".join(last) else BuildFailedError)(image, log, last)
        descriptor = json.loads(metadata.read_text())["containerimage.descriptor"]
        return self._record(image, inputs, descriptor, time.monotonic() - started)

    def _command(self, image: Image, inputs: Inputs, metadata: Path, named: Mapping[str, str]) -> list[str]:
        command = ["docker", "buildx", "build", "--progress=rawjson", f"--metadata-file={metadata}"]
        if self.builder:
            command.append(f"--builder={self.builder}")
        command += [
            f"--platform={inputs.platform}",
            f"--file={self.build_dir / 'dockerfiles' / image.stem / 'Dockerfile'}",
            # Lambda refuses an index, and attestations inside the image make one.
            "--provenance=false",
            "--sbom=false",
            # The media types are the engine's: another builder has other ones, and so another digest, unless told.
            f"--output=type=docker,oci-mediatypes=false,name={local_name(image.name, inputs.key)}",
        ]
        if self.contexts.network:
            command.append(f"--network={self.contexts.network}")
            if self.contexts.network == "host":
                command.append("--allow=network.host")  # a builder that is not the engine's wants to hear it twice
        command += [f"--secret={secret}" for secret in self.contexts.secrets()]
        command += [f"--build-arg={name}={value}" for name, value in self.contexts.arguments(image).items()]
        command += [f"--label={name}={value}" for name, value in labels(inputs).items()]
        command += self.caches.arguments(image.name)
        command += [f"--build-context={name}={target}" for name, target in named.items()]
        return [*command, str(self.build_dir / self.contexts.folder(image))]

    def _run(self, command: list[str], policy: Path, log: TextIO, tell: Tell) -> deque[str]:
        """The last lines that the steps printed."""
        last: deque[str] = deque(maxlen=_LAST_LINES)
        with self.processes.start(command, {VARIABLE: str(policy.resolve())}) as process:
            assert process.stdout
            for event in events(process.stdout):
                log.write(event.text + "\n")
                if event.kind == "step":
                    tell(event.text)
                # buildx repeats the Dockerfile's lines after an error: they are in the log, and here in the way.
                if event.kind == "output" or event.text.startswith("ERROR: "):
                    last.append(event.text)
        return last

    def _record(self, image: Image, inputs: Inputs, descriptor: Mapping[str, Any], seconds: float) -> Record:
        digest = descriptor["digest"]
        found = self.engine.inspect(digest)
        if found is None or found.digest != digest:
            raise FactoryError(
                f"{image.name}: the builder made {digest}, but the engine does not have it: removed meanwhile, "
                "or loaded under another digest?"
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
            layers=own_layers(self.engine.step_sizes(digest), self.renderer.steps(image)),
            templates=self.renderer.templates(image),
        )
