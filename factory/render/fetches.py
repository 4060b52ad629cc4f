"""What a Dockerfile fetches: the upstream images that it names, the archives that it downloads, a bootstrap of ours."""

from __future__ import annotations

from dataclasses import dataclass

from factory.matrix.downloads import Download, of_extra, of_source
from factory.matrix.extras import brought, of_family
from factory.matrix.images import Image
from factory.matrix.lock import source_reference
from factory.matrix.runtimes import Family, Runtime, bootstrap_of
from factory.matrix.schema import Matrix


@dataclass(frozen=True)
class CopiedFrom:
    """Where `/var/lang` and `/var/runtime` are copied from; both empty for a custom runtime."""

    image: str | None = None
    download: Download | None = None


@dataclass(frozen=True)
class Compiler:
    """What compiles a bootstrap of ours: a toolchain, and the packages that it and its unpacking need."""

    download: Download
    packages: list[str]


class Fetches:
    """What the Dockerfiles of a matrix fetch."""

    def __init__(self, matrix: Matrix) -> None:
        self.matrix = matrix
        self._downloads: dict[str, tuple[Download, ...]] = {}

    def upstreams(self, image: Image) -> tuple[str, ...]:
        """The upstream images that the Dockerfile names."""
        base, source = self.matrix.bases[image.base].upstream, self.source(image)
        of_source = base if image.runtime is None or source.download else source.image
        of_compiler = base if self.compiler(image) else None
        return tuple(dict.fromkeys(name for name in (of_source, of_compiler) if name))

    def downloads(self, image: Image) -> tuple[Download, ...]:
        """The archives that the Dockerfile downloads: of the source, the extras, and the bootstrap's compiler."""
        if image.stem not in self._downloads:
            of_extras = (of_extra(name, extra) for name, extra in brought(self.matrix, image))
            compiler = self.compiler(image)
            found = (self.source(image).download, *of_extras, compiler.download if compiler else None)
            self._downloads[image.stem] = tuple({download.name: download for download in found if download}.values())
        return self._downloads[image.stem]

    def source(self, image: Image) -> CopiedFrom:
        """Where the language and its bootstrap are copied from; from nowhere for a base."""
        if image.runtime is None:
            return CopiedFrom()
        runtime, family = self.runtime(image), self.family(image)
        if download := of_source(image.runtime, runtime, family):
            return CopiedFrom(download=download)
        return CopiedFrom(image=source_reference(runtime, family))

    def compiler(self, image: Image) -> Compiler | None:
        """What compiles the bootstrap of ours; None where there is nothing to compile."""
        family = self.family(image) if image.runtime else None
        if family is None or family.bootstrap_extra is None or not self.bootstrap(image):
            return None
        (name,) = of_family([family.bootstrap_extra], image.runtime or "", self.runtime(image))
        extra = self.matrix.extras[name]
        download = of_extra(name, extra)
        assert download is not None
        manager = self.matrix.bases[image.base].package_manager
        return Compiler(download, sorted({"gzip", "tar", *extra.packages(manager)}))

    def bootstrap(self, image: Image) -> str | None:
        """The bootstrap of ours that the Dockerfile copies from its build context."""
        return bootstrap_of(self.runtime(image), self.family(image)) if image.runtime else None

    def parent_reference(self, image: Image) -> str | None:
        """The name by which the Dockerfile knows its parent; None for a base."""
        return f"{self.matrix.publish.repository}:{image.parent.stem}" if image.parent else None

    def family(self, image: Image) -> Family:
        """The family of a runtime's image."""
        assert image.family is not None
        return self.matrix.families[image.family]

    def runtime(self, image: Image) -> Runtime:
        """The runtime of a runtime's image."""
        assert image.runtime is not None
        return self.matrix.runtimes[image.runtime]
