"""The matrix: what `matrix.toml` may say, as frozen models.

These models are the loader's and, through `Matrix.model_json_schema()`, the editors' JSON Schema: one thing, so the two
cannot drift apart. What spans several tables (a runtime's base must exist, say) is in `factory.matrix.rules`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from enum import StrEnum
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    GetJsonSchemaHandler,
    StringConstraints,
    Tag,
    model_validator,
)
from pydantic_core import CoreSchema, PydanticCustomError

from factory.registry.references import is_within, split_reference


class Architecture(StrEnum):
    """Lambda's names for the instruction sets it runs."""

    X86_64 = "x86_64"
    ARM64 = "arm64"

    @property
    def oci(self) -> str:
        """The name of the OCI image specification (Go's GOARCH)."""
        return {Architecture.X86_64: "amd64", Architecture.ARM64: "arm64"}[self]

    @property
    def platform(self) -> str:
        """Docker's platform string."""
        return f"linux/{self.oci}"


class PackageManager(StrEnum):
    """What installs RPMs in a base: yum on Amazon Linux 1 and 2, microdnf on 2023."""

    YUM = "yum"
    MICRODNF = "microdnf"


class Variant(StrEnum):
    """A run image executes a function; a build image compiles one."""

    RUN = "run"
    BUILD = "build"


class Status(StrEnum):
    """Where a runtime stands in its life on a given day."""

    PREVIEW = "preview"
    SUPPORTED = "supported"
    DEPRECATED = "deprecated"
    CREATE_BLOCKED = "create blocked"
    UPDATE_BLOCKED = "update blocked"


def _calendar_day(value: object) -> object:
    """Takes a TOML date only: a quoted date is a string that nobody checked."""
    if type(value) is not date:
        raise PydanticCustomError(
            "not_a_date",
            "{value} is not a date; write an unquoted TOML date such as 2029-06-30",
            {"value": repr(str(value))},
        )
    return value


def _no_placeholders(value: str) -> str:
    """Refuses what only a family's variables may name."""
    for name in PLACEHOLDERS:
        if f"{{{name}}}" in value:
            raise PydanticCustomError(
                "placeholder", "a base has no {name}; set this variable in a family", {"name": name}
            )
    return value


def _only(*names: str) -> AfterValidator:
    """Refuses any `{name}` in a text but these."""

    def check(value: str) -> str:
        try:
            value.format_map(dict.fromkeys(names, ""))
        except (KeyError, ValueError, IndexError, AttributeError) as error:
            raise PydanticCustomError(
                "placeholder",
                "unknown placeholder {what}; known: {known}",
                {"what": str(error), "known": ", ".join(f"{{{name}}}" for name in names)},
            ) from None
        return value

    return AfterValidator(check)


def _distinct(values: tuple[Architecture, ...]) -> tuple[Architecture, ...]:
    """Refuses a name that stands twice."""
    for value in values:
        if values.count(value) > 1:
            raise PydanticCustomError("distinct", "names {value} twice; once is enough", {"value": value.value})
    return values


PLACEHOLDERS = ("runtime", "version", "major")
"""What an environment value of a family may name: the runtime identifier, its version, the version's first number."""

Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9]*([._-][a-z0-9]+)*$", max_length=64)]
"""A name that is also part of an image tag: lower case, digits, single separators."""

NamePattern = Annotated[
    str, StringConstraints(pattern=r"^[a-z][a-z0-9]*([._-]([a-z0-9]+|\{[a-z]+\}))*$"), _only(*PLACEHOLDERS)
]
"""A name that may differ by runtime: `dotnet-sdk-{version}`."""

PackageName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._+-]*$")]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Sha512 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{128}$")]
Command = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._/=+-]+( [A-Za-z0-9._/=+-]+)*$")]
"""Words of a command that a shell takes as they are."""

Requirement = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*(\[[A-Za-z0-9._,-]+\])?==[A-Za-z0-9][A-Za-z0-9._+!-]*$")
]
"""A Python distribution at one version: `poetry==1.8.5`."""

Folder = Annotated[
    str, StringConstraints(pattern=r"^/([A-Za-z0-9_+-][A-Za-z0-9._+-]*(/[A-Za-z0-9_+-][A-Za-z0-9._+-]*)*)?$")
]
"""An absolute path that a shell takes as it is: `/usr/local/gradle`."""

Member = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z0-9_+-][A-Za-z0-9._+-]*(/[A-Za-z0-9_+-][A-Za-z0-9._+-]*)*$")
]
"""A path inside an archive: `bin/gradle`."""
Reference = Annotated[
    str,
    StringConstraints(pattern=r"^[a-z0-9.-]+\.[a-z0-9.-]+(:[0-9]+)?(/[a-z0-9._-]+)+:[A-Za-z0-9_][A-Za-z0-9._-]*$"),
]
"""An upstream image with its registry and tag: `public.ecr.aws/lambda/python:3.13`."""

Repository = Annotated[str, StringConstraints(pattern=r"^[a-z0-9.-]+(:[0-9]+)?(/[a-z0-9._-]+)+$")]
Prefix = Annotated[str, StringConstraints(pattern=r"^[a-z0-9.-]+(:[0-9]+)?(/[a-z0-9._-]+)*$")]
"""A registry, a repository, or where several of them are: `public.ecr.aws/lambda`."""

Identity = Annotated[str, StringConstraints(pattern=r"^\^[^\x00-\x1f\x7f]+$")]
"""A regular expression with its anchor: one without fits identities that only contain what is meant."""

Url = Annotated[str, StringConstraints(pattern=r"^https?://[^\s/]+(/[^\s]*)?$")]
ArchiveUrl = Annotated[Url, _only("runtime", "version")]
"""An address that may name `{version}`, that of the extra or runtime, and `{runtime}`."""
Day = Annotated[date, BeforeValidator(_calendar_day)]
EnvironmentName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
Line = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f]+$")]
"""Text without control characters: it goes into a Dockerfile, where a newline would be an instruction of its own."""

_Value = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f]*$")]
Version = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$")]
VersionEnvironment = dict[EnvironmentName, Annotated[_Value, _only("version")]]
Environment = dict[EnvironmentName, Annotated[_Value, _only(*PLACEHOLDERS)]]
PlainEnvironment = dict[EnvironmentName, Annotated[_Value, AfterValidator(_no_placeholders)]]
Architectures = Annotated[tuple[Architecture, ...], Field(min_length=1), AfterValidator(_distinct)]


class Table(BaseModel):
    """What every table shares: frozen, no unknown keys, its documentation in the schema."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        use_attribute_docstrings=True,
        defer_build=True,  # most tables are only ever read as a part of the whole matrix
    )

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """pydantic's own, made as strict as the loader: a table of named tables takes no other names."""
        schema = handler(core_schema)
        for key in handler.resolve_ref_schema(schema).get("properties", {}).values():
            if "patternProperties" in key:
                key["additionalProperties"] = False
        return schema


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


class ArchiveFor(StrEnum):
    """Which images an archive is for: those of one architecture, or all."""

    ANY = "any"
    X86_64 = "x86_64"
    ARM64 = "arm64"


class Format(StrEnum):
    """What an archive is packed with; told by the end of its address unless named."""

    TAR_GZ = "tar.gz"
    TAR_XZ = "tar.xz"
    ZIP = "zip"
    NUPKG = "nupkg"


_SUFFIXES = {
    ".tar.gz": Format.TAR_GZ,
    ".tgz": Format.TAR_GZ,
    ".tar.xz": Format.TAR_XZ,
    ".txz": Format.TAR_XZ,
    ".zip": Format.ZIP,
    ".nupkg": Format.NUPKG,
}


class Archive(Table):
    """A file to download, used only once its checksum is right."""

    url: ArchiveUrl
    """Where it is; may name {version}."""
    sha256: Sha256 | None = None
    """What it must be, 64 hexadecimal digits. Absent: `factory lock` notes what it is."""
    sha512: Sha512 | None = None
    """What it must be, 128 hexadecimal digits, where the publisher names no sha256."""

    @model_validator(mode="after")
    def _one_checksum(self) -> Self:
        if self.sha256 and self.sha512:
            raise PydanticCustomError(
                "checksum",
                "stands beside a sha256",
                {"at": ("sha512",), "remedy": "leave one of the two out, one checksum is enough"},
            )
        return self

    def at(self, version: str | None, runtime: str | None = None) -> str:
        """Its address for a version, and a runtime where it is one's."""
        return self.url.format_map({"version": version, "runtime": runtime})

    @property
    def checksum(self) -> str | None:
        """`sha256:…` or `sha512:…`; None where only the lock knows."""
        if self.sha512:
            return f"sha512:{self.sha512}"
        return f"sha256:{self.sha256}" if self.sha256 else None


def _any_alone(archives: dict[ArchiveFor, Archive]) -> dict[ArchiveFor, Archive]:
    """Refuses an archive that would never be used."""
    if ArchiveFor.ANY in archives and len(archives) > 1:
        raise PydanticCustomError(
            "any",
            "names an architecture beside `any`, which is for all of them",
            {"remedy": "leave out one or the other"},
        )
    return archives


Archives = Annotated[dict[ArchiveFor, Archive], AfterValidator(_any_alone)]


def archive_for(archives: Mapping[ArchiveFor, Archive], architecture: Architecture) -> Archive | None:
    """The archive that an architecture's images take; None when there is none."""
    return archives.get(ArchiveFor.ANY) or archives.get(ArchiveFor(architecture))


def _format(archives: Mapping[ArchiveFor, Archive], named: Format | None) -> Format:
    """What archives are packed with: the same for all architectures, as one step unpacks them."""
    if named:
        return named
    told = {format_ for archive in archives.values() if (format_ := _format_of(archive.url))}
    if len(told) != 1 or not all(_format_of(archive.url) for archive in archives.values()):
        raise PydanticCustomError(
            "format",
            "the addresses do not end in one of {known}, the same for all",
            {"known": ", ".join(_SUFFIXES), "at": ("archive",), "remedy": 'add `format = "zip"`, or what it is'},
        )
    return told.pop()


def _format_of(url: str) -> Format | None:
    path = url.partition("?")[0]
    return next((format_ for suffix, format_ in _SUFFIXES.items() if path.endswith(suffix)), None)


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
            _format(self.archive, self.format)
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
        return _format(self.archive, self.format)

    def packages(self, manager: PackageManager) -> tuple[str, ...]:
        """The packages that bring this extra with the given package manager."""
        return self.yum if manager is PackageManager.YUM else self.microdnf


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
        _format(self.archive, self.format)
        return self

    @property
    def packed(self) -> Format:
        """What its archives are packed with."""
        return _format(self.archive, self.format)


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
            _format(self.archive, None)
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
        """The version's first number."""
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


def signatures_of(matrix: Matrix, reference: str) -> Signatures | None:
    """Whose signatures count for an upstream image, by the narrowest table that it is in; None where nobody said."""
    repository = "/".join(split_reference(reference)[:2])
    around = [prefix for prefix in matrix.signatures if is_within(repository, prefix)]
    return matrix.signatures[max(around, key=len)] if around else None


def bootstrap_of(runtime: Runtime, family: Family) -> str | None:
    """The folder in `bootstraps/` of a runtime; None where upstream's own bootstrap will do."""
    return runtime.bootstrap or family.bootstrap


class Signatures(Table):
    """Whose signatures count for upstream images: those of a key, or of an identity that an issuer vouches for."""

    key: Line | None = None
    """The public key: a file, named from the matrix's folder, or a key of a key management service, `awskms://…`."""
    identity: Identity | None = None
    """Keyless: a regular expression for the signer's identity, from its beginning on: `^https://github.com/OWNER/`."""
    issuer: Url | None = None
    """Keyless: who vouches for the identity: `https://token.actions.githubusercontent.com`."""
    transparency_log: bool = True
    """Whether a signature must be in the public transparency log; one by key may do without."""

    @model_validator(mode="after")
    def _one_signer(self) -> Self:
        if self.key and (self.identity or self.issuer):
            at = "identity" if self.identity else "issuer"
            raise PydanticCustomError(
                "signer", "stands beside a key", {"at": (at,), "remedy": "leave out the key, or identity and issuer"}
            )
        if not self.key and not (self.identity and self.issuer):
            raise PydanticCustomError(
                "signer",
                "does not say whose signatures count",
                {"remedy": "add `key = …`, or both `identity = …` and `issuer = …`"},
            )
        if self.identity and not self.transparency_log:
            raise PydanticCustomError(
                "log",
                "is for keys; where an identity's signature is looked up, cosign's own variables say",
                {"at": ("transparency_log",), "remedy": "leave it out; docs/trust.md names the variables"},
            )
        return self

    @property
    def key_file(self) -> bool:
        """Whether the key is a file."""
        return self.key is not None and "://" not in self.key


class Matrix(Table):
    """Every image that the factory makes."""

    publish: Publish
    """Where images go and what their labels say."""
    environment: Environments = Environments()
    """The environment of the base images."""
    bases: Annotated[dict[Name, Base], Field(min_length=1)]
    """The Amazon Linux generations."""
    families: dict[Name, Family] = {}
    """The languages."""
    extras: dict[Name, Extra] = {}
    """The named pieces of the build toolchains."""
    runtimes: dict[Name, Runtime] = {}
    """The Lambda runtimes."""
    signatures: dict[Prefix, Signatures] = {}
    """By registry or repository: whose signatures the upstream images in and below it must have to be locked."""


SECTIONS: tuple[Literal["bases", "families", "extras", "runtimes", "signatures"], ...] = (
    "bases",
    "families",
    "extras",
    "runtimes",
    "signatures",
)
"""The keys of `Matrix` that hold named tables."""
