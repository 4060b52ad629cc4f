"""Gives this Python its site-packages.

Debian's `site` is frozen into the interpreter and knows Debian's directories alone, so the usual one is added here.
"""

import site
import sys

if sys.prefix == sys.base_prefix:
    directory = f"{sys.prefix}/lib/python{sys.version_info.major}.{sys.version_info.minor}/site-packages"
    site.getsitepackages = lambda prefixes=None: [directory]  # noqa: ARG005 - its name is the interface
    site.addsitedir(directory)
