"""`python -m tools.bench [NAME...]`: runs the named benchmarks, or all of them."""

from __future__ import annotations

import sys

from tools.bench import build, command, emulator, plan, size

_ALL = {
    "command": command.main,
    "build": build.main,
    "emulator": emulator.main,
    "soak": emulator.soak,
    "size": size.main,
    "plan": plan.main,
}


def main() -> int:
    """Runs what was asked for."""
    names = sys.argv[1:] or list(_ALL)
    unknown = [name for name in names if name not in _ALL]
    if unknown:
        print(f"bench: no benchmark {', '.join(unknown)}; known: {', '.join(_ALL)}", file=sys.stderr)
        return 2
    for name in names:
        _ALL[name]()
    return 0


sys.exit(main())
