"""The Node.js runtimes' /var/lang and /var/runtime: npm's node packages, npm itself and AWS's client."""

from __future__ import annotations

import re
import shutil
import tarfile
from functools import partial
from pathlib import Path

from lab.catalogue import TRIPLES
from lab.language import Kit, Language, Needs, Runtime

NPM_ARCHITECTURES = {"amd64": "x64", "arm64": "arm64"}
ADDON_API = "node-addon-api@8.3.1"
HEADERS = "22.23.3"
"""The addon uses Node-API alone, whose ABI is the same in every version; any headers do."""
ADDON_RIC = "aws-lambda-ric@4.0.2"
"""The release whose sources make the addon. Those of 3.3.0 differ in nothing but the libraries' packing."""


class NodeJs(Language):
    """`parts`: node, npm and ric are versions of npm packages."""

    def needs(self, runtime: Runtime, architecture: str) -> Needs:
        """Node.js, npm, the client, and what its native addon is compiled from."""
        parts = runtime.parts
        client = (f"aws-lambda-ric@{parts['ric']}", ADDON_RIC, ADDON_API, _node(HEADERS, architecture))
        return Needs(npm=(_node(parts["node"], architecture), f"npm@{parts['npm']}", *client))

    def lang(self, kit: Kit) -> None:
        """Node.js with its own npm."""
        target = kit.tree / "var/lang"
        kit.npm(_node(kit.parts["node"], kit.architecture), target)
        for name in ("CHANGELOG.md", "README.md", "package.json"):
            (target / name).unlink(missing_ok=True)
        shutil.rmtree(target / "share", ignore_errors=True)
        (target / "bin/node").chmod(0o755)
        npm = target / "lib/node_modules/npm"
        kit.npm(f"npm@{kit.parts['npm']}", npm)
        for part in ("docs", "man"):
            shutil.rmtree(npm / part, ignore_errors=True)
        for name in ("npm", "npx"):
            (target / "bin" / name).symlink_to(f"../lib/node_modules/npm/bin/{name}-cli.js")
            (npm / "bin" / f"{name}-cli.js").chmod(0o755)

    def client(self, kit: Kit) -> None:
        """AWS's client with its native addon."""
        target = kit.tree / "var/runtime"
        release = kit.parts["ric"]
        ric = target / "node_modules/aws-lambda-ric"
        kit.npm(f"aws-lambda-ric@{release}", ric)
        for name in ("deps", "src", "scripts"):
            shutil.rmtree(ric / name, ignore_errors=True)
        major = release.split(".")[0]
        inputs = [ADDON_RIC, ADDON_API, HEADERS, Path(__file__).read_text()]
        addon = kit.step(f"node-client-{kit.architecture}", inputs, partial(_addon, kit))
        shutil.copyfile(addon / "rapid-client.node", (ric / "dist" if major == "3" else ric) / "rapid-client.node")
        kit.install(f"index-{major}.mjs", "var/runtime/index.mjs")
        kit.install("bootstrap", "var/runtime/bootstrap", 0o755, major=kit.version)

    def programs(self, runtime: Runtime) -> tuple[str, ...]:
        """What a stand-in has."""
        return ("bin/node", "bin/npm", "bin/npx")


def _node(version: str, architecture: str) -> str:
    return f"node-linux-{NPM_ARCHITECTURES[architecture]}@{version}"


def _addon(kit: Kit, out: Path) -> None:
    """Compile rapid-client.node, AWS's native client, with the libraries and flags that its package names."""
    work = out / "work"
    ric, headers = work / "ric", work / "node"
    kit.npm(ADDON_RIC, ric)
    kit.npm(ADDON_API, work / "addon-api")
    kit.npm(_node(HEADERS, kit.architecture), headers)
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
        ./configure --host={triple} CC={triple}-gcc CFLAGS=-O2 \\
            --enable-static {" ".join(flags)} >/dev/null
        make -C lib libcurl.la >/dev/null
        cd /build/aws-lambda-cpp/src
        sed -e 's/@PROJECT_VERSION_MAJOR@/{major}/; s/@PROJECT_VERSION_MINOR@/{minor}/' \\
            -e 's/@PROJECT_VERSION_PATCH@/{patch}/; s/@PROJECT_VERSION@/{major}.{minor}.{patch}/' \\
            version.cpp.in >version.cpp
        {triple}-g++ -shared -fPIC -O2 -std=c++17 -fvisibility=hidden -pthread -s \\
            -DBUILDING_NODE_EXTENSION -DNAPI_VERSION=8 -DBACKWARD_HAS_BACKTRACE=0 -DBACKWARD_HAS_BACKTRACE_SYMBOL=0 \\
            -I../include -I/build/curl/include -I/build/addon-api -I/build/node/include/node \\
            /build/ric/src/native/rapid-client.cc runtime.cpp logging.cpp version.cpp \\
            /build/curl/lib/.libs/libcurl.a -Wl,--gc-sections -o /build/rapid-client.node
    """
    kit.tools("bookworm").shell(script, work, log=out / "build.log")
    shutil.move(work / "rapid-client.node", out / "rapid-client.node")
    shutil.rmtree(work)
