"""`python3 -m tools.lab`: says plainly what it needs before anything newer than the oldest Python is imported."""

import sys

if sys.version_info < (3, 11):  # noqa: UP036 - this runs before any environment was chosen
    sys.exit(f"lab: Python 3.11 or newer is needed, this is {sys.version.split()[0]}")

from tools.lab.cli import main

sys.exit(main(sys.argv[1:]))
