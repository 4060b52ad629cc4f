"""The Ruby runtimes' /var/lang and /var/runtime: Debian's interpreter, moved to where Lambda has it."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from tools.lab.catalogue import TRIPLES
from tools.lab.errors import LabError
from tools.lab.language import Debs, Kit, Language, Needs, Runtime

PREFIX = "/var/lang"
COMMANDS = ("bundle", "bundler", "erb", "gem", "irb", "rake", "rdoc", "ri")
DEPENDENCIES = (
    "libc6", "libcrypt1", "libedit2", "libffi7", "libffi8", "libgdbm-compat4", "libgdbm6", "libgmp-dev",
    "libgmp10", "libssl1.1", "libssl3t64", "libyaml-0-2", "rake", "ruby-csv", "ruby-did-you-mean", "ruby-minitest",
    "ruby-net-telnet", "ruby-ruby2-keywords", "ruby-test-unit", "ruby-webrick", "ruby-xmlrpc", "rubygems-integration",
    "zlib1g",
)  # fmt: skip
"""What Debian's packages of an interpreter depend on: libraries are taken by name, and gems are not needed."""


class Ruby(Language):
    """`parts`: suite is Debian's, libraries are its packages of what the base may lack, perhaps of another suite."""

    def needs(self, runtime: Runtime, architecture: str) -> Needs:
        """The interpreter with its headers, and libraries."""
        name, suite = f"ruby{runtime.version}", runtime.parts["suite"]
        interpreter = Debs(suite, (name, f"lib{name}", f"{name}-dev"), DEPENDENCIES)
        libraries = Debs(runtime.parts.get("libraries_suite", suite), tuple(runtime.parts["libraries"]), ("libc6",))
        return Needs(debs=(interpreter, libraries))

    def lang(self, kit: Kit) -> None:
        """The interpreter, its library, headers and gems, and the libraries that the base lacks."""
        version, triple, suite = f"{kit.version}.0", TRIPLES[kit.architecture], kit.parts["suite"]
        usr, target = kit.debian(suite) / "usr", kit.tree / "var/lang"
        (target / "bin").mkdir(parents=True)
        _library(usr / "lib", target / "lib", version, triple)
        _headers(usr / "include", target / "include", version, triple)
        _commands(usr / "bin", target / "bin", kit.version)
        _move_rbconfig(target / f"lib/ruby/{version}/{triple}/rbconfig.rb", version, triple)
        _move_load_path(target, kit.version, triple)
        _shared_libraries(kit.debian(kit.parts.get("libraries_suite", suite)), target / "lib", triple, kit.in_base())

    def client(self, kit: Kit) -> None:
        """The lab's own client: AWS's is a gem, and no gem server is in reach."""
        kit.install("bootstrap", "var/runtime/bootstrap", 0o755, version=kit.version)
        kit.install("bootstrap.rb", "var/runtime/bootstrap.rb")
        kit.install("lambda_runtime.rb", "var/runtime/lib/lambda_runtime.rb")

    def programs(self, runtime: Runtime) -> tuple[str, ...]:
        """What a stand-in has."""
        return ("bin/ruby", *(f"bin/{name}" for name in COMMANDS))


def _library(usr: Path, target: Path, version: str, triple: str) -> None:
    """The modules, compiled ones below them, as every Ruby has them that is not Debian's."""
    shutil.copytree(usr / f"ruby/{version}", target / f"ruby/{version}", symlinks=True)
    shutil.copytree(usr / triple / f"ruby/{version}", target / f"ruby/{version}/{triple}", symlinks=True)
    shutil.copytree(usr / f"ruby/gems/{version}", target / f"ruby/gems/{version}", symlinks=True)
    for name in (f"ruby/site_ruby/{version}/{triple}", f"ruby/vendor_ruby/{version}"):
        (target / name).mkdir(parents=True)
    for path in sorted((usr / triple).glob("libruby-*.so*")):
        shutil.copy2(path, target / path.name, follow_symlinks=False)


def _headers(usr: Path, target: Path, version: str, triple: str) -> None:
    headers = target / f"ruby-{version}"
    shutil.copytree(usr / f"ruby-{version}", headers)
    shutil.copytree(usr / triple / f"ruby-{version}", headers / triple)


def _commands(usr: Path, target: Path, version: str) -> None:
    shutil.copy2(usr / f"ruby{version}", target / "ruby")
    for name in COMMANDS:
        if (usr / f"{name}{version}").exists():
            text = (usr / f"{name}{version}").read_text()
            (target / name).write_text(re.sub(r"^#!.*", f"#!{PREFIX}/bin/ruby", text))
            (target / name).chmod(0o755)


def _move_rbconfig(path: Path, version: str, triple: str) -> None:
    """What Ruby tells of itself and extensions are built with: Lambda's paths, and the compiler by its plain name."""
    values = {
        "RUBY_EXEC_PREFIX": PREFIX,
        "ruby_install_name": "$(RUBY_BASE_NAME)",
        "RUBY_INSTALL_NAME": "$(RUBY_BASE_NAME)",
        "program_transform_name": "s,x,x,",
        "sitedir": "$(rubylibprefix)/site_ruby",
        "sitearchdir": "$(sitelibdir)/$(sitearch)",
        "vendorarchdir": "$(vendorlibdir)/$(sitearch)",
        "rubyarchdir": "$(rubylibdir)/$(arch)",
        "rubyarchhdrdir": "$(rubyhdrdir)/$(arch)",
        "archlibdir": "$(libdir)",
    }
    text = path.read_text()
    for key, value in values.items():
        text, count = re.subn(rf'(CONFIG\["{key}"\] = ).*', rf'\1"{value}"', text, count=1)
        if not count:
            raise LabError(f"Ruby's rbconfig.rb has no {key}")
    text = text.replace('(TOPDIR || DESTDIR + "/usr")', f'(TOPDIR || DESTDIR + "{PREFIX}")')
    text = text.replace(f'chomp!("/lib/{triple}/ruby/{version}")', f'chomp!("/lib/ruby/{version}/{triple}")')
    text = re.sub(
        rf"(/usr/bin/)?{triple}-(?:gcc-(?=ar|nm|ranlib))?(?=(gcc|g\+\+|ld|as|ar|nm|ranlib|obj\w+)\b)", "", text
    )
    path.write_text(text)


def _move_load_path(target: Path, version: str, triple: str) -> None:
    """The directories that are compiled into libruby, a run of strings up to an empty one, become Lambda's.

    Lambda's are longer, but Debian has more of them, so there is room for all but vendor_ruby's compiled modules.
    """
    (library,) = (path for path in (target / "lib").glob("libruby-*.so.*") if not path.is_symlink())
    content = library.read_bytes()
    start = content.index(f"/usr/local/lib/site_ruby/{version}.0\0".encode())
    end = content.index(b"\0\0", start) + 2
    root = f"{PREFIX}/lib/ruby"
    site, vendor, own = f"{root}/site_ruby", f"{root}/vendor_ruby", f"{root}/{version}.0"
    paths = (f"{site}/{version}.0", f"{site}/{version}.0/{triple}", site, f"{vendor}/{version}.0", vendor, own)
    moved = "".join(f"{path}\0" for path in (*paths, f"{own}/{triple}")).encode() + b"\0"
    if len(moved) > end - start:
        raise LabError(f"{library.name} has no room for the load path of {PREFIX}")
    library.write_bytes(content[:start] + moved.ljust(end - start, b"\0") + content[end:])


def _shared_libraries(root: Path, target: Path, triple: str, in_base: set[str]) -> None:
    """Libraries by the names that programs ask for, which are links in Debian."""
    for folder in (root / "lib" / triple, root / "usr/lib" / triple):
        found = sorted(folder.glob("lib*.so.*"))
        behind = {path.readlink().name for path in found if path.is_symlink()}
        for path in found:
            if path.name not in in_base | behind and not (target / path.name).exists():
                shutil.copy2(path, target / path.name)
