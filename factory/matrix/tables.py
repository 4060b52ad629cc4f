"""The tables of a matrix that name no runtime: publishing, environments, bases, extras."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from factory.matrix.archives import Archives, Format, packed_with
from factory.matrix.words import (
    Architectures,
    Command,
    Folder,
    Line,
    Member,
    Name,
    PackageManager,
    PackageName,
    PlainEnvironment,
    Reference,
    Repository,
    Requirement,
    Table,
    Url,
    Version,
    VersionEnvironment,
)


class Publish(Table):
    """Where images go and what their labels say."""

    repository: Repository
    """The repository that `push` writes to, unless --registry names another: `ghcr.io/lambda-factory/lambda`."""
    source: Url
    """Where the sources of the images are: the label org.opencontainers.image.source."""
    vendor: Line
    """Who publishes the images: the label org.opencontainers.image.vendor."""
    licenses: Line
    """SPDX expression: the label org.opencontainers.image.licenses."""


class Environments(Table):
    """The environment of the base images, which every runtime inherits."""

    run: PlainEnvironment = {}
    """Variables of the run images."""
    build: PlainEnvironment = {}
    """Variables that the build images have instead of, or beyond, those of the run images."""


class User(Table):
    """The account that Lambda's sandbox runs functions as."""

    name: Annotated[str, StringConstraints(pattern=r"^[a-z_][a-z0-9_-]*$")]
    """Login name, `sbx_user1051`."""
    uid: Annotated[int, Field(ge=1, le=65534, strict=True)]
    """User id."""
    gid: Annotated[int, Field(ge=1, le=65534, strict=True)]
    """Group id; a group of the same name is made."""


class Base(Table):
    """An Amazon Linux generation."""

    title: Line
    """What people call it: `Amazon Linux 2023`."""
    version: Version
    """Its VERSION_ID in /etc/os-release: `2023`."""
    upstream: Reference
    """The official image whose layers every image of this generation shares."""
    package_manager: PackageManager
    """`yum` or `microdnf`."""
    architectures: Architectures
    """The architectures that the upstream image exists for."""
    user: User
    """Who a run image's function runs as."""
    groups: tuple[PackageName, ...] = ()
    """Package groups of the build image; only yum knows groups."""
    packages: tuple[PackageName, ...] = ()
    """Packages of the build image."""
    extras: tuple[Name, ...] = ()
    """Extras of every build image on this base."""

    @model_validator(mode="after")
    def _groups_need_yum(self) -> Self:
        if self.groups and self.package_manager is PackageManager.MICRODNF:
            raise PydanticCustomError(
                "groups",
                "microdnf has no package groups; list the packages of {groups} in `packages` instead",
                {"groups": ", ".join(map(repr, self.groups)), "at": ("groups",)},
            )
        return self


class Extra(Table):
    """A named piece of a build toolchain, declared once and used by name."""

    summary: Line
    """One line for the catalogue."""
    yum: tuple[PackageName, ...] = ()
    """Its packages where the base has yum; `[]` where it needs none there."""
    microdnf: tuple[PackageName, ...] = ()
    """Its packages where the base has microdnf; `[]` where it needs none there."""
    topics: dict[Name, tuple[PackageName, ...]] = {}
    """Per base: the topics of amazon-linux-extras, which has them to be enabled, that its packages are in."""
    pip: dict[Name, Requirement] = {}
    """Per base: what that base's own python3 gets by `pip install`."""
    pipx: dict[Name, Requirement] = {}
    """Per base: an application that pipx gives a virtual environment of its own, its commands in /usr/local/bin."""
    version: Version | None = None
    """Its version, which `archive` and `environment` may name as {version}."""
    archive: Archives = {}
    """For `any` architecture, or for each: address and checksum of what is unpacked."""
    into: Folder | None = None
    """Where the archive is unpacked."""
    strip: Annotated[int, Field(ge=0, le=9, strict=True)] = 0
    """How many leading parts of the paths in the archive are dropped."""
    links: tuple[Member, ...] = ()
    """Which unpacked files are linked into /usr/local/bin."""
    commands: dict[Name, Command] = {}
    """What commands in /usr/local/bin start: for a file that is no program by itself."""
    programs: tuple[Member, ...] = ()
    """What must be on the PATH of a build image that has it, beside `links` and `commands`: the smoke test looks."""
    needs: tuple[Name, ...] = ()
    """Other extras that come along."""
    format: Format | None = None
    """What the archive is packed with, where its address does not end in it."""
    environment: VersionEnvironment = {}
    """Variables of the build images that have it; may name {version}."""

    @model_validator(mode="after")
    def _brings_something(self) -> Self:
        if not self.model_fields_set & {"yum", "microdnf", "pip", "pipx", "archive", "environment"}:
            raise PydanticCustomError(
                "extra", "brings nothing", {"remedy": "add one of yum, microdnf, pip, pipx, archive, environment"}
            )
        return self

    @model_validator(mode="after")
    def _startable(self) -> Self:
        if self.pipx and not self.programs:
            raise PydanticCustomError(
                "programs",
                "does not say by which programs its application is started",
                {"remedy": 'add `programs = ["…"]`'},
            )
        return self

    @model_validator(mode="after")
    def _unpackable(self) -> Self:
        if self.archive:
            if self.into is None:
                raise PydanticCustomError(
                    "into", "does not say where its archive is unpacked", {"remedy": 'add `into = "/usr/local/…"`'}
                )
            packed_with(self.archive, self.format)
            return self
        for key in ("into", "strip", "links", "commands", "format"):
            if key in self.model_fields_set:
                raise PydanticCustomError("archive", "is for archives, and this extra has none", {"at": (key,)})
        return self

    @model_validator(mode="after")
    def _version_named(self) -> Self:
        texts = [*(archive.url for archive in self.archive.values()), *self.environment.values()]
        if self.version is None and any("{version}" in text for text in texts):
            raise PydanticCustomError(
                "version",
                "names {placeholder}, but has no `version`",
                {"placeholder": "{version}", "remedy": 'add `version = "…"`'},
            )
        if any("{runtime}" in text for text in texts):
            raise PydanticCustomError(
                "runtime", "names {placeholder}, and is for no runtime in particular", {"placeholder": "{runtime}"}
            )
        return self

    @property
    def packed(self) -> Format:
        """What its archives are packed with."""
        return packed_with(self.archive, self.format)

    def packages(self, manager: PackageManager) -> tuple[str, ...]:
        """The packages that bring this extra with the given package manager."""
        return self.yum if manager is PackageManager.YUM else self.microdnf
