"""Rendering: one Dockerfile per runtime (or base) and variant, serving both architectures. A pure function."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from factory.errors import UsageError
from factory.images import Image, expand
from factory.lock import source_reference
from factory.matrix import Architecture, Archive, ArchiveSource, Matrix, Runtime, Variant

if TYPE_CHECKING:
    from jinja2 import Environment

TEMPLATES = Path(__file__).parent.parent / "templates"

_ANNOTATION = "org.opencontainers.image"
"""The prefix of the OCI image specification's predefined annotation keys."""


@dataclass(frozen=True)
class Source:
    """Where `/var/lang` and `/var/runtime` come from, as templates see it; both empty for a custom runtime."""

    image: str | None = None
    archives: Mapping[Architecture, Archive] | None = None


class Renderer:
    """Renders the images of one matrix with the templates of one folder."""

    def __init__(self, matrix: Matrix, templates: Path = TEMPLATES) -> None:
        self._matrix = matrix
        self._templates = templates
        self._rendered: dict[str, str] = {}

    def dockerfile(self, image: Image) -> str:
        """The Dockerfile of an image, the same for each of its architectures.

        Raises:
            UsageError: a template is missing or broken, or names what there is not.
        """
        if image.stem not in self._rendered:
            kind = f"{'base-' if image.runtime is None else ''}{image.variant}.Dockerfile.j2"
            self._rendered[image.stem] = _tidy(_render(self._templates, kind, self._context(image)))
        return self._rendered[image.stem]

    def all(self) -> dict[str, str]:
        """Every Dockerfile of the matrix, by image name without architecture."""
        return {image.stem: self.dockerfile(image) for image in expand(self._matrix)}

    def upstreams(self, image: Image) -> tuple[str, ...]:
        """The upstream images that the Dockerfile names."""
        if image.runtime is None:
            return (self._matrix.bases[image.base].upstream,)
        source = self._source(image)
        if source.archives:
            return (self._matrix.bases[image.base].upstream,)
        return (source.image,) if source.image else ()

    def parent_reference(self, image: Image) -> str | None:
        """The name by which the Dockerfile knows its parent; None for a base."""
        return f"{self._matrix.publish.repository}:{image.parent.stem}" if image.parent else None

    def _context(self, image: Image) -> dict[str, Any]:
        context: dict[str, Any] = {
            "stem": image.stem,
            "title": self._title(image),
            "base_name": image.base,
            "base": self._matrix.bases[image.base],
            "labels": self._labels(image),
            "environment": self._environment(image),
            "install": self._install(image),
        }
        if image.runtime is None:
            return context
        assert image.family is not None
        return context | {
            "family_name": image.family,
            "family": self._matrix.families[image.family],
            "parent": self.parent_reference(image),
            "source": self._source(image),
        }

    def _title(self, image: Image) -> str:
        base = self._matrix.bases[image.base].title
        if image.runtime is None:
            return base
        assert image.family is not None
        title = self._matrix.families[image.family].title
        source = self._source(image)
        version = f" {self._runtime(image).version}" if source.image or source.archives else ""
        return f"{title}{version} on {base}"

    def _labels(self, image: Image) -> dict[str, str]:
        publish = self._matrix.publish
        purpose = "runs AWS Lambda functions" if image.variant is Variant.RUN else "compiles AWS Lambda functions"
        return {
            f"{_ANNOTATION}.title": image.stem,
            f"{_ANNOTATION}.description": f"{self._title(image)}: {purpose}",
            f"{_ANNOTATION}.base.name": self._matrix.bases[image.base].upstream,
            f"{_ANNOTATION}.source": publish.source,
            f"{_ANNOTATION}.vendor": publish.vendor,
            f"{_ANNOTATION}.licenses": publish.licenses,
        }

    def _environment(self, image: Image) -> dict[str, str]:
        """The variables that this Dockerfile adds to those of its parent."""
        if image.runtime is None:
            values = dict(self._matrix.environment.run)
            if image.variant is Variant.BUILD:
                values |= self._matrix.environment.build
            return values
        assert image.family is not None
        family, runtime = self._matrix.families[image.family], self._runtime(image)
        values = dict(family.environment)
        if image.variant is Variant.BUILD:
            values |= family.build_environment
        else:
            values["_HANDLER"] = family.handler
        names = {"runtime": image.runtime, "version": runtime.version, "major": runtime.major}
        return {name: value.format_map(names) for name, value in values.items()}

    def _install(self, image: Image) -> list[str]:
        """The packages that this Dockerfile installs, sorted."""
        if image.variant is Variant.RUN:
            return []
        base = self._matrix.bases[image.base]
        packages, extras = base.packages, base.extras
        if image.family is not None:
            packages, extras = (), self._matrix.families[image.family].extras
        brought = (self._matrix.extras[extra].packages(base.package_manager) for extra in extras)
        return sorted({*packages, *(package for bunch in brought for package in bunch)})

    def _source(self, image: Image) -> Source:
        assert image.family is not None
        runtime = self._runtime(image)
        if isinstance(runtime.source, ArchiveSource):
            return Source(archives=runtime.source.archive)
        return Source(image=source_reference(runtime, self._matrix.families[image.family]))

    def _runtime(self, image: Image) -> Runtime:
        assert image.runtime is not None
        return self._matrix.runtimes[image.runtime]


def _render(templates: Path, name: str, context: dict[str, Any]) -> str:
    from jinja2 import TemplateError, TemplateSyntaxError

    try:
        return _environment(templates).get_template(name).render(context)
    except TemplateSyntaxError as error:
        raise UsageError(f"{error.filename or templates / name}:{error.lineno}: {error.message}") from None
    except TemplateError as error:
        raise UsageError(f"{templates / name}: {error}") from None


@cache
def _environment(templates: Path) -> Environment:
    from jinja2 import Environment, FileSystemBytecodeCache, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(templates),
        undefined=StrictUndefined,
        bytecode_cache=FileSystemBytecodeCache(),  # in a private folder of the system's temporary one, keyed by content
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )
    environment.filters["quoted"] = _quoted
    environment.filters["literal"] = lambda value: _quoted(value).replace("$", "\\$")
    environment.filters["exec_form"] = json.dumps
    return environment


def _quoted(value: str) -> str:
    """A value as ENV and LABEL take it: bare where it can be, so that a reader is spared the noise."""
    if re.fullmatch(r"[A-Za-z0-9_./:@%+,$-]+", value):
        return value
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _tidy(text: str) -> str:
    """At most one blank line in a row, none at either end: what macros leave is not the reader's business."""
    return re.sub(r"\n{3,}", "\n\n", text).strip("\n") + "\n"
