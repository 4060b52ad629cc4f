"""Rendering: one Dockerfile per runtime (or base) and variant, serving both architectures. A pure function."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from factory.errors import UsageError
from factory.matrix.downloads import Download, of_extra, of_source
from factory.matrix.extras import brought, of_family
from factory.matrix.images import Image, expand
from factory.matrix.lock import source_reference
from factory.matrix.runtimes import Family, Runtime, bootstrap_of, lang
from factory.matrix.schema import Matrix
from factory.matrix.words import Variant
from factory.render.environment import environment

if TYPE_CHECKING:
    from jinja2 import Environment

TEMPLATES = Path(__file__).parent.parent.parent / "templates"

_ANNOTATION = "org.opencontainers.image"
"""The prefix of the OCI image specification's predefined annotation keys."""


@dataclass(frozen=True)
class Source:
    """Where `/var/lang` and `/var/runtime` come from, as templates see it; both empty for a custom runtime."""

    image: str | None = None
    download: Download | None = None


@dataclass(frozen=True)
class Compiler:
    """What compiles a bootstrap of ours: a toolchain, and the packages that it and its unpacking need."""

    download: Download
    packages: list[str]


@dataclass(frozen=True)
class Application:
    """What pipx installs, and the programs by which it is started."""

    requirement: str
    programs: tuple[str, ...]


class Renderer:
    """Renders the images of one matrix with the templates of one folder."""

    def __init__(self, matrix: Matrix, templates: Path = TEMPLATES) -> None:
        self.matrix = matrix
        self._templates = templates
        self._rendered: dict[str, str] = {}
        self._downloads: dict[str, tuple[Download, ...]] = {}

    def dockerfile(self, image: Image) -> str:
        """The Dockerfile of an image, the same for each of its architectures.

        Raises:
            UsageError: a template is missing or broken, or names what there is not.
        """
        if image.stem not in self._rendered:
            self._rendered[image.stem] = _tidy(_render(self._templates, _kind(image), self._context(image)))
        return self._rendered[image.stem]

    def templates(self, image: Image) -> dict[str, str]:
        """The templates that an image's Dockerfile is rendered from, each with a fingerprint of its text."""
        shared = (file for file in self._templates.glob("*.j2") if not file.name.endswith(".Dockerfile.j2"))
        part = self._templates / "families" / f"{image.family}.{image.variant}.j2"
        files = [self._templates / _kind(image), *shared, *([part] if part.is_file() else [])]
        return {
            str(file.relative_to(self._templates)): hashlib.sha256(file.read_bytes()).hexdigest()[:12]
            for file in sorted(files)
        }

    def all(self) -> dict[str, str]:
        """Every Dockerfile of the matrix, by image name without architecture."""
        return {image.stem: self.dockerfile(image) for image in expand(self.matrix)}

    def upstreams(self, image: Image) -> tuple[str, ...]:
        """The upstream images that the Dockerfile names."""
        if image.runtime is None:
            return (self.matrix.bases[image.base].upstream,)
        source = self._source(image)
        if source.download:
            return (self.matrix.bases[image.base].upstream,)
        return (source.image,) if source.image else ()

    def downloads(self, image: Image) -> tuple[Download, ...]:
        """The archives that the Dockerfile downloads: of the source, the extras, and the bootstrap's compiler."""
        if image.stem not in self._downloads:
            of_extras = (of_extra(name, extra) for name, extra in brought(self.matrix, image))
            of_source = self._source(image).download if image.runtime else None
            compiler = self.compiler(image)
            found = (of_source, *of_extras, compiler.download if compiler else None)
            self._downloads[image.stem] = tuple({download.name: download for download in found if download}.values())
        return self._downloads[image.stem]

    def compiler(self, image: Image) -> Compiler | None:
        """What compiles the bootstrap of ours; None where there is nothing to compile."""
        family = self._family(image) if image.runtime else None
        if family is None or family.bootstrap_extra is None or not self.bootstrap(image):
            return None
        (name,) = of_family([family.bootstrap_extra], image.runtime or "", self._runtime(image))
        extra = self.matrix.extras[name]
        download = of_extra(name, extra)
        assert download is not None
        manager = self.matrix.bases[image.base].package_manager
        return Compiler(download, sorted({"gzip", "tar", *extra.packages(manager)}))

    def bootstrap(self, image: Image) -> str | None:
        """The bootstrap of ours that the Dockerfile copies from its build context."""
        return bootstrap_of(self._runtime(image), self._family(image)) if image.runtime else None

    def parent_reference(self, image: Image) -> str | None:
        """The name by which the Dockerfile knows its parent; None for a base."""
        return f"{self.matrix.publish.repository}:{image.parent.stem}" if image.parent else None

    def _context(self, image: Image) -> dict[str, Any]:
        extras = brought(self.matrix, image)
        source = self._source(image) if image.runtime else Source()
        context: dict[str, Any] = {
            "stem": image.stem,
            "title": self._title(image),
            "base_name": image.base,
            "base": self.matrix.bases[image.base],
            "labels": self._labels(image),
            "environment": environment(self.matrix, image),
            "install": self._install(image),
            "topics": sorted({topic for _, extra in extras for topic in extra.topics.get(image.base, ())}),
            "downloads": [download for name, extra in extras if (download := of_extra(name, extra))],
            "pip": [extra.pip[image.base] for _, extra in extras if extra.pip],
            "applications": [Application(extra.pipx[image.base], extra.programs) for _, extra in extras if extra.pipx],
        }
        if image.runtime is None:
            return context
        runtime, family = self._runtime(image), self._family(image)
        workdir = runtime.workdir if image.variant is Variant.RUN else runtime.build_workdir
        return context | {
            "family_name": image.family,
            "entrypoint": family.entrypoint if runtime.entrypoint is None else runtime.entrypoint,
            "parent": self.parent_reference(image),
            "source": source,
            "lang": lang(runtime, family),
            "bootstrap": self.bootstrap(image),
            "compiler": self.compiler(image),
            "workdir": workdir,
        }

    def _title(self, image: Image) -> str:
        base = self.matrix.bases[image.base].title
        if image.runtime is None:
            return base
        source = self._source(image)
        version = f" {self._runtime(image).version}" if source.image or source.download else ""
        return f"{self._family(image).title}{version} on {base}"

    def _labels(self, image: Image) -> dict[str, str]:
        publish = self.matrix.publish
        purpose = "runs AWS Lambda functions" if image.variant is Variant.RUN else "compiles AWS Lambda functions"
        return {
            f"{_ANNOTATION}.title": image.stem,
            f"{_ANNOTATION}.description": f"{self._title(image)}: {purpose}",
            f"{_ANNOTATION}.base.name": self.matrix.bases[image.base].upstream,
            f"{_ANNOTATION}.source": publish.source,
            f"{_ANNOTATION}.vendor": publish.vendor,
            f"{_ANNOTATION}.licenses": publish.licenses,
        }

    def _install(self, image: Image) -> list[str]:
        """The packages that this Dockerfile installs, sorted."""
        base = self.matrix.bases[image.base]
        packages = base.packages if image.runtime is None and image.variant is Variant.BUILD else ()
        brought_by_extras = (extra.packages(base.package_manager) for _, extra in brought(self.matrix, image))
        return sorted({*packages, *(package for bunch in brought_by_extras for package in bunch)})

    def _source(self, image: Image) -> Source:
        assert image.runtime is not None
        if download := of_source(image.runtime, self._runtime(image), self._family(image)):
            return Source(download=download)
        return Source(image=source_reference(self._runtime(image), self._family(image)))

    def _family(self, image: Image) -> Family:
        assert image.family is not None
        return self.matrix.families[image.family]

    def _runtime(self, image: Image) -> Runtime:
        assert image.runtime is not None
        return self.matrix.runtimes[image.runtime]


def _kind(image: Image) -> str:
    """The template that an image's Dockerfile begins with."""
    return f"{'base-' if image.runtime is None else ''}{image.variant}.Dockerfile.j2"


def _render(templates: Path, name: str, context: dict[str, Any]) -> str:
    from jinja2 import TemplateError, TemplateSyntaxError

    try:
        return _templating(templates).get_template(name).render(context)
    except TemplateSyntaxError as error:
        raise UsageError(f"{error.filename or templates / name}:{error.lineno}: {error.message}") from None
    except TemplateError as error:
        raise UsageError(f"{templates / name}: {error}") from None


@cache
def _templating(templates: Path) -> Environment:
    from jinja2 import Environment, FileSystemBytecodeCache, FileSystemLoader, StrictUndefined

    templating = Environment(
        loader=FileSystemLoader(templates),
        undefined=StrictUndefined,
        bytecode_cache=FileSystemBytecodeCache(),  # in a private folder of the system's temporary one, keyed by content
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )
    templating.filters["quoted"] = _quoted
    templating.filters["literal"] = lambda value: _quoted(value).replace("$", "\\$")
    templating.filters["exec_form"] = json.dumps
    return templating


def _quoted(value: str) -> str:
    """A value as ENV and LABEL take it: bare where it can be, so that a reader is spared the noise."""
    if re.fullmatch(r"[A-Za-z0-9_./:@%+,$-]+", value):
        return value
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _tidy(text: str) -> str:
    """At most one blank line in a row, none at either end: what macros leave is not the reader's business."""
    return re.sub(r"\n{3,}", "\n\n", text).strip("\n") + "\n"
