"""A project on disk: the files that people write and that are shipped, read when first asked for, as values."""

from __future__ import annotations

import io
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from factory.app.outside import SHIPPED
from factory.errors import FactoryError, UsageError
from factory.files import Folder, read_folder, write_text
from factory.matrix.loading import decode, parse
from factory.matrix.schema import Matrix
from factory.process import GitError, git

if TYPE_CHECKING:
    from factory.matrix.lock import Lock
    from factory.matrix.new import Addition
    from factory.render.templates import Templates

_BOM = "\ufeff"


class Project:
    """A matrix, its lock, and the folders `templates`, `bootstraps`, `smoke` and `emulator` in `shipped`."""

    def __init__(self, matrix_file: Path, lock_file: Path, shipped: Path = SHIPPED) -> None:
        self.matrix_file, self.lock_file, self.shipped = matrix_file, lock_file, shipped

    @cached_property
    def text(self) -> str:
        """The matrix's text.

        Raises:
            UsageError: it cannot be read.
            MatrixError: it is not UTF-8.
        """
        return read_text(self.matrix_file, "name the matrix with --matrix FILE")

    @cached_property
    def matrix(self) -> Matrix:
        """The checked matrix.

        Raises:
            MatrixError: with all that is wrong.
        """
        return parse(self.text, str(self.matrix_file), self._bootstrap_names)

    @cached_property
    def lock(self) -> Lock:
        """The lock; an empty one when there is no file."""
        from factory.matrix.lock import read

        return read(self.lock_file)

    @cached_property
    def templates(self) -> Templates:
        """The templates of Dockerfiles."""
        from jinja2 import FileSystemBytecodeCache

        from factory.render.templates import Templates

        files = read_folder(self.shipped / "templates", lambda file: file.suffix == ".j2").files
        texts = {str(file.path): file.content.decode() for file in files}
        return Templates(texts, FileSystemBytecodeCache())  # in a private folder of the system's temporary one

    @cached_property
    def bootstraps(self) -> Mapping[str, Folder]:
        """The bootstraps of ours, by name."""
        return {name: read_folder(self.shipped / "bootstraps" / name) for name in self._bootstrap_names}

    @property
    def smoke(self) -> Path:
        """The folder of the families' smoke handlers."""
        return self.shipped / "smoke"

    def add(self, name: str, like: str, preview_tag: bool) -> Addition:
        """Writes the table of a new runtime into the matrix; nothing unless the result loads.

        Raises:
            UsageError: the runtime exists or cannot be called so, or there is none to be like.
            MatrixError: the matrix cannot be, without the new table or with it.
        """
        from factory.matrix.new import add

        added = add(self.text, str(self.matrix_file), name, like, preview_tag, self._bootstrap_names)
        marked = self.matrix_file.read_bytes().startswith(_BOM.encode())
        write_text(self.matrix_file.resolve(), (_BOM if marked else "") + added.text)
        return added

    def rendered_at(self, revision: str) -> dict[str, str]:
        """The Dockerfiles of a git revision's matrix and templates, rendered by the present program.

        Raises:
            UsageError: git does not know the revision, or its matrix cannot be loaded now.
        """
        from factory.render.dockerfile import Renderer
        from factory.render.fetches import Fetches
        from factory.render.templates import Templates

        file = self.matrix_file.resolve()
        top = Path(git(file.parent, "rev-parse", "--show-toplevel").decode().strip())
        name = str(file.relative_to(top))
        texts = _texts(git(top, "archive", "--format=tar", revision, "--", name, "templates"))
        templates = {path.removeprefix("templates/"): text for path, text in texts.items() if path != name}
        try:
            return Renderer(Fetches(parse(texts[name], name)), Templates(templates)).all()
        except FactoryError as error:
            raise UsageError(f"the matrix of {revision} cannot be loaded by this program: {error}") from None

    def lock_at(self, revision: str) -> Lock:
        """The lock of a git revision; an empty one where that has none.

        Raises:
            UsageError: git does not know the revision, or its lock is none.
        """
        from factory.matrix.lock import parse as parse_lock

        folder = self.lock_file.resolve().parent
        git(folder, "rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}")
        try:
            content = git(folder, "show", f"{revision}:./{self.lock_file.name}")
        except GitError:
            content = b""
        return parse_lock(content, f"{revision}:{self.lock_file}")

    @cached_property
    def _bootstrap_names(self) -> list[str]:
        folder = self.shipped / "bootstraps"
        return sorted(found.name for found in folder.iterdir() if found.is_dir()) if folder.is_dir() else []


def read_text(file: Path, remedy: str) -> str:
    """The text of a file that people write; `remedy` says what to do where it cannot be read.

    Raises:
        UsageError: it cannot be read.
        MatrixError: it is not UTF-8.
    """
    try:
        return decode(file.read_bytes(), str(file))
    except OSError as error:
        raise UsageError(f"{file}: cannot be read: {error.strerror}; {remedy}") from None


def load_matrix(file: Path) -> Matrix:
    """The checked matrix in a file.

    Raises:
        UsageError: it cannot be read.
        MatrixError: with all that is wrong.
    """
    return Project(file, file.with_suffix(".lock")).matrix


def _texts(archive: bytes) -> dict[str, str]:
    """The texts of a tar archive, by path."""
    import tarfile  # needed here alone

    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        files = ((member.name, tar.extractfile(member)) for member in tar if member.isfile())
        return {name: file.read().decode("utf-8-sig") for name, file in files if file}
