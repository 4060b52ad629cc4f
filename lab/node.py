"""The Node.js runtimes' /var/lang and /var/runtime: npm's node packages, npm itself and AWS's client."""

from __future__ import annotations

import re
import shutil
import tarfile
from pathlib import Path

from lab import fetch
from lab.catalogue import TRIPLES, Runtime, versions
from lab.settings import LAB
from lab.tools import Tools

NPM_ARCHITECTURES = {"amd64": "x64", "arm64": "arm64"}
ADDON_API = "node-addon-api@8.3.1"
HEADERS = "22"
"""The addon uses Node-API alone, whose ABI is the same in every version; any headers do."""
ADDON_RIC = "4.0.2"
"""The release whose sources make the addon. Those of 3.3.0 differ in nothing but the libraries' packing."""


def packages(architecture: str) -> list[str]:
    """Every npm package that the runtimes of an architecture need."""
    names = {ADDON_API, f"aws-lambda-ric@{ADDON_RIC}", _node(HEADERS, architecture)}
    for version, parts in versions()["nodejs"].items():
        names |= {_node(version, architecture), f"npm@{parts['npm']}", f"aws-lambda-ric@{parts['ric']}"}
    return sorted(names)


def _node(version: str, architecture: str) -> str:
    return f"node-linux-{NPM_ARCHITECTURES[architecture]}@{versions()['nodejs'][version]['node']}"


def lang(runtime: Runtime, architecture: str, downloads: Path, out: Path) -> None:
    """Make out/tree/var/lang."""
    target = out / "tree/var/lang"
    fetch.unpack(_node(runtime.version, architecture), downloads, target)
    for name in ("CHANGELOG.md", "README.md", "package.json"):
        (target / name).unlink(missing_ok=True)
    shutil.rmtree(target / "share", ignore_errors=True)
    (target / "bin/node").chmod(0o755)
    npm = target / "lib/node_modules/npm"
    fetch.unpack(f"npm@{runtime.parts['npm']}", downloads, npm)
    for part in ("docs", "man"):
        shutil.rmtree(npm / part, ignore_errors=True)
    for name in ("npm", "npx"):
        (target / "bin" / name).symlink_to(f"../lib/node_modules/npm/bin/{name}-cli.js")
        (npm / "bin" / f"{name}-cli.js").chmod(0o755)


def client(runtime: Runtime, downloads: Path, addon: Path, out: Path) -> None:
    """Make out/tree/var/runtime."""
    target = out / "tree/var/runtime"
    release = runtime.parts["ric"]
    ric = target / "node_modules/aws-lambda-ric"
    fetch.unpack(f"aws-lambda-ric@{release}", downloads, ric)
    for name in ("deps", "src", "scripts"):
        shutil.rmtree(ric / name, ignore_errors=True)
    major = release.split(".")[0]
    shutil.copyfile(addon / "rapid-client.node", (ric / "dist" if major == "3" else ric) / "rapid-client.node")
    shutil.copyfile(LAB / f"files/index-{major}.mjs", target / "index.mjs")
    text = (LAB / "files/node-bootstrap").read_text().replace("@MAJOR@", runtime.version)
    (target / "bootstrap").write_text(text)
    (target / "bootstrap").chmod(0o755)


def addon(architecture: str, downloads: Path, tools: Tools, out: Path) -> None:
    """Compile rapid-client.node, AWS's native client, with the libraries and flags that its package names."""
    work = out / "work"
    ric, headers = work / "ric", work / "node"
    fetch.unpack(f"aws-lambda-ric@{ADDON_RIC}", downloads, ric)
    fetch.unpack(ADDON_API, downloads, work / "addon-api")
    fetch.unpack(_node(HEADERS, architecture), downloads, headers)
    for name in ("curl", "aws-lambda-cpp"):
        with tarfile.open(ric / f"deps/{name}.tar.xz") as tar:
            members = [m for m in tar.getmembers() if not Path(m.name).name.startswith("._")]
            tar.extractall(work / name, members=members, filter="tar")
    preinstall = (ric / "scripts/preinstall.sh").read_text()
    flags = re.findall(r"^\s+(--(?:disable|with|without)-[\w-]+)", preinstall, re.MULTILINE)
    version = re.search(r"VERSION (\d+)\.(\d+)\.(\d+)", (work / "aws-lambda-cpp/CMakeLists.txt").read_text())
    major, minor, patch = version.groups() if version else ("0", "0", "0")
    prefix = f"{TRIPLES[architecture]}-"
    script = f"""
        cd /build/curl
        # Made by git's clock in the archive; a rebuild of `configure` would need autotools.
        touch aclocal.m4; touch configure; find . -name Makefile.in -exec touch {{}} +; touch lib/curl_config.h.in
        ./configure --host={TRIPLES[architecture]} CC={prefix}gcc CFLAGS=-O2 \\
            --enable-static {" ".join(flags)} >/dev/null
        make -C lib libcurl.la >/dev/null
        cd /build/aws-lambda-cpp/src
        sed -e 's/@PROJECT_VERSION_MAJOR@/{major}/; s/@PROJECT_VERSION_MINOR@/{minor}/' \\
            -e 's/@PROJECT_VERSION_PATCH@/{patch}/; s/@PROJECT_VERSION@/{major}.{minor}.{patch}/' \\
            version.cpp.in >version.cpp
        {prefix}g++ -shared -fPIC -O2 -std=c++17 -fvisibility=hidden -pthread -s \\
            -DBUILDING_NODE_EXTENSION -DNAPI_VERSION=8 -DBACKWARD_HAS_BACKTRACE=0 -DBACKWARD_HAS_BACKTRACE_SYMBOL=0 \\
            -I../include -I/build/curl/include -I/build/addon-api -I/build/node/include/node \\
            /build/ric/src/native/rapid-client.cc runtime.cpp logging.cpp version.cpp \\
            /build/curl/lib/.libs/libcurl.a -Wl,--gc-sections -o /build/rapid-client.node
    """
    tools.shell(script, work, log=out / "build.log")
    shutil.move(work / "rapid-client.node", out / "rapid-client.node")
    shutil.rmtree(work)
