"""`scripts/lab lock`: the digests and checksums of what the lab holds, as a lock for `factory`.

The lab is a mirror that is no copy: it holds no more than was assembled, and other images and archives than upstream.
So what it lacks is noted, as is the checksum of an archive that is another one, and nobody asks for upstream's
signatures.
It takes the options of `factory lock` that are not about a mirror, and the factory's variables: FACTORY_MATRIX,
FACTORY_LOCK, FACTORY_MIRROR, FACTORY_ALLOW_UNRESOLVED, FACTORY_BUILD_DIR, FACTORY_QUIET.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from factory.app.project import load_matrix as load
from factory.build.records import Record, Records
from factory.errors import FactoryError
from factory.files import write_text
from factory.matrix import lock
from factory.matrix.images import Image, expand
from factory.matrix.schema import Matrix
from factory.registry.client import Registry
from factory.render.fetches import Fetches
from factory.upstream.resolve import Resolver
from factory.upstream.summary import moves, summary
from tools.lab import archives
from tools.lab.settings import Settings


def main(arguments: Sequence[str]) -> int:
    """Writes the lock; returns the exit status."""
    options = _parser().parse_args(arguments)
    try:
        _lock(options)
    except FactoryError as error:
        print(error, file=sys.stderr)
        return int(error.exit_code)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="scripts/lab lock", description="Writes a lock of what the lab holds.")
    matrix = Path(os.environ.get("FACTORY_MATRIX") or "matrix.toml")
    beside = matrix.with_suffix(".lock")
    parser.add_argument("--matrix", type=Path, metavar="FILE", default=matrix)
    parser.add_argument("--lock", type=Path, metavar="FILE", default=Path(os.environ.get("FACTORY_LOCK") or beside))
    parser.add_argument("--upgrade", action="store_true", help="move what is locked already, too")
    parser.add_argument("--allow-unresolved", action="store_true", default=_switch("ALLOW_UNRESOLVED"),
                        help="note what nobody answers for")  # fmt: skip
    parser.add_argument("-q", "--quiet", action="store_true", default=_switch("QUIET"))
    return parser


def _switch(name: str) -> bool:
    return os.environ.get(f"FACTORY_{name}", "").lower() not in ("", "0", "false", "no")


def _lock(options: argparse.Namespace) -> None:
    matrix = load(options.matrix)
    _rename_former_key(options.lock)
    old = lock.read(options.lock)
    if matrix.signatures:
        print("note: the lab's images are not asked for upstream's signatures", file=sys.stderr)
    given = os.environ.get("FACTORY_MIRROR") or archives.mirrors(Settings.from_environment())
    mirrors = dict(word.split("=", 1) for word in given.replace(",", " ").split())
    new = resolver(mirrors, options.matrix.parent, tolerant=options.allow_unresolved).lock(matrix, old, options.upgrade)
    if options.upgrade and not options.quiet:
        print(_summary(matrix, old, new))
    lock.write(options.lock, new)
    print(f"{options.lock}: {lock.counted(new)}")


def resolver(mirrors: dict[str, str], folder: Path, *, tolerant: bool) -> Resolver:
    """What asks the lab, by mirrors that all lead there."""
    today = datetime.now(UTC).date()
    return Resolver(Registry(), mirrors, today, tolerant, incomplete=mirrors.keys(), folder=folder)


def _rename_former_key(file: Path) -> None:
    """Until November 2026 the lock called `stand_in` what it calls `instead`; anew it would have another day."""
    if file.is_file() and (text := file.read_text()) and '" = { stand_in = "' in text:
        write_text(file, text.replace('" = { stand_in = "', '" = { instead = "'))


def _summary(matrix: Matrix, old: lock.Lock, new: lock.Lock) -> str:
    """What moved, as `factory lock --upgrade` tells it."""
    fetches = Fetches(matrix)
    records = list(Records(Path(os.environ.get("FACTORY_BUILD_DIR") or "build")))

    def upstreams(image: Image) -> list[str]:
        files = (download.artifact(image.architecture).url for download in fetches.downloads(image))
        return [*fetches.upstreams(image), *files]

    def records_of(image: Image) -> list[Record]:
        return [record for record in reversed(records) if record.name == image.name]

    return summary(moves(old, new), expand(matrix), upstreams, records_of)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
