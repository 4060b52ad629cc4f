"""Rendering: one Dockerfile per runtime (or base) and variant, serving both architectures. A pure function."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from factory.matrix.downloads import of_extra
from factory.matrix.extras import brought
from factory.matrix.images import Image, expand
from factory.matrix.runtimes import lang
from factory.matrix.words import Variant
from factory.render.environment import environment
from factory.render.fetches import Fetches
from factory.render.steps import Step, steps
from factory.render.steps import of_extra as step_of
from factory.render.templates import Rendered, Templates

_ANNOTATION = "org.opencontainers.image"
"""The prefix of the OCI image specification's predefined annotation keys."""


@dataclass(frozen=True)
class Pip:
    """What pip installs for the base's own python3; `step` marks its step as the extra's."""

    requirement: str
    step: str


@dataclass(frozen=True)
class Application(Pip):
    """What pipx installs, and the programs by which it is started."""

    programs: tuple[str, ...]


class Renderer:
    """Renders the images of one matrix, each Dockerfile once."""

    def __init__(self, fetches: Fetches, templates: Templates) -> None:
        self.matrix, self.fetches = fetches.matrix, fetches
        self._templates = templates
        self._rendered: dict[str, Rendered] = {}

    def dockerfile(self, image: Image) -> str:
        """The Dockerfile of an image, the same for each of its architectures.

        Raises:
            UsageError: a template is missing or broken, or names what there is not.
        """
        return self._of(image).text

    def steps(self, image: Image) -> tuple[Step, ...]:
        """The steps that the image's own Dockerfile adds to its parent's, first to last."""
        return steps(self._of(image))

    def templates(self, image: Image) -> dict[str, str]:
        """The templates that an image's Dockerfile is rendered from, each with a fingerprint of its text."""
        part = f"families/{image.family}.{image.variant}.j2"
        return self._templates.fingerprints(_template(image), part, *self._templates.shared)

    def all(self) -> dict[str, str]:
        """Every Dockerfile of the matrix, by image name without architecture."""
        return {image.stem: self.dockerfile(image) for image in expand(self.matrix)}

    def _of(self, image: Image) -> Rendered:
        if image.stem not in self._rendered:
            self._rendered[image.stem] = self._templates.render(_template(image), self._context(image))
        return self._rendered[image.stem]

    def _context(self, image: Image) -> dict[str, Any]:
        extras = brought(self.matrix, image)
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
            "pip": [Pip(extra.pip[image.base], step_of(name)) for name, extra in extras if extra.pip],
            "applications": [
                Application(extra.pipx[image.base], step_of(name), extra.programs)
                for name, extra in extras
                if extra.pipx
            ],
        }
        return context if image.runtime is None else context | self._context_of_runtime(image)

    def _context_of_runtime(self, image: Image) -> dict[str, Any]:
        fetches = self.fetches
        runtime, family = fetches.runtime(image), fetches.family(image)
        return {
            "family_name": image.family,
            "entrypoint": family.entrypoint if runtime.entrypoint is None else runtime.entrypoint,
            "parent": fetches.parent_reference(image),
            "source": fetches.source(image),
            "lang": lang(runtime, family),
            "bootstrap": fetches.bootstrap(image),
            "compiler": fetches.compiler(image),
            "workdir": runtime.workdir if image.variant is Variant.RUN else runtime.build_workdir,
        }

    def _title(self, image: Image) -> str:
        base = self.matrix.bases[image.base].title
        if image.runtime is None:
            return base
        source = self.fetches.source(image)
        version = f" {self.fetches.runtime(image).version}" if source.image or source.download else ""
        return f"{self.fetches.family(image).title}{version} on {base}"

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


def _template(image: Image) -> str:
    """The template that an image's Dockerfile begins with."""
    return f"{'base-' if image.runtime is None else ''}{image.variant}.Dockerfile.j2"
