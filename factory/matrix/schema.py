"""The matrix: what `matrix.toml` may say, as frozen models.

These models are the loader's and, through `Matrix.model_json_schema()`, the editors' JSON Schema: one thing, so the two
cannot drift apart. What spans several tables (a runtime's base must exist, say) is in `factory.matrix.rules`.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from factory.matrix.runtimes import Family, Runtime
from factory.matrix.tables import Base, Environments, Extra, Publish
from factory.matrix.words import Identity, Line, Name, Prefix, Table, Url
from factory.registry.references import is_within, split_reference


def signatures_of(matrix: Matrix, reference: str) -> Signatures | None:
    """Whose signatures count for an upstream image, by the narrowest table that it is in; None where nobody said."""
    repository = "/".join(split_reference(reference)[:2])
    around = [prefix for prefix in matrix.signatures if is_within(repository, prefix)]
    return matrix.signatures[max(around, key=len)] if around else None


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
