"""The tables of a matrix about languages: families and runtimes, where they come from, when they end."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Self

from pydantic import Discriminator, Field, Tag, model_validator
from pydantic_core import PydanticCustomError

from factory.matrix.archives import Archives, Format, packed_with
from factory.matrix.words import (
    Architectures,
    Day,
    Environment,
    Folder,
    Line,
    Name,
    NamePattern,
    Reference,
    Repository,
    Status,
    Table,
    Version,
)


class ImageSource(Table):
    """A source that is an upstream image with `/var/lang` and `/var/runtime`."""

    image: Reference
    """The image's reference with its tag."""


class ArchiveSource(Table):
    """A source that is an archive with `var/lang` and `var/runtime` in it."""

    archive: Annotated[Archives, Field(min_length=1)]
    """For `any` architecture, or for each: address and checksum."""
    format: Format | None = None
    """What the archive is packed with, where its address does not end in it."""

    @model_validator(mode="after")
    def _unpackable(self) -> Self:
        packed_with(self.archive, self.format)
        return self

    @property
    def packed(self) -> Format:
        """What its archives are packed with."""
        return packed_with(self.archive, self.format)


def _kind_of_source(value: object) -> str | None:
    """Which kind of source a table is, told by its key; None where it names neither."""
    if isinstance(value, Table):
        return "archive" if isinstance(value, ArchiveSource) else "image"
    if isinstance(value, dict):
        return next((kind for kind in ("archive", "image") if kind in value), None)
    return None


Source = Annotated[
    Annotated[ImageSource, Tag("image")] | Annotated[ArchiveSource, Tag("archive")],
    Discriminator(
        _kind_of_source,
        custom_error_type="source",
        custom_error_message="is no source",
    ),
]
"""Where a runtime's `/var/lang` and `/var/runtime` come from."""


class Family(Table):
    """What the runtimes of one language share."""

    title: Line
    """What people call it: `Python`."""
    lang: bool = True
    """Whether the language lives in /var/lang, which then is copied from the source and leads the paths."""
    source: Repository | None = None
    """Repository of the official images; a runtime's tag there is its version. Absent: the base is all there is."""
    archive: Archives = {}
    """Archives where there are no official images; an address may name {runtime} and {version}."""
    bootstrap: Name | None = None
    """The folder in `bootstraps/` that is copied to /var/runtime, when upstream has no bootstrap that would do."""
    bootstrap_extra: NamePattern | None = None
    """The extra, an archive, by which the folder's program `compile` makes what is copied; no image has it for that."""
    handler: Line
    """The handler when nobody names one."""
    entrypoint: tuple[Line, ...]
    """Exec form of the run images' entrypoint."""
    environment: Environment = {}
    """Variables of run and build images, after the base's; may name {runtime}, {version} and {major}."""
    build_environment: Environment = {}
    """Variables of the build images alone."""
    run_extras: tuple[Name, ...] = ()
    """Extras of the run images too; only such as are packages alone."""
    extras: tuple[NamePattern, ...] = ()
    """Extras of every build image of this family; may name {runtime}, {version} and {major}."""
    smoke: Name
    """The folder in `smoke/` with the handlers that the smoke tests invoke."""

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if self.archive and self.source:
            raise PydanticCustomError(
                "archive", "has a source beside it, which is the same; leave one of the two out", {"at": ("archive",)}
            )
        if self.archive:
            packed_with(self.archive, None)
        return self


class Lifecycle(Table):
    """AWS's published dates of a runtime. A date that is not known yet is left out."""

    released: Day | None = None
    """The first day of general availability."""
    deprecated: Day | None = None
    """From this day on: no security patches, no support."""
    create_blocked: Day | None = None
    """From this day on Lambda creates no function with it."""
    update_blocked: Day | None = None
    """From this day on Lambda updates no function with it."""
    preview: bool = False
    """Not generally available yet."""

    @model_validator(mode="after")
    def _released_first(self) -> Self:
        if self.released and self.deprecated and self.deprecated < self.released:
            raise PydanticCustomError(
                "lifecycle",
                "deprecated ({deprecated}) lies before released ({released}); exchange them or mend the wrong one",
                {"deprecated": str(self.deprecated), "released": str(self.released), "at": ("deprecated",)},
            )
        return self

    def status(self, today: date) -> Status:
        """Where the runtime stands on a day."""
        if self.preview:
            return Status.PREVIEW
        ends = (
            (self.update_blocked, Status.UPDATE_BLOCKED),
            (self.create_blocked, Status.CREATE_BLOCKED),
            (self.deprecated, Status.DEPRECATED),
        )
        return next((status for day, status in ends if day and day <= today), Status.SUPPORTED)


class Runtime(Table):
    """A Lambda runtime identifier."""

    base: Name
    """The Amazon Linux generation it runs on."""
    family: Name
    """Its language."""
    version: Version
    """The language's version as AWS writes it, `3.13`; the official image's tag unless `source` says otherwise."""
    lifecycle: Lifecycle = Lifecycle()
    """AWS's dates."""
    source: Source | None = None
    """Where `/var/lang` and `/var/runtime` come from, when it is not the family's repository."""
    architectures: Architectures | None = None
    """Fewer than its base has, when upstream has fewer."""
    lang: bool | None = None
    """Whether the language lives in /var/lang, when it differs from the family."""
    entrypoint: tuple[Line, ...] | None = None
    """Exec form of the run image's entrypoint, instead of the family's."""
    handler: Line | None = None
    """The handler when nobody names one, instead of the family's."""
    environment: Environment = {}
    """Variables of run and build image, over the family's."""
    build_environment: Environment = {}
    """Variables of the build image alone, over the family's."""
    extras: tuple[Name, ...] = ()
    """Extras of the build image, beyond those of base and family."""
    workdir: Folder | None = None
    """The run image's working directory, where it is not /var/task."""
    build_workdir: Folder | None = None
    """The build image's working directory, where it is not /var/task."""
    bootstrap: Name | None = None
    """The folder in `bootstraps/` that is copied to /var/runtime, instead of the family's."""

    @property
    def major(self) -> str:
        return self.version.partition(".")[0]


def meanings(name: str, runtime: Runtime) -> dict[str, str]:
    """What the `PLACEHOLDERS` stand for with a runtime."""
    return {"runtime": name, "version": runtime.version, "major": runtime.major}


def lang(runtime: Runtime, family: Family) -> bool:
    """Whether a runtime's language lives in /var/lang."""
    return family.lang if runtime.lang is None else runtime.lang


def source_of(runtime: Runtime, family: Family) -> ImageSource | ArchiveSource | None:
    """Where a runtime's `/var/lang` and `/var/runtime` come from; None when its base is all there is."""
    if runtime.source is not None:
        return runtime.source
    if family.archive:
        return ArchiveSource(archive=family.archive)
    return ImageSource(image=f"{family.source}:{runtime.version}") if family.source else None


def bootstrap_of(runtime: Runtime, family: Family) -> str | None:
    """The folder in `bootstraps/` of a runtime; None where upstream's own bootstrap will do."""
    return runtime.bootstrap or family.bootstrap
