"""The lab's own rules, without assembling anything."""

from __future__ import annotations

import hashlib
import json
import shutil
import socket
import subprocess
import threading
import tomllib
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
import requests

from factory.matrix import images as factory_images
from factory.matrix.extras import brought
from factory.matrix.images import expand
from factory.matrix.runtimes import Family, source_of
from factory.matrix.words import Variant
from tests.support import inputs_of, real
from tools.lab import archives, cli, demands, elf, fetch, images, index, standin
from tools.lab.archives import FileServer
from tools.lab.assembly import Assembly
from tools.lab.catalogue import BASES, packages
from tools.lab.errors import LabError
from tools.lab.language import Kit, Needs
from tools.lab.languages import java, java_gradle, languages
from tools.lab.layers import Layer
from tools.lab.settings import LAB, Settings
from tools.lab.store import Once, Store
from tools.lab.symbols import for_older_glibc

GLIBC_OF_ANY_BASE = "99.0"


def test_the_slice_is_a_part_of_all_and_has_every_base() -> None:
    everything = images.chosen([], everything=True)
    some = images.chosen([], everything=False)
    assert {target.short for target in everything if target.runtime is None} <= {target.short for target in some}
    assert len(some) < len(everything)


def test_a_name_or_a_glob_brings_its_base_and_nothing_else() -> None:
    assert [target.short for target in images.chosen(["python:3.13"], everything=False)] == [
        "provided:al2023",
        "python:3.13",
    ]
    globbed = images.chosen(["lambda/nodejs:*"], everything=False)
    assert {target.repository for target in globbed} == {"lambda/nodejs", "lambda/provided"}


def test_a_name_that_the_lab_lacks_is_told_with_the_nearest() -> None:
    with pytest.raises(LabError, match=r"no image 'pyton:3.13'; the nearest are python:3.13"):
        images.chosen(["pyton:3.13"], everything=False)


def test_the_lab_reads_of_the_matrix_what_the_factory_reads() -> None:
    """The lab has no library but Python's own, so it reads matrix.toml by itself."""
    of, read = inputs_of(real()), {image.name: image for image in demands.images()}
    assert read.keys() == {image.name for image in expand(real())}
    for image in expand(real()):
        mine, inputs = read[image.name], of(image)
        assert (mine.runtime, mine.base) == (image.runtime or "", image.base)
        assert list(mine.extras) == [name for name, _ in brought(real(), image)]
        taken = {*inputs.upstreams, *(url.partition("://")[2] for url in inputs.archives)}
        assert not mine.upstream or mine.upstream in taken or image.variant is Variant.BUILD, image.name
        if image.variant is Variant.RUN and image.runtime:
            assert bool(mine.upstream) == (source_of(real().runtimes[image.runtime], _family(image)) is not None)


def _family(image: factory_images.Image) -> Family:
    assert image.family
    return real().families[image.family]


def test_an_image_asks_for_what_it_is_made_of_and_no_more() -> None:
    wants = images.wanted_for(["python3.13-arm64", "build-nodejs22.x-x86_64"])
    assert {request.target.short: request.architectures for request in wants.requests} == {
        "provided:al2023": ("amd64", "arm64"),
        "nodejs:22": ("amd64",),
        "python:3.13": ("arm64",),
    }
    assert {(base, architecture) for _, base, architecture in wants.extras} == {("al2023", "x86_64")}
    extras = {extra for extra, _, _ in wants.extras}
    assert extras >= {"aws-cli", "git"}
    assert not extras & {"poetry", "go", "gradle8"}
    assert images.wanted_for(["python3.13-arm64"]).extras == frozenset()


def test_an_image_from_an_archive_asks_for_it() -> None:
    wants = images.wanted_for(["nodejs6.10"])
    assert [request.target.upstream for request in wants.requests] == [
        "public.ecr.aws/lambda/provided:alami",
        "lambci.s3.amazonaws.com/fs/nodejs6.10.tgz",
    ]


def test_the_lab_has_an_upstream_for_every_image() -> None:
    assert images.wanted_for(["*"]).requests


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (
            ["--for", "pyton3.13-x86_64"],
            "matrix.toml has no image 'pyton3.13-x86_64'; the nearest are python3.13-x86_64",
        ),
        (["python:3.13", "--for", "python3.13-x86_64"], "--for says it all"),
        (["--all", "--for", "python3.13-x86_64"], "--for says it all"),
    ],
)
def test_what_up_refuses(words: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["up", *words]) == 2
    assert told in capsys.readouterr().err


def test_a_small_request_is_complete_and_a_larger_one_is_not_yet(tmp_path: Path) -> None:
    small, large = (images.wanted_for(names) for names in (["al2-x86_64"], ["al2-*"]))
    registry = TagsAlone()
    settings = Settings(tmp_path, tmp_path, 5000)
    (request,) = small.requests
    for architecture, wants in (("amd64", small), ("arm64", large)):
        assert not cli._complete(settings, registry, wants)  # type: ignore[arg-type]
        registry.push_manifest("lambda/provided", images.tag_of(request.target, architecture), b"{}", "")
        cli._mark(settings, registry, wants)  # type: ignore[arg-type]
        assert not cli._complete(settings, registry, wants), "there is no index"  # type: ignore[arg-type]
        images.push_index(registry, request.target)  # type: ignore[arg-type]
        assert cli._complete(settings, registry, wants)  # type: ignore[arg-type]
        platforms = [entry["platform"]["architecture"] for entry in registry.manifest("", "al2")["manifests"]]
    assert platforms == ["amd64", "arm64"]
    assert cli._complete(settings, registry, small)  # type: ignore[arg-type]
    more = images.wanted_for(["build-provided.al2-x86_64"])
    assert {request.target.short for request in more.requests} == {"provided:al2"}
    assert not cli._complete(settings, registry, more), "its extras are not there"  # type: ignore[arg-type]


class TagsAlone:
    """A registry of manifests by their tags."""

    def __init__(self) -> None:
        self.tags: dict[str, bytes] = {}

    def digest(self, _repository: str, tag: str) -> str | None:
        return f"sha256:{hashlib.sha256(self.tags[tag]).hexdigest()}" if tag in self.tags else None

    def manifest(self, _repository: str, tag: str) -> dict[str, Any]:
        return dict(json.loads(self.tags[tag]))

    def push_manifest(self, _repository: str, tag: str, content: bytes, _kind: str) -> None:
        self.tags[tag] = content


def test_every_package_that_a_runtime_needs_is_pinned() -> None:
    for language in languages():
        for runtime in language.runtimes:
            for architecture in runtime.architectures:
                if not runtime.stand_in(architecture):
                    language.pins.identity(language.needs(runtime, architecture))


def test_every_package_that_an_archive_needs_is_pinned() -> None:
    made = set()
    for language in languages():
        for archive in demands.archives():
            needs = language.archive_needs(archive)
            if needs is not None:
                language.pins.identity(needs)
                made.add((archive.extra, archive.architecture))
    assert {("go", "x86_64"), ("go", "arm64"), ("dotnet-sdk-2.0", "x86_64"), ("dotnet-sdk-8", "x86_64")} <= made
    assert not {("dotnet-sdk-6", "x86_64"), ("dotnet-sdk-8", "arm64")} & made


def test_two_versions_of_a_package_are_fetched_one_after_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(fetch, "run", lambda words, **_: asked.append(words[words.index("-r") + 1].read_text()))
    fetch.wheels({"a==1": ["0"], "a==2": ["1"], "b==1": ["2"]}, "3.11", "amd64", tmp_path)
    assert [[line.split()[0] for line in text.splitlines()] for text in asked] == [["a==1", "b==1"], ["a==2"]]


def test_go_of_the_module_proxy_becomes_what_its_archive_holds(tmp_path: Path) -> None:
    language = next(language for language in languages() if language.name == "go")
    (archive,) = (found for found in demands.archives() if (found.extra, found.architecture) == ("go", "x86_64"))
    needs = language.archive_needs(archive)
    assert needs is not None
    (name,) = needs.go
    for folder in ("tree", "work", "downloads/go"):
        (tmp_path / folder).mkdir(parents=True)
    with zipfile.ZipFile(tmp_path / "downloads/go" / f"{name.replace('/', '_')}.zip", "w") as module:
        for path in ("bin/go", "pkg/tool/linux_amd64/link", "src/_go.mod", "VERSION"):
            module.writestr(f"{name}/{path}", path)
    kit = Kit(
        base=BASES["al1"], architecture="amd64", needs=needs, pins=language.pins, suites={}, tree=tmp_path / "tree",
        work=tmp_path / "work", files=tmp_path, downloads=tmp_path / "downloads", tools=Mock(), step=Mock(),
        in_base=set,
    )  # fmt: skip
    language.fill_archive(kit, archive)
    files = {
        str(path.relative_to(tmp_path / "tree/go")): path for path in (tmp_path / "tree").rglob("*") if path.is_file()
    }
    assert set(files) == {"bin/go", "pkg/tool/linux_amd64/link", "src/go.mod", "VERSION"}
    assert {name for name, path in files.items() if path.stat().st_mode & 0o111} == {
        "bin/go",
        "pkg/tool/linux_amd64/link",
    }


def test_maven_is_served_as_it_is(tmp_path: Path) -> None:
    language = next(language for language in languages() if language.name == "java")
    (archive,) = (found for found in demands.archives() if found.extra == "maven")
    assert language.archive_needs(archive) == Needs(maven=("org.apache.maven:apache-maven:3.9.16:tar.gz:bin",))
    kit = Mock(maven=lambda name: tmp_path / name)
    assert language.fill_archive(kit, archive) == tmp_path / "org.apache.maven:apache-maven:3.9.16:tar.gz:bin"


def test_debians_gradle_becomes_what_upstreams_archive_holds(tmp_path: Path) -> None:
    root = _debians_gradle(tmp_path / "root", needed=("guava.jar",))
    java_gradle.fill(root, tmp_path / "gradle-8")
    files = {str(path.relative_to(tmp_path / "gradle-8")) for path in (tmp_path / "gradle-8").rglob("*.*")}
    modules = {"lib/gradle-core-api-4.jar", "lib/gradle-model-core-4.jar"}
    assert modules | {"lib/guava.jar", "lib/failureaccess.jar", "lib/ant-1.0.jar"} <= files
    assert not {"lib/gradle-model-4.jar", "lib/unrelated.jar", "lib/absent.jar"} & files
    assert not any(path.is_symlink() for path in (tmp_path / "gradle-8").rglob("*"))
    with zipfile.ZipFile(tmp_path / "gradle-8/lib/gradle-core-api-4.jar") as jar:
        assert jar.read("A.class") == b"\x01\x00\x11/usr/local/gradle\x01\x00\x15/usr/local/gradle/lib!"


def test_a_jar_that_debians_gradle_lacks_is_told(tmp_path: Path) -> None:
    root = _debians_gradle(tmp_path / "root", needed=("guava.jar", "gone.jar"))
    with pytest.raises(LabError, match=r"needs gone.jar for gradle-core-api-4.jar"):
        java_gradle.fill(root, tmp_path / "gradle-8")


def test_gradle_is_unpacked_where_the_labs_looks_for_itself() -> None:
    extras = tomllib.loads((LAB.parent.parent / "matrix.toml").read_text())["extras"]
    assert {extras[name]["into"] for name in java.GRADLES} == {java_gradle.HOME}


def test_what_is_made_of_debians_packages_is_told_to_be_another_version() -> None:
    settings = Settings(Path("/nowhere"), Path("/nowhere"), 5000)
    (archive,) = (found for found in demands.archives() if found.extra == "gradle9")
    told = cli.content(settings, archive)
    assert told == f"put together from gradle of Debian bookworm, another version than {archive.version}"


def _debians_gradle(root: Path, needed: tuple[str, ...]) -> Path:
    """What Debian's packages of Gradle have, in small: one link has another name than its file."""
    source, jars = root / "usr/share/gradle", root / "usr/share/java"
    for folder in (source / "bin", source / "init.d", source / "lib/plugins", jars):
        folder.mkdir(parents=True)
    _jar(jars / "gradle-model-core-4.jar")
    (source / "lib/gradle-model-4.jar").symlink_to("../../java/gradle-model-core-4.jar")
    places = b"\x01\x00\x11/usr/share/gradle\x01\x00\x0f/usr/share/java!"
    runtime = f"projects=\nruntime={','.join(needed)}"
    _jar(jars / "gradle-core-api-4.jar", {"A.class": places, "gradle-core-api-classpath.properties": runtime})
    (source / "lib/gradle-core-api-4.jar").symlink_to("../../java/gradle-core-api-4.jar")
    _jar(jars / "guava.jar", {"META-INF/MANIFEST.MF": "Class-Path: failureacc\r\n ess.jar absent.jar\r\n"})
    for name in ("failureaccess", "unrelated", *(f"{module}-1.0" for module in java_gradle.MODULES)):
        _jar(jars / f"{name}.jar")
    return root


def _jar(path: Path, files: Mapping[str, str | bytes] | None = None) -> None:
    with zipfile.ZipFile(path, "w") as jar:
        for name, content in (files or {}).items():
            jar.writestr(name, content)


def test_a_base_has_the_compiler_of_java_8_where_something_runs_on_it(tmp_path: Path) -> None:
    settings, known = Settings(tmp_path, tmp_path, 5000), {target.short: target for target in images.targets()}

    def added(base: str, wanted: str, *present: str) -> bool:
        client = Mock(digest=lambda repository, tag: f"{repository}:{tag}" in present or None)
        assembly = Assembly(settings, client, refresh=False)
        runtime = known[wanted].runtime
        assert runtime
        assembly.wanted = [runtime]
        return "java" in {language.name for language, _ in assembly.additions(BASES[base], "amd64")}

    assert added("al2", "java:8.al2")
    assert added("al2", "java:11", "lambda/java:8.al2")  # it was assembled before
    assert not added("al2", "java:11")
    assert not added("al2023", "java:8.al2")


def test_what_a_command_of_an_extra_starts_is_in_its_stand_in() -> None:
    programs = {archive.extra: archive.programs for archive in demands.archives()}
    assert programs["lambda-tools-7"] == ("tools/net8.0/any/dotnet-lambda.dll",)
    assert programs["maven"] == ("bin/mvn",)


def test_a_stand_in_tells_what_it_stands_in_for_and_fails(tmp_path: Path) -> None:
    program = tmp_path / "python3.8"
    program.write_text(standin.program("/var/lang/bin/python3.8", "python-3.8", "nobody's got it"))
    program.chmod(0o755)
    done = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
    assert done.returncode == 69
    assert done.stderr == (
        "/var/lang/bin/python3.8 is a stand-in of the lab for python-3.8, it cannot run: nobody's got it\n"
    )


def test_a_program_brings_its_libraries_but_neither_glibc_nor_what_the_base_has(tmp_path: Path) -> None:
    program = Path(shutil.which("git") or "/bin/tar").resolve()
    libraries = elf.closure(program, Path("/"))
    own = {name for name in libraries if not elf.GLIBC.fullmatch(name)}
    present, *rest = sorted(own)
    patched: list[object] = []
    elf.transplant(
        program,
        Path("/"),
        tmp_path,
        "bin/it",
        elf.Base(GLIBC_OF_ANY_BASE, {present}),
        lambda *words: patched.extend(words),
    )
    assert {path.name for path in tmp_path.glob("lib/*")} == set(rest)
    assert patched == ["--force-rpath", "--set-rpath", "/var/lang/lib", tmp_path / "bin/it"]


def test_a_program_that_wants_a_newer_glibc_brings_it_with_its_loader(tmp_path: Path) -> None:
    program = Path("/bin/tar").resolve()
    patched: list[object] = []
    elf.transplant(program, Path("/"), tmp_path, "bin/it", elf.Base("2.0", ()), lambda *words: patched.extend(words))
    brought = {path.name for path in tmp_path.glob("glibc/*")}
    loader = Path(next(str(word) for word in patched if "ld-linux" in str(word))).name
    assert {"libc.so.6", loader} <= brought
    assert not list(tmp_path.glob("lib/*"))


@pytest.mark.skipif(not shutil.which("gcc"), reason="it compiles what it changes")
def test_a_program_of_a_newer_glibc_is_made_to_run_with_an_older_one(tmp_path: Path) -> None:
    (tmp_path / "library.c").write_text(
        "long NAME(const char *text, char **end, int base) { return 42; }\nint other(void) { return 1; }\n"
    )
    (tmp_path / "program.c").write_text(
        "long __isoc23_strtol(const char *, char **, int);\nint other(void);\n"
        'int main(void) { return __isoc23_strtol("", 0, 10) + other() == 43 ? 0 : 1; }\n'
    )
    versions = "GLIBC_2.2.5 { global: other; strtol; local: *; };\n"
    (tmp_path / "old.map").write_text(versions)
    (tmp_path / "new.map").write_text(f"{versions}GLIBC_2.38 {{ global: __isoc23_strtol; }} GLIBC_2.2.5;\n")
    tree = tmp_path / "tree"
    tree.mkdir()
    _library(tmp_path, "new", "__isoc23_strtol")
    _gcc(tmp_path, "program.c", "-L.", "-lthat", "-Wl,-rpath,$ORIGIN/..", "-o", "tree/program")
    assert subprocess.run([tree / "program"], check=False).returncode == 0
    _library(tmp_path, "old", "strtol")
    assert subprocess.run([tree / "program"], capture_output=True, check=False).returncode != 0
    for_older_glibc(tree, "2.36")
    done = subprocess.run([tree / "program"], capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_program_that_cannot_do_with_an_older_glibc_is_told(tmp_path: Path) -> None:
    shutil.copy("/bin/tar", tmp_path / "tar")
    with pytest.raises(LabError, match=r"tar needs \S+ of a glibc that the base does not have"):
        for_older_glibc(tmp_path, "2.17")


def _library(folder: Path, versions: str, name: str) -> None:
    options = ["-shared", "-fPIC", "-fno-builtin", f"-DNAME={name}", f"-Wl,--version-script={versions}.map"]
    _gcc(folder, "library.c", *options, "-o", "libthat.so")


def _gcc(folder: Path, *arguments: str) -> None:
    subprocess.run(["gcc", *arguments], cwd=folder, check=True)


def test_what_several_threads_ask_for_is_made_once() -> None:
    made: list[str] = []
    entered = threading.Event()

    def slowly(name: str) -> str:
        entered.wait(0.2)
        made.append(name)
        return name.upper()

    once = Once(slowly)
    threads = [threading.Thread(target=once, args=("a",)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert once("a") == "A"
    assert made == ["a"]


def test_assembling_a_part_keeps_the_finished_steps_of_the_others(tmp_path: Path) -> None:
    first = Store(tmp_path)
    first.step("a", 1, _nothing)
    first.step("b", 1, _nothing)
    second = Store(tmp_path)
    second.step("a", 2, _nothing)
    second.prune(everything=False)
    assert sorted(path.name.split("-")[0] for path in tmp_path.iterdir()) == ["a", "b"]
    second.prune(everything=True)
    assert [path.name.split("-")[0] for path in tmp_path.iterdir()] == ["a"]


def _nothing(_out: Path) -> None:
    """A step that makes nothing."""


def test_up_assembles_what_an_empty_registry_lacks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assembled: list[str] = []

    class Nothing:
        def __init__(self, *_: object, **__: object) -> None: ...

        def up(self) -> None: ...

        def digest(self, *_: str) -> None: ...

        def run(self, wants: images.Wants, **_: bool) -> None:
            assembled.extend(request.target.short for request in wants.requests)

    for name in ("Server", "FileServer", "Client", "Assembly"):
        monkeypatch.setattr(cli, name, Nothing)
    monkeypatch.setattr(cli, "PROGRAMS", {})
    monkeypatch.setattr("tools.lab.cli.debian.own_source", lambda: None)
    monkeypatch.setattr("tools.lab.cli.platform.machine", lambda: "x86_64")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cli.main(["up", "python:3.13"]) == 0
    assert assembled == ["provided:al2023", "python:3.13"]


def test_an_archive_is_served_as_its_host_and_path(tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        settings = Settings(tmp_path / "cache", tmp_path / "state", probe.getsockname()[1] - 1)
    (tmp_path / "layer.tar.gz").write_bytes(b"archive")
    archives.put(settings, "files.example/fs/a.tgz", Layer(tmp_path / "layer.tar.gz", "", "", 7))
    server = FileServer(settings)
    server.up()
    try:
        url = f"http://127.0.0.1:{settings.port + 1}/files.example/fs/a.tgz"
        assert requests.get(url, timeout=10).content == b"archive"
        server.up()  # the one that runs is found again
    finally:
        assert server.down()
    assert archives.digest(settings, "files.example/fs/a.tgz") == f"sha256:{hashlib.sha256(b'archive').hexdigest()}"
    assert server.pid() is None


@pytest.mark.parametrize("form", ["tar.gz", "tar.xz", "zip"])
def test_an_archive_without_recipe_has_its_programs_and_says_what_it_is(tmp_path: Path, form: str) -> None:
    archive = demands.Archive("gradle", f"https://host.example/gradle.{form}", form, ("bin/gradle",), 1)
    archives.stand_in(archive, tmp_path)
    shutil.unpack_archive(
        tmp_path / "archive", tmp_path / "out", {"tar.gz": "gztar", "tar.xz": "xztar"}.get(form, form)
    )
    (program,) = (tmp_path / "out").glob("*/bin/gradle")
    assert "is a stand-in of the lab for gradle" in program.read_text()


def test_every_archive_of_the_matrix_has_a_mirror_in_the_lab() -> None:
    told = archives.mirrors(Settings(Path("cache"), Path("state"), 5000)).split(",")
    for archive in demands.archives():
        host = archive.name.split("/", 1)[0]
        assert f"{host}=127.0.0.1:5001/{host}" in told


def test_a_stand_in_wheel_is_found_by_its_project(tmp_path: Path) -> None:
    index.stand_in("aws-sam.cli[all]==1.2.0", ["sam"], "no wheels", tmp_path)
    index.publish(tmp_path, tmp_path / "files")
    (wheel,) = (tmp_path / "files" / "simple" / "aws-sam-cli").iterdir()
    assert wheel.name == "aws_sam_cli-1.2.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel) as archive:
        (program,) = (name for name in archive.namelist() if "/scripts/" in name)
        assert program.endswith("/sam")
        assert b"no wheels" in archive.read(program)


def test_the_stand_in_of_an_application_has_the_programs_of_its_extra() -> None:
    assert demands.programs_of("aws-sam-cli==1.41.0") == ("sam",)
    assert demands.programs_of("nothing==1.0") == ()


def test_a_topic_is_a_package_that_yum_does_not_see_before() -> None:
    topics = {base: [package.name for package in packages(base) if package.topic] for base in BASES}
    assert topics == {"al1": [], "al2": ["docker"], "al2023": []}
