"""Writing what was rendered to where builds, and plain docker, take it from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from factory.build.bootstraps import lay_out
from factory.build.contexts import Contexts
from factory.files import Folder, write_if_changed
from factory.matrix.images import expand
from factory.render.bake import bake_file
from factory.render.dockerfile import Renderer


@dataclass(frozen=True)
class Rendering:
    """The Dockerfiles, the bake file and the bootstraps of a matrix, in a build directory."""

    renderer: Renderer
    contexts: Contexts
    bootstraps: Mapping[str, Folder]
    build_dir: Path

    def write(self) -> int:
        """Writes all of it, each file only if it says something else; returns how many Dockerfiles there are."""
        matrix = self.renderer.matrix
        dockerfiles = self.renderer.all()
        for stem, text in dockerfiles.items():
            write_if_changed(self.build_dir / "dockerfiles" / stem / "Dockerfile", text)
        targets = {image: self.contexts.target(image) for image in expand(matrix)}
        write_if_changed(self.build_dir / "docker-bake.json", bake_file(targets, matrix.publish.repository))
        (self.build_dir / "empty").mkdir(parents=True, exist_ok=True)
        for name in sorted({name for image in targets if (name := self.renderer.fetches.bootstrap(image))}):
            lay_out(self.build_dir, name, self.bootstraps[name])
        return len(dockerfiles)
