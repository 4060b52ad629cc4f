"""The Node.js runtimes' /var/lang and /var/runtime: npm's node packages, npm itself and AWS's client."""

from __future__ import annotations

import shutil
from pathlib import Path

from tools.lab.language import Debs, Kit, Language, Needs, Runtime
from tools.lab.languages import nodejs_client

NPM_ARCHITECTURES = {"amd64": "x64", "arm64": "arm64"}
INDEXES = {"2": "index.js", "3": "index.mjs", "4": "index.mjs"}
"""The entry by the client's generation; tools/lab/files/nodejs/index-GENERATION.* goes there."""
ADDONS = {"2": "build/Release/runtime-client.node", "3": "dist/rapid-client.node", "4": "rapid-client.node"}
"""Where a generation of the client looks for its addon."""


class NodeJs(Language):
    """`parts`: node, npm and ric are versions of npm packages; `suite` by architecture, where Debian has to help out.

    The runtimes without ric have no client here: the product brings its own.
    """

    def needs(self, runtime: Runtime, architecture: str) -> Needs:
        """Node.js, npm, the client, and what its native addon is compiled from."""
        parts = runtime.parts
        suite = _suite(runtime, architecture)
        node = () if suite else (_node(parts["node"], architecture),)
        debs = (Debs(suite, ("nodejs", "libnode-dev")),) if suite else ()
        client = (f"aws-lambda-ric@{parts['ric']}", *nodejs_client.NEEDS) if "ric" in parts else ()
        return Needs(debs=debs, npm=(*node, f"npm@{parts['npm']}", *client))

    def lang(self, kit: Kit) -> None:
        """Node.js with its own npm."""
        assert kit.runtime
        target = kit.tree / "var/lang"
        suite = _suite(kit.runtime, kit.architecture)
        if suite:
            _from_debian(kit, kit.debian(suite), target)
        else:
            _from_npm(kit, target)
        npm = target / "lib/node_modules/npm"
        kit.npm(f"npm@{kit.parts['npm']}", npm)
        for part in ("doc", "docs", "html", "man", "test"):
            shutil.rmtree(npm / part, ignore_errors=True)
        for name in ("npm", "npx"):
            program = npm / "bin" / f"{name}-cli.js"
            if program.exists():  # npx came with npm 5
                program.chmod(0o755)
                (target / "bin" / name).symlink_to(f"../lib/node_modules/npm/bin/{name}-cli.js")

    def client(self, kit: Kit) -> None:
        """AWS's client with its native addon, or the place where it was."""
        target = kit.tree / "var/runtime"
        if "ric" not in kit.parts:
            kit.write(
                "var/runtime/node_modules/awslambda/index.js", "// Here was AWS's runtime, which is not public.\n"
            )
            return
        release = kit.parts["ric"]
        ric, generation = target / "node_modules/aws-lambda-ric", release.split(".")[0]
        kit.npm(f"aws-lambda-ric@{release}", ric)
        for name in ("deps", "src", "scripts"):
            shutil.rmtree(ric / name, ignore_errors=True)
        addon = ric / ADDONS[generation]
        addon.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(nodejs_client.addon(kit), addon)
        index = INDEXES[generation]
        kit.install(f"index-{generation}{Path(index).suffix}", f"var/runtime/{index}")
        major = kit.version.removesuffix("-preview")
        kit.install("bootstrap", "var/runtime/bootstrap", 0o755, major=major, index=index)

    def programs(self, runtime: Runtime) -> tuple[str, ...]:
        """What a stand-in has."""
        return ("bin/node", "bin/npm", "bin/npx")


def _suite(runtime: Runtime, architecture: str) -> str:
    return str(runtime.parts.get("suite", {}).get(architecture, ""))


def _node(version: str, architecture: str) -> str:
    return f"node-linux-{NPM_ARCHITECTURES[architecture]}@{version}"


def _from_npm(kit: Kit, target: Path) -> None:
    kit.npm(_node(kit.parts["node"], kit.architecture), target)
    for name in ("CHANGELOG.md", "README.md", "package.json"):
        (target / name).unlink(missing_ok=True)
    shutil.rmtree(target / "share", ignore_errors=True)
    (target / "bin/node").chmod(0o755)


def _from_debian(kit: Kit, root: Path, target: Path) -> None:
    kit.transplant(root / "usr/bin/node", root, "bin/node")
    # Debian has the headers twice: as in the sources below nodejs, as node-gyp looks for them here.
    shutil.copytree(root / "usr/include/node", target / "include/node")
