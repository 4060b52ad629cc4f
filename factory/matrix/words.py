"""The words of a matrix: what a name, a version, an address or a day looks like, and what every table shares."""

from __future__ import annotations

import ast
import inspect
import textwrap
from datetime import date
from enum import StrEnum
from itertools import pairwise
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    StringConstraints,
)
from pydantic_core import CoreSchema, PydanticCustomError


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
        defer_build=True,  # most tables are only ever read as a part of the whole matrix
    )

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """pydantic's own with what keys mean, and as strict as the loader: a table of tables takes no other names."""
        schema, meant = handler(core_schema), meanings_of(cls)
        for name, key in handler.resolve_ref_schema(schema).get("properties", {}).items():
            if name in meant:
                key["description"] = meant[name]
            if "patternProperties" in key:
                key["additionalProperties"] = False
        return schema


def meanings_of(table: type[Table]) -> dict[str, str]:
    """What the keys of a table are for: the texts below its attributes.

    pydantic can collect them too, for every table at every start, which takes a fifth of a short command's time.
    """
    (definition,) = ast.parse(textwrap.dedent(inspect.getsource(table))).body
    assert isinstance(definition, ast.ClassDef)
    return {
        key.target.id: inspect.cleandoc(str(text.value.value))
        for key, text in pairwise(definition.body)
        if isinstance(key, ast.AnnAssign)
        and isinstance(key.target, ast.Name)
        and isinstance(text, ast.Expr)
        and isinstance(text.value, ast.Constant)
    }
