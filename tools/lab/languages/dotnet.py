"""The .NET runtimes' /var/lang and /var/runtime: runtimes out of programs that bring theirs along, a client of ours."""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from tools.lab.demands import Archive
from tools.lab.language import Debs, Kit, Language, Needs, Runtime
from tools.lab.settings import LAB
from tools.lab.store import sources

PYTHON = "3.11"
HOST = "3.1.23"
"""The framework whose package has the `dotnet` program as well, for those whose package has none."""
OLDEST = "2.0.0"
"""What is compiled against it runs on all later ones."""
COMPILING = "8.0.15"
"""The framework that the compiler runs on, whatever it compiles for: older ones want an OpenSSL that no base has."""
ROSLYN = "@autorest/csharp@3.0.0-beta.20210608.1"
ROSLYN_PARTS = (
    "Microsoft.CodeAnalysis", "Microsoft.CodeAnalysis.CSharp", "System.Collections.Immutable",
    "System.Reflection.Metadata", "System.Runtime.CompilerServices.Unsafe",
)  # fmt: skip
NEWER_IN_PROGRAMS = (
    "System.Diagnostics.DiagnosticSource.dll", "System.Formats.Asn1.dll", "System.IO.Pipelines.dll",
    "System.Text.Json.dll", "System.Threading.Channels.dll",
)  # fmt: skip
"""Parts of the framework that a program may have brought a later package of: then that one is what there is."""
BOOTSTRAP = LAB.parent.parent / "bootstraps/dotnet"


@dataclass(frozen=True)
class Program:
    """A package with a program that has a framework in its folder."""

    folder: str
    pypi: tuple[str, ...] = ()
    npm: tuple[str, ...] = ()


FRAMEWORKS = {
    "2.0.0": Program("mssqlcli/mssqltoolsservice/bin", pypi=("mssql-cli==0.6.0",)),
    "2.1.30": Program("dotnetcore2/bin", pypi=("dotnetcore2==2.1.23",)),
    "3.1.23": Program("dotnetcore2/bin", pypi=("dotnetcore2==3.1.23",)),
    "8.0.15": Program(
        "artifacts_keyring/plugins/plugins/netcore/CredentialProvider.Microsoft", pypi=("artifacts-keyring==1.0.0",)
    ),
    "9.0.1": Program("dist", npm=("@azure/mcp-linux-x64@0.0.10",)),
}


def frameworks(*versions: str, npm: tuple[str, ...] = ()) -> Needs:
    """The packages of frameworks."""
    programs = [FRAMEWORKS[version] for version in dict.fromkeys(versions)]
    return Needs(
        pypi=tuple(name for program in programs for name in program.pypi),
        npm=(*npm, *(name for program in programs for name in program.npm)),
        python=PYTHON,
    )


class DotNet(Language):
    """`parts`: framework is a version in FRAMEWORKS; libraries are what it needs and no base has, by Debian package."""

    def needs(self, runtime: Runtime, architecture: str) -> Needs:
        """The framework, the program that starts it, and what the client is compiled against."""
        version = runtime.parts["framework"]
        debs = tuple(Debs(runtime.base.suite, (package,)) for package in runtime.parts.get("libraries", ()))
        return replace(frameworks(version, _starter(version), OLDEST), debs=debs)

    def lang(self, kit: Kit) -> None:
        """`dotnet` with one shared framework."""
        install(kit, kit.parts["framework"], kit.tree / "var/lang/bin")
        for names in kit.parts.get("libraries", {}).values():
            for name in names:
                (kit.tree / "var/lang/lib").mkdir(exist_ok=True)
                shutil.copy(kit.debian() / "usr/lib/x86_64-linux-gnu" / name, kit.tree / "var/lang/lib")

    def client(self, kit: Kit) -> None:
        """The bootstrap that this project has for .NET Core 2.0, in the place of AWS's."""
        inputs = [list(FRAMEWORKS[OLDEST].pypi), sources(*self.sources())]
        made = kit.step("dotnet-client", inputs, partial(_client, kit))
        target = kit.tree / "var/runtime"
        shutil.copytree(made, target, ignore=shutil.ignore_patterns("*.log"))
        shutil.copyfile(BOOTSTRAP / "bootstrap", target / "bootstrap")
        (target / "bootstrap").chmod(0o755)

    def programs(self, runtime: Runtime) -> Iterable[str]:
        """What a stand-in has."""
        return ("bin/dotnet",)

    def archive_needs(self, archive: Archive) -> Needs | None:
        """The SDKs of the runtimes that there are: x86_64's, what runs on arm64 here is no .NET."""
        version = self._sdk(archive)
        return frameworks(version, COMPILING, HOST, npm=(ROSLYN,)) if version else None

    def fill_archive(self, kit: Kit, archive: Archive) -> None:
        """`dotnet` with the framework of the runtime and the one that the compiler runs on, and the compiler."""
        own = self._sdk(archive)
        install(kit, COMPILING, kit.tree)
        if own != COMPILING:
            framework(kit, own, kit.tree)
        inputs = [ROSLYN, list(FRAMEWORKS[HOST].pypi), sources(*self.sources())]
        made = kit.step("dotnet-sdk", inputs, partial(_sdk, kit))
        shutil.copytree(made, kit.tree / "sdk" / archive.version, ignore=shutil.ignore_patterns("*.log"))

    def _sdk(self, archive: Archive) -> str:
        """The framework that an SDK is for; empty for other archives, and where there is none."""
        name, _, version = archive.extra.rpartition("-")
        if name != "dotnet-sdk" or archive.architecture != "x86_64":
            return ""
        known = [runtime.parts.get("framework", "") for runtime in self.runtimes]
        return next((framework for framework in known if f"{framework}.".startswith(f"{version}.")), "")

    def sources(self) -> list[str]:
        """The client's sources too."""
        return [*super().sources(), "../bootstraps/dotnet"]


def install(kit: Kit, version: str, target: Path) -> None:
    """Put `dotnet` and a shared framework into a directory.

    The program will not be renamed: it lies in a folder of its own, from where it finds all else by links.
    """
    framework(kit, version, target)
    own = target / "lab"
    own.mkdir()
    shutil.copyfile(_unpacked(kit, _starter(version)) / "dotnet", own / "dotnet")
    shutil.copyfile(kit.files / "dotnet", target / "dotnet")
    for folder in (target, own):
        (folder / "dotnet").chmod(0o755)
    for name in ("host", "sdk", "shared"):
        (own / name).symlink_to(f"../{name}")


def framework(kit: Kit, version: str, target: Path) -> Path:
    """Put a shared framework and its host into a directory, as `dotnet` looks for them."""
    source = _unpacked(kit, version)
    shared, host = target / "shared/Microsoft.NETCore.App" / version, target / "host/fxr" / version
    if (source / "shared").is_dir():
        for path in (shared, host):
            shutil.copytree(source / path.relative_to(target), path)
        return shared
    shared.mkdir(parents=True)
    host.mkdir(parents=True)
    shutil.copy(source / "libhostfxr.so", host)
    shutil.copy(source / "libhostpolicy.so", shared)
    for name in sorted({*_listed(source), *NEWER_IN_PROGRAMS}):
        if (source / name).exists():
            shutil.copy(source / name, shared)
    (shared / "Microsoft.NETCore.App.deps.json").write_text(json.dumps(_description(shared, version), indent=2))
    return shared


def _starter(version: str) -> str:
    """The framework that a framework's `dotnet` program comes with; any starts any."""
    return version if FRAMEWORKS[version].folder == FRAMEWORKS[HOST].folder else HOST


def _unpacked(kit: Kit, version: str) -> Path:
    """The folder of the program that has a framework."""
    program, target = FRAMEWORKS[version], kit.work / f"program-{version}"
    if not target.exists():
        for name in program.npm:
            kit.npm(name, target)
        for name in program.pypi:
            (wheel,) = kit.wheels().glob(name.replace("-", "_").replace("==", "-") + "-*.whl")
            with zipfile.ZipFile(wheel) as archive:
                archive.extractall(
                    target, [member for member in archive.namelist() if member.startswith(program.folder)]
                )
    return target / program.folder


def _listed(source: Path) -> set[str]:
    """The files of the framework among those of a program, by its list of dependencies."""
    names: set[str] = set()
    for file in source.glob("*.deps.json"):
        for libraries in json.loads(file.read_text())["targets"].values():
            for library, assets in libraries.items():
                if library.startswith(
                    ("runtimepack.Microsoft.NETCore.App.", "runtime.linux-x64.Microsoft.NETCore.App/")
                ):
                    paths = [*assets.get("runtime", ()), *assets.get("native", ())]
                    names |= {path.rsplit("/", 1)[-1] for path in paths}
    return names


def _description(shared: Path, version: str) -> dict[str, object]:
    """What the host of a shared framework reads: its assemblies and libraries."""
    files = sorted(path.name for path in shared.iterdir())
    target = ".NETCoreApp,Version=v" + ".".join(version.split(".")[:2])
    library = f"Microsoft.NETCore.App/{version}"
    assets: dict[str, dict[str, object]] = {
        "runtime": {name: {} for name in files if name.endswith(".dll")},
        # The host of 2.0 knows libcoreclr.so by its folder's slash.
        "native": {f"runtimes/linux-x64/native/{name}": {} for name in files if not name.endswith(".dll")},
    }
    return {
        "runtimeTarget": {"name": f"{target}/linux-x64", "signature": ""},
        "targets": {target: {}, f"{target}/linux-x64": {library: assets}},
        "libraries": {library: {"type": "package", "serviceable": True, "sha512": ""}},
    }


def compile_with_mono(kit: Kit, out: Path, target: str, references: Iterable[Path], source: Path) -> None:
    """Compile C# by mono's compiler: the first step, before there is a `dotnet` that could.

    An assembly's identity is the name that it is compiled to, so it is never renamed.
    """
    work = kit.work / f"compile-{out.name}"
    for folder in ("references", "sources"):
        (work / folder).mkdir(parents=True)
    for path in references:
        shutil.copy(path, work / "references")
    for path in sorted(source.glob("*.cs")):
        shutil.copy(path, work / "sources")
    script = f"""
        for assembly in references/*.dll; do set -- "$@" "-r:$assembly"; done
        mcs -nostdlib -noconfig -langversion:7 -target:{target} -out:{out.name} "$@" sources/*.cs
    """
    kit.tools("bookworm").shell(script, work, log=out.with_suffix(".log"))
    shutil.move(work / out.name, out)


def assemblies(folder: Path) -> list[Path]:
    """The assemblies of a shared framework."""
    return sorted(folder.glob("*.dll"))


def _client(kit: Kit, out: Path) -> None:
    """bootstrap.dll, and the part of Amazon.Lambda.Core that functions of the lab are compiled against."""
    references = assemblies(framework(kit, OLDEST, kit.work / "oldest"))
    compile_with_mono(kit, out / "bootstrap.dll", "exe", references, BOOTSTRAP)
    compile_with_mono(kit, out / "Amazon.Lambda.Core.dll", "library", references, kit.files / "core")
    options = {"framework": {"name": "Microsoft.NETCore.App", "version": OLDEST}}
    (out / "bootstrap.runtimeconfig.json").write_text(json.dumps({"runtimeOptions": options}))


def _sdk(kit: Kit, out: Path) -> None:
    """What `dotnet build` and `dotnet publish` start: Roslyn, with a program around it."""
    package = kit.work / "roslyn"
    kit.npm(ROSLYN, package)
    parts = [package / f"{name}.dll" for name in ROSLYN_PARTS]
    its = assemblies(framework(kit, HOST, kit.work / "compiling"))  # Roslyn asks for no older one
    references = [path for path in its if path.stem not in ROSLYN_PARTS] + parts
    compile_with_mono(kit, out / "dotnet.dll", "exe", references, kit.files / "sdk")
    for path in parts:
        shutil.copy(path, out)
    framework_of_it = {"name": "Microsoft.NETCore.App", "version": COMPILING}
    options = {"framework": framework_of_it, "configProperties": {"System.Globalization.Invariant": True}}
    (out / "dotnet.runtimeconfig.json").write_text(json.dumps({"runtimeOptions": options}))
