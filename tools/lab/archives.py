"""Stand-ins for archives that upstream has on the web: files below one directory, served over plain HTTP.

A file that upstream has at https://HOST/PATH is at http://127.0.0.1:PORT/HOST/PATH here.
"""

from __future__ import annotations

import hashlib
import http.client
import shutil
import sys
import zipfile
from pathlib import Path

from tools.lab import demands, standin
from tools.lab.daemon import Daemon
from tools.lab.languages import runtimes
from tools.lab.layers import Layer
from tools.lab.run import run
from tools.lab.settings import EPOCH, Settings


class FileServer(Daemon):
    """Python's own HTTP server on the port after the registry's."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings, "files", settings.port + 1)

    def mark(self) -> str:
        """The directory that it serves."""
        return str(folder(self.settings))

    def command(self) -> list[str]:
        """It serves what is there at the time of a request."""
        folder(self.settings).mkdir(parents=True, exist_ok=True)
        module = [sys.executable, "-m", "http.server", "--bind", "127.0.0.1"]
        return [*module, "--directory", self.mark(), str(self.port)]

    def answers(self) -> bool:
        """Whether it lists its directory."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("HEAD", "/")
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()


def folder(settings: Settings) -> Path:
    """Where the files are."""
    return settings.cache / "files"


def mirrors(settings: Settings) -> str:
    """HOST=OTHER for the registry and for every host that archives come from, separated by commas."""
    files = f"127.0.0.1:{settings.port + 1}"
    own = {runtime.archive.split("/", 1)[0] for runtime in runtimes() if runtime.archive}
    pairs = [f"{host}={files}/{host}" for host in sorted({*demands.hosts(), *own})]
    return ",".join([f"public.ecr.aws={settings.registry}", *pairs])


def pip_configuration(settings: Settings) -> Path:
    """The file that tells pip of the index."""
    return folder(settings) / "pip.conf"


def put(settings: Settings, name: str, layer: Layer) -> None:
    """Serve a layer as the archive HOST/PATH."""
    publish(settings, name, layer.path)


def stand_in(archive: demands.Archive, out: Path) -> None:
    """Pack programs that say that nothing is behind them, as the archive that upstream has."""
    tree = out / "tree"
    top = "/".join(["stand-in"] * archive.strip)
    for program in archive.programs or ("STAND-IN",):
        path = tree / top / program
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(standin.program(path.name, archive.extra, "no package registry has it"))
        path.chmod(0o755)
    pack(tree, out / "archive", archive.format)
    shutil.rmtree(tree)


def pack(tree: Path, target: Path, form: str) -> None:
    """Pack a tree, the same bytes each time."""
    files = [path for path in sorted(tree.rglob("*")) if path.is_file() or path.is_symlink()]
    if form in ("zip", "nupkg"):
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
            for path in files:
                entry = zipfile.ZipInfo(str(path.relative_to(tree)))
                entry.external_attr = path.stat().st_mode << 16
                archive.writestr(entry, path.read_bytes())
        return
    how = {"tar.gz": "gzip -1n", "tar.xz": "xz -1"}[form]  # what is read once or twice on this machine
    names = target.with_name("names")
    names.write_text("".join(f"{path.relative_to(tree)}\n" for path in files))
    fixed = ["--owner=0", "--group=0", "--numeric-owner", f"--mtime=@{EPOCH}", "--format=posix"]
    run(
        [
            "tar",
            "-c",
            *fixed,
            "--pax-option=delete=atime,delete=ctime",
            "-I",
            how,
            "-f",
            target,
            "-C",
            tree,
            "-T",
            names,
        ]
    )
    names.unlink()


def publish(settings: Settings, name: str, file: Path) -> None:
    """Serve a file as HOST/PATH, unless it is there."""
    target = folder(settings) / name
    if not target.exists() or target.stat().st_size != file.stat().st_size or target.read_bytes() != file.read_bytes():
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_name(f"{target.name}.part")
        shutil.copyfile(file, part)
        part.replace(target)


def digest(settings: Settings, name: str, algorithm: str = "sha256") -> str | None:
    """The digest of an archive, if it is there."""
    path = folder(settings) / name
    return f"{algorithm}:{hashlib.new(algorithm, path.read_bytes()).hexdigest()}" if path.is_file() else None
