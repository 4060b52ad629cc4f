"""`factory diff REV`: what rendered output changes against a git revision."""

from __future__ import annotations

import difflib
import io
import tarfile
import tempfile
from pathlib import Path

from factory.errors import FactoryError, UsageError
from factory.matrix.loading import load
from factory.process import GitError, git
from factory.render.dockerfile import Renderer


def rendered_at(revision: str, matrix_file: Path) -> dict[str, str]:
    """The Dockerfiles of another revision's matrix and templates, rendered by the present program.

    Raises:
        UsageError: git does not know the revision, or its matrix cannot be loaded now.
    """
    top = Path(git(matrix_file.resolve().parent, "rev-parse", "--show-toplevel").decode().strip())
    name = str(matrix_file.resolve().relative_to(top))
    archive = git(top, "archive", "--format=tar", revision, "--", name, "templates")
    with tempfile.TemporaryDirectory() as folder:
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            tar.extractall(folder, filter="data")
        try:
            return Renderer(load(Path(folder) / name), Path(folder) / "templates").all()
        except FactoryError as error:
            raise UsageError(f"the matrix of {revision} cannot be loaded by this program: {error}") from None


def file_at(revision: str, file: Path) -> bytes:
    """A file's content in another revision; empty where that has none.

    Raises:
        UsageError: git does not know the revision.
    """
    folder = file.resolve().parent
    git(folder, "rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}")
    try:
        return git(folder, "show", f"{revision}:./{file.name}")
    except GitError:
        return b""


def differences(old: dict[str, str], new: dict[str, str]) -> str:
    """A unified diff of all Dockerfiles; empty when nothing differs."""
    parts: list[str] = []
    for stem in sorted(old.keys() | new.keys()):
        before, after = old.get(stem, ""), new.get(stem, "")
        if before != after:
            name = f"{stem}/Dockerfile"
            parts += difflib.unified_diff(
                before.splitlines(keepends=True),
                after.splitlines(keepends=True),
                f"a/{name}" if stem in old else "/dev/null",
                f"b/{name}" if stem in new else "/dev/null",
            )
    return "".join(parts)
