"""Byte code beside Python modules, the same bytes each time: `python3.N bytecode.py TREE DIRECTORY...`.

A program of its own, because the interpreter that will load the byte code has to write it. compileall does not do:
what it writes depends on how many references the compiling process happens to hold.
"""

import importlib.util
import marshal
import sys
from pathlib import Path

UNCHECKED_HASH = (1).to_bytes(4, "little")  # PEP 552: valid whatever the source's time is
WITHOUT_REFERENCES = 2  # marshal's last format that does not count references


def compile_module(path: Path, shown: str) -> None:
    """Write one module's byte code; what is no valid Python (test data) has none."""
    source = path.read_bytes()
    try:
        code = compile(source, shown, "exec", dont_inherit=True)
    except (SyntaxError, ValueError):
        return
    header = importlib.util.MAGIC_NUMBER + UNCHECKED_HASH + importlib.util.source_hash(source)
    target = Path(importlib.util.cache_from_source(str(path)))
    target.parent.mkdir(exist_ok=True)
    target.write_bytes(header + marshal.dumps(code, WITHOUT_REFERENCES))


def main(tree: Path, directories: list[str]) -> None:
    """Compile all modules of some directories, as they will be called from /."""
    for directory in directories:
        for path in sorted((tree / directory).rglob("*.py")):
            if path.is_file():
                compile_module(path, f"/{path.relative_to(tree)}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
