"""Every refusal of a matrix: where it is, what is wrong, what would be right."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from factory.app.project import load_matrix as load
from factory.errors import UsageError
from factory.matrix.loading import MatrixError, parse
from tests.support import TOOLCHAINS, bootstrap_keys, changed, real, small, small_text

_SHA256 = "a" * 64


def _line(text: str, needle: str) -> int:
    """The line, from 1, on which a text first stands."""
    return text[: text.index(needle)].count("\n") + 1


def _problems(text: str) -> MatrixError:
    with pytest.raises(MatrixError) as caught:
        parse(text, bootstraps=bootstrap_keys())
    return caught.value


def test_the_repositorys_matrix_loads() -> None:
    matrix = real()
    assert list(matrix.bases) == ["al1", "al2", "al2023"]
    assert {"python3.13", "nodejs22.x", "provided.al2023"} <= matrix.runtimes.keys()


def test_a_byte_order_mark_is_no_obstacle(tmp_path: Path) -> None:
    file = tmp_path / "matrix.toml"
    file.write_bytes(b"\xef\xbb\xbf" + small_text().encode())
    assert load(file) == small()


_HEADERS = "\n\n".join(f'[extras."headers-{version}"]\nsummary = "x"\nyum = []\nmicrodnf = []' for version in (22, 26))
_HEADERS += "\n\n[extras.headers]"
_ONE = 'archive = { any = { url = "https://a.b/{runtime}.tgz" } }\ninto = "/x"'
_COMMAND = "commands = { one = \"sh -c 'ls'\" }"

# Exact texts: what a user reads.
EXACT = {
    "unknown base": (
        ('[runtimes."nodejs22.x"]\nbase = "al2023"', '[runtimes."nodejs22.x"]\nbase = "al2032"'),
        'base = "al2032"',
        "runtimes.\"nodejs22.x\".base: unknown base 'al2032'\n    did you mean 'al2023' or 'al2'?",
    ),
    "unknown family": (
        ('family = "python"', 'family = "pyton"'),
        'family = "pyton"',
        "runtimes.\"python3.11\".family: unknown family 'pyton'\n    did you mean 'python'?",
    ),
    "unknown extra": (
        ('extras = ["headers"]', 'extras = ["header"]'),
        'extras = ["header"]',
        "families.node.extras: unknown extra 'header'\n    did you mean 'headers'?",
    ),
    "arm64 on al1": (
        (
            '[runtimes."nodejs26.x"]\nbase = "al2023"',
            '[runtimes."nodejs26.x"]\narchitectures = ["arm64"]\nbase = "al1"',
        ),
        'architectures = ["arm64"]',
        'runtimes."nodejs26.x".architectures: arm64 does not exist on al1, Amazon Linux 1\n'
        "    leave it out: al1 has x86_64 only",
    ),
    "a group with microdnf": (
        ('packages = ["gcc", "make"]', 'packages = ["gcc", "make"]\ngroups = ["development"]'),
        'groups = ["development"]\nextras = ["archivers"]\n\n[extras',
        "bases.al2023.groups: microdnf has no package groups; "
        "list the packages of 'development' in `packages` instead\n"
        "    Package groups of the build image; only yum knows groups.",
    ),
    "a wrong type": (
        ("uid = 496", 'uid = "496"'),
        'uid = "496"',
        "bases.al1.user.uid: '496' is of the wrong type\n    input should be a valid integer (User id.)",
    ),
    "a quoted date": (
        ("released = 2020-08-12", 'released = "2020-08-12"'),
        'released = "2020-08-12"',
        "runtimes.\"provided.al2\".lifecycle.released: '2020-08-12' is not a date; "
        "write an unquoted TOML date such as 2029-06-30\n    The first day of general availability.",
    ),
    "a missing key": (
        ('upstream = "upstream.example/lambda/provided:al2"\n', ""),
        "[bases.al2]",
        "bases.al2.upstream: is missing\n"
        "    add `upstream = …`: The official image whose layers every image of this generation shares.",
    ),
}


@pytest.mark.parametrize("case", EXACT)
def test_a_refusal_says_where_what_and_what_would_be_right(case: str) -> None:
    change, needle, expected = EXACT[case]
    text = small_text(change)
    told = f"matrix.toml:{_line(text, needle)}: {expected}\nmatrix.toml: 1 error, nothing was done"
    assert str(_problems(text)) == told


def _archive(entry: str) -> str:
    return small_text(
        (
            '[runtimes."python3.11"]\n',
            f'[runtimes."python3.11"]\nsource = {{ archive = {{ x86_64 = {{ {entry} }} }} }}\n',
        )
    )


def _runtime(*lines: str) -> str:
    return small_text() + "\n".join(["", *lines, ""])


SIMILAR = [
    # what, text, key path, message, remedy
    (
        "an archive with two checksums",
        _archive(f'url = "https://archive.example/a.zip", sha256 = "{_SHA256}", sha512 = "{2 * _SHA256}"'),
        'runtimes."python3.11".source.archive.x86_64.sha512',
        "stands beside a sha256",
        "leave one of the two out, one checksum is enough",
    ),
    (
        "a checksum that is none",
        _archive('url = "https://archive.example/a", sha256 = "abc"'),
        'runtimes."python3.11".source.archive.x86_64.sha256',
        "'abc' has not the form of this key",
        "What it must be, 64 hexadecimal digits.",
    ),
    (
        "an address that is none",
        _archive(f'url = "archive.example/a", sha256 = "{_SHA256}"'),
        'runtimes."python3.11".source.archive.x86_64.url',
        "'archive.example/a' has not the form of this key",
        "Where it is; may name {version}.",
    ),
    (
        "an archive for one architecture too few",
        small_text(("arm64 = { url", "#")),
        'runtimes."python3.9".source.archive',
        "has no archive for arm64",
        "add `arm64 = { url = …, sha256 = … }`, or set `architectures`",
    ),
    (
        "a source that is a word",
        small_text(('[runtimes."python3.11"]\n', '[runtimes."python3.11"]\nsource = "python"\n')),
        'runtimes."python3.11".source',
        "is no source",
        'write { image = "registry/name:tag" } or { archive = { x86_64 = { url = …, sha256 = … } } }',
    ),
    (
        "a source that says nothing",
        small_text(('[runtimes."python3.11"]\n', '[runtimes."python3.11"]\nsource = {}\n')),
        'runtimes."python3.11".source',
        "is no source",
        'write { image = "registry/name:tag" } or { archive = { x86_64 = { url = …, sha256 = … } } }',
    ),
    (
        "a source image without a tag",
        small_text((":26-preview", "")),
        'runtimes."nodejs26.x".source.image',
        "'upstream.example/lambda/nodejs' has not the form of this key",
        "The image's reference with its tag.",
    ),
    (
        "a runtime with a base's tag",
        _runtime("[runtimes.al2]", 'base = "al2"', 'family = "python"', 'version = "3"'),
        "runtimes.al2",
        "the tag 'al2-x86_64' belongs to bases.al2 already (run image)",
        "rename one of the two: each tag names one image",
    ),
    (
        "a runtime with a build image's tag",
        _runtime('[runtimes."build-python3.11"]', 'base = "al2"', 'family = "python"', 'version = "3"'),
        'runtimes."build-python3.11"',
        "the tag 'build-python3.11-x86_64' belongs to runtimes.\"python3.11\" already (build image)",
        "rename one of the two: each tag names one image",
    ),
    (
        "a time where a date must be",
        small_text(("released = 2020-08-12", "released = 2020-08-12T10:00:00Z")),
        'runtimes."provided.al2".lifecycle.released',
        "'2020-08-12 10:00:00+00:00' is not a date; write an unquoted TOML date such as 2029-06-30",
        "The first day of general availability.",
    ),
    (
        "an end before the beginning",
        small_text(("released = 2020-08-12", "released = 2027-08-12")),
        'runtimes."provided.al2".lifecycle.deprecated',
        "deprecated (2026-07-31) lies before released (2027-08-12); exchange them or mend the wrong one",
        "From this day on: no security patches, no support.",
    ),
    (
        "an unknown key",
        small_text(("groups =", "grups =")),
        "bases.al1.grups",
        "is no key of the matrix",
        "did you mean 'groups'?",
    ),
    (
        "an unknown key of an inline table",
        small_text(("gid = 495", "gid = 495, git = 495")),
        "bases.al1.user.git",
        "is no key of the matrix",
        "did you mean 'gid'?",
    ),
    (
        "a package manager that there is not",
        small_text(('package_manager = "microdnf"', 'package_manager = "dnf"')),
        "bases.al2023.package_manager",
        "'dnf' is not one of 'yum' or 'microdnf'",
        "did you mean 'microdnf'?",
    ),
    (
        "a number for a text",
        small_text(('version = "6.10"', "version = 6.10")),
        'runtimes."nodejs6.10".version',
        "6.1 is of the wrong type",
        "input should be a valid string",
    ),
    (
        "true for a number",
        small_text(("uid = 496", "uid = true")),
        "bases.al1.user.uid",
        "True is of the wrong type",
        "input should be a valid integer (User id.)",
    ),
    (
        "a text for a list",
        small_text(('groups = ["development"]', 'groups = "development"')),
        "bases.al1.groups",
        "'development' is of the wrong type",
        "input should be a valid tuple",
    ),
    (
        "a package name that a shell would split",
        small_text(('"which", "jq"', '"which; reboot", "jq"')),
        "bases.al1.packages.0",
        "'which; reboot' has not the form of this key",
        "",
    ),
    (
        "no architecture at all",
        small_text(('architectures = ["x86_64"]', "architectures = []")),
        "bases.al1.architectures",
        "at least 1 item",
        "The architectures that the upstream image exists for.",
    ),
    (
        "an unknown placeholder",
        small_text(("AWS_Lambda_{runtime}", "AWS_Lambda_{rntime}")),
        "families.node.environment.AWS_EXECUTION_ENV",
        "unknown placeholder 'rntime'; known: {runtime}, {version}, {major}",
        "",
    ),
    (
        "a placeholder with an inside",
        small_text(("AWS_Lambda_{runtime}", "AWS_Lambda_{runtime.x}")),
        "families.node.environment.AWS_EXECUTION_ENV",
        "unknown placeholder",
        "",
    ),
    (
        "an extra of a family with an unknown placeholder",
        small_text(('extras = ["headers"]', 'extras = ["headers-{versio}"]')),
        "families.node.extras.0",
        "unknown placeholder 'versio'; known: {runtime}, {version}, {major}",
        "",
    ),
    (
        "an extra of a family that one runtime has not",
        small_text(('extras = ["headers"]', 'extras = ["headers-{version}"]'), ("[extras.headers]", _HEADERS)),
        "families.node.extras",
        "unknown extra 'headers-6.10'",
        "did you mean",
    ),
    (
        "an extra that needs what there is not",
        small_text(('summary = "for native addons"', 'summary = "for native addons"\nneeds = ["archiver"]')),
        "extras.headers.needs",
        "unknown extra 'archiver'",
        "did you mean 'archivers'?",
    ),
    (
        "an extra of one runtime",
        small_text(("[extras.headers]", f'[extras.one]\nsummary = "x"\n{_ONE}\n\n[extras.headers]')),
        "extras.one",
        "names {runtime}, and is for no runtime in particular",
        "",
    ),
    (
        "a command that is more than words",
        small_text(("[extras.headers]", f'[extras.one]\nsummary = "x"\n{_ONE}\n{_COMMAND}\n\n[extras.headers]')),
        "extras.one.commands.one",
        "has not the form of this key",
        "",
    ),
    (
        "a family with two sources",
        small_text(
            ('source = "upstream.example/lambda/node', 'archive = {}\nsource = "upstream.example/lambda/node'),
            ("archive = {}", 'archive = { any = { url = "https://a.b/c.tgz" } }'),
        ),
        "families.node.archive",
        "has a source beside it",
        "",
    ),
    (
        "a bootstrap of a family that there is not",
        small_text(
            ('source = "upstream.example/lambda/node', 'bootstrap = "nod"\nsource = "upstream.example/lambda/node')
        ),
        "families.node.bootstrap",
        "there is no folder bootstraps/nod",
        "",
    ),
    (
        "a compiler without anything to compile",
        small_text(('extras = ["headers"]', 'extras = ["headers"]\nbootstrap_extra = "headers"')),
        "families.node.bootstrap_extra",
        "there is no bootstrap to compile",
        "",
    ),
    (
        "a compiler that is no extra of the family",
        small_text(
            ('extras = ["headers"]', 'extras = ["headers"]\nbootstrap = "dotnet"\nbootstrap_extra = "header"'),
        ),
        "families.node.bootstrap_extra",
        "'header' is none of the family's extras",
        "headers",
    ),
    (
        "a compiler that is a package",
        small_text(
            ('extras = ["headers"]', 'extras = ["headers"]\nbootstrap = "dotnet"\nbootstrap_extra = "headers"'),
        ),
        "families.node.bootstrap_extra",
        "'headers' has no archive",
        "",
    ),
    (
        "a user id that is too large",
        small_text(("uid = 496", "uid = 65535")),
        "bases.al1.user.uid",
        "less than or equal to 65534",
        "User id.",
    ),
    (
        "a name with capitals",
        small_text(("[extras.headers]", "[extras.Headers]"), ('extras = ["headers"]', "")),
        "extras.Headers",
        "'Headers' has not the form of this key",
        "",
    ),
    (
        "a section that is a number",
        small_text(('[extras.headers]\nsummary = "for native addons"', "[extras]\nheaders = 3\n[extras.x]")),
        "extras.headers",
        "3 is of the wrong type",
        "",
    ),
]


def _signatures(*lines: str, name: str = "upstream.example/lambda/nodejs") -> str:
    return _runtime(f'[signatures."{name}"]', *lines)


_IDENTITY = ('identity = "^https://git.example/"', 'issuer = "https://token.example"')
SIMILAR += [
    (
        "signatures of what nobody takes anything from",
        _signatures('key = "k.pub"', name="upstream.example/lambda/nodesj"),
        'signatures."upstream.example/lambda/nodesj"',
        "no upstream image is in or below it",
        "did you mean 'upstream.example/lambda/nodejs'",
    ),
    (
        "signatures of a part of a name",
        _signatures('key = "k.pub"', name="upstream.example/lamb"),
        'signatures."upstream.example/lamb"',
        "no upstream image is in or below it",
        "did you mean 'upstream.example/lambda'",
    ),
    (
        "signatures of a tag",
        _signatures('key = "k.pub"', name="upstream.example/lambda/nodejs:22"),
        'signatures."upstream.example/lambda/nodejs:22"',
        "'upstream.example/lambda/nodejs:22' has not the form of this key",
        "",
    ),
    (
        "signatures of nobody",
        _signatures("transparency_log = false"),
        'signatures."upstream.example/lambda/nodejs"',
        "does not say whose signatures count",
        "add `key = …`, or both `identity = …` and `issuer = …`",
    ),
    (
        "an identity that nobody vouches for",
        _signatures(_IDENTITY[0]),
        'signatures."upstream.example/lambda/nodejs"',
        "does not say whose signatures count",
        "add `key = …`, or both `identity = …` and `issuer = …`",
    ),
    (
        "an identity beside a key",
        _signatures('key = "k.pub"', *_IDENTITY),
        'signatures."upstream.example/lambda/nodejs".identity',
        "stands beside a key",
        "leave out the key, or identity and issuer",
    ),
    (
        "an identity that others contain",
        _signatures(_IDENTITY[0].replace("^", ""), _IDENTITY[1]),
        'signatures."upstream.example/lambda/nodejs".identity',
        "'https://git.example/' has not the form of this key",
        "from its beginning on: `^https://github.com/OWNER/`",
    ),
    (
        "an identity without the log",
        _signatures(*_IDENTITY, "transparency_log = false"),
        'signatures."upstream.example/lambda/nodejs".transparency_log',
        "is for keys",
        "leave it out",
    ),
    (
        "an unknown key of signatures",
        _signatures('kye = "k.pub"', *_IDENTITY),
        'signatures."upstream.example/lambda/nodejs".kye',
        "is no key of the matrix",
        "did you mean 'key'?",
    ),
]


def _toolchains(*changes: tuple[str, str]) -> str:
    return changed(TOOLCHAINS.read_text(), *changes)


_GRADLE = 'archive = { any = { url = "https://archive.example/gradle-{version}.zip"'
SIMILAR += [
    (
        "an extra of a runtime that there is not",
        _toolchains(('extras = ["poetry"]', 'extras = ["potery"]')),
        'runtimes."python3.8".extras',
        "unknown extra 'potery'",
        "did you mean 'poetry'?",
    ),
    (
        "an extra of the run images that there is not",
        _toolchains(('run_extras = ["icu"]', 'run_extras = ["icuu"]')),
        "families.java.run_extras",
        "unknown extra 'icuu'",
        "did you mean 'icu'?",
    ),
    (
        "a pip extra for a base that there is not",
        _toolchains(("pip = { al2 =", "pip = { al3 =")),
        "extras.pipx.pip.al3",
        "unknown base 'al3'",
        "did you mean 'al2023' or 'al2' or 'al1'?",
    ),
    (
        "an extra that a base lacks",
        _toolchains(("pipx = { al2 =", "pipx = { al2023 =")),
        'runtimes."python3.8".extras',
        "extra 'poetry' is not to be had on al2, the base of runtimes.\"python3.8\": its pipx is for al2023 only",
        'add `al2 = "…==…"` to its pipx, or leave the extra out here',
    ),
    (
        "an extra without packages for a base's package manager",
        _toolchains(("yum = []\n", "")),
        "families.java.run_extras",
        "extra 'icu' is not to be had on al1, the base of runtimes.java8: it names no yum packages",
        "add `yum = […]`, or `yum = []` where it needs none, or leave the extra out here",
    ),
    (
        "an application without pipx",
        _toolchains(('extras = ["engine", "pipx", "sam-cli"]', 'extras = ["engine", "sam-cli"]')),
        'runtimes."python3.8".extras',
        "it needs pipx",
        'add an extra with pip = { al2 = "pipx==…" } to the base\'s extras',
    ),
    (
        "an application that nothing starts",
        _toolchains(('programs = ["poetry"]\n', "")),
        "extras.poetry",
        "does not say by which programs its application is started",
        'add `programs = ["…"]`',
    ),
    (
        "topics of a base that there is not",
        _toolchains(("topics = { al2 =", "topics = { al3 =")),
        "extras.engine.topics.al3",
        "unknown base 'al3'",
        "did you mean 'al2023' or 'al2' or 'al1'?",
    ),
    (
        "an archive that an architecture lacks",
        _toolchains(("arm64 = { url", "#")),
        "bases.al2.extras",
        "extra 'sam-cli' is not to be had on al2, the base of bases.al2: it has no archive for arm64",
        "add `arm64 = { url = …, sha256 = … }` to its archive",
    ),
    (
        "an archive for an architecture that there is not",
        _toolchains(("arm64 = { url", "aarch64 = { url")),
        "extras.sam-cli.archive.aarch64",
        "'aarch64' is not one of 'any', 'x86_64' or 'arm64'",
        "",
    ),
    (
        "an archive that would never be used",
        _toolchains(("arm64 = { url", "any = { url")),
        "extras.sam-cli.archive",
        "names an architecture beside `any`, which is for all of them",
        "leave out one or the other",
    ),
    (
        "an archive without a place",
        _toolchains(('into = "/opt/tools"\n', "")),
        "extras.tools",
        "does not say where its archive is unpacked",
        'add `into = "/usr/local/…"`',
    ),
    (
        "a place without an archive",
        _toolchains(('summary = "what installs', 'into = "/opt/x"\nsummary = "what installs')),
        "extras.pipx.into",
        "is for archives, and this extra has none",
        "Where the archive is unpacked.",
    ),
    (
        "an archive of a format that nobody can tell",
        _toolchains(('format = "nupkg"\n', "")),
        "extras.tools.archive",
        "the addresses do not end in one of .tar.gz, .tgz, .tar.xz, .txz, .zip, .nupkg, the same for all",
        'add `format = "zip"`, or what it is',
    ),
    (
        "a format that there is not",
        _toolchains(('format = "nupkg"', 'format = "rar"')),
        "extras.tools.format",
        "'rar' is not one of 'tar.gz', 'tar.xz', 'zip' or 'nupkg'",
        "known: tar.gz, tar.xz, zip, nupkg",
    ),
    (
        "an address with a placeholder that it has not",
        _toolchains((_GRADLE, _GRADLE.replace("{version}", "{runtime}"))),
        "extras.gradle",
        "names {runtime}, and is for no runtime in particular",
        "",
    ),
    (
        "an address with the version of nothing",
        _toolchains(('version = "8.14"\n', "")),
        "extras.gradle",
        "names {version}, but has no `version`",
        'add `version = "…"`',
    ),
    (
        "an extra that brings nothing",
        _toolchains(('yum = ["unzip"]\n', ""), ('extras = ["unzip"]\n', "")),
        "extras.unzip",
        "brings nothing",
        "add one of yum, microdnf, pip, pipx, archive, environment",
    ),
    (
        "a version that is not one",
        _toolchains(('"poetry==1.5.1"', '"poetry>=1.5"')),
        "extras.poetry.pipx.al2",
        "'poetry>=1.5' has not the form of this key",
        "",
    ),
    (
        "more than packages in a run image",
        _toolchains(('run_extras = ["icu"]', 'run_extras = ["gradle"]')),
        "families.java.run_extras",
        "extra 'gradle' is more than packages, which is all that a run image takes",
        "move it to `extras`, which is for build images",
    ),
    (
        "an address with two checksums",
        _toolchains(("https://archive.example/java7.tar.xz", "https://archive.example/gradle-8.14.zip")),
        "runtimes.java7.source.archive.any",
        "https://archive.example/gradle-8.14.zip has another checksum elsewhere in the matrix",
        "mend the wrong one",
    ),
    (
        "an extra that is called like the source",
        _toolchains(("[extras.tools]", "[extras.source]"), ('"maven", "tools"', '"maven", "source"')),
        "extras.source",
        "its build arguments would be called SOURCE_…, as those of a runtime's source are",
        "rename it",
    ),
    (
        "a bootstrap that there is not",
        _toolchains(('workdir = "/"', 'bootstrap = "nonesuch"\nworkdir = "/"')),
        "runtimes.java8.bootstrap",
        "there is no folder bootstraps/nonesuch",
        "",
    ),
    (
        "a working directory that is not one",
        _toolchains(('workdir = "/"', 'workdir = "/a b"')),
        "runtimes.java8.workdir",
        "'/a b' has not the form of this key",
        "The run image's working directory",
    ),
    (
        "a link out of the archive",
        _toolchains(('"bin/mvn",', '"../mvn",')),
        "extras.maven.links.0",
        "'../mvn' has not the form of this key",
        "",
    ),
]


@pytest.mark.parametrize(
    ("text", "path", "message", "remedy"), [case[1:] for case in SIMILAR], ids=[case[0] for case in SIMILAR]
)
def test_what_cannot_be_is_refused(text: str, path: str, message: str, remedy: str) -> None:
    told = str(_problems(text))
    match = re.search(rf"^matrix\.toml:(\d+): {re.escape(path)}: (.*)\n    (.+)$", told, re.MULTILINE)
    assert match, told
    assert message in match[2]
    assert remedy in match[3]
    line = text.splitlines()[int(match[1]) - 1]
    key = next(part for part in reversed(re.findall(r'"[^"]+"|[^."]+', path)) if part in line)
    assert re.search(rf"^\[.*{re.escape(key)}|{re.escape(key)} =", line), f"{line!r} is not where {path} stands"


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("released = 2020-08-12", "released = 2020-02-30", "Invalid date"),
        ("[bases.al2]", "[bases.al2", "Expected ']'"),
        ('title = "Amazon Linux 2"', "title = ?", "Invalid value"),
        ('title = "Amazon Linux 2"', 'title = "x"\ntitle = "y"', "Cannot overwrite a value"),
        ('title = "Amazon Linux 2"', 'title = "Amazon \x07"', "Illegal character"),
    ],
)
def test_what_is_not_toml_is_told_with_its_line(old: str, new: str, reason: str) -> None:
    text = small_text((old, new))
    line = _line(text, new) + new.count("\n")
    told = str(_problems(text))
    assert told.startswith(f"matrix.toml:{line}: is not TOML: {reason}")
    assert "\n    see https://toml.io for the syntax\n" in told


def test_an_integer_that_python_refuses_to_read_is_not_toml_either() -> None:
    assert "is not TOML" in str(_problems(small_text(("uid = 496", f"uid = {'9' * 5000}"))))


@pytest.mark.parametrize("text", [f"a = {'[' * 5000}{']' * 5000}", f"{'a.' * 5000}b = 1", f"[{'a.' * 5000}b]\n"])
def test_deep_nesting_is_refused(text: str) -> None:
    assert str(_problems(text)).startswith("matrix.toml:1: is not a matrix: it nests too deeply")


def test_an_empty_file_lacks_two_tables() -> None:
    told = str(_problems(""))
    assert "bases: is missing\n    add `bases = …`: The Amazon Linux generations." in told
    assert "publish: is missing" in told
    assert told.endswith("matrix.toml: 2 errors, nothing was done")


def test_all_errors_are_told_at_once_in_the_order_of_lines() -> None:
    text = small_text(
        ("uid = 496", 'uid = "x"'),
        ('package_manager = "microdnf"', 'package_manager = "apt"'),
        ('extras = ["headers"]', 'extras = ["heders"]'),
        ('family = "provided"', 'family = "providd"'),
        ("released = 2024-11-22", 'released = "soon"'),
    )
    error = _problems(text)
    lines = [problem.line or 0 for problem in error.problems]
    assert len(lines) == 5
    assert lines == sorted(lines)
    assert str(error).endswith("matrix.toml: 5 errors, nothing was done")


def test_one_broken_base_is_one_error_and_not_one_for_each_of_its_runtimes() -> None:
    error = _problems(small_text(('upstream = "upstream.example/lambda/provided:al2023"', "upstream = 5")))
    assert [problem.path for problem in error.problems] == [("bases", "al2023", "upstream")]


def test_one_broken_extra_is_one_error_and_not_one_for_each_of_its_users() -> None:
    error = _problems(small_text(('yum = ["openssl-devel"]', "yum = 5")))
    assert [problem.path for problem in error.problems] == [("extras", "headers", "yum")]


def test_two_errors_in_one_shared_thing_do_not_hide_those_elsewhere() -> None:
    text = small_text(
        ('upstream = "upstream.example/lambda/provided:al2"', "upstream = 5"), ('base = "al1"', 'base = "al"')
    )
    paths = {problem.path for problem in _problems(text).problems}
    assert paths == {("bases", "al2", "upstream"), ("runtimes", "nodejs6.10", "base")}


def test_a_wrong_word_in_a_list_is_one_error() -> None:
    error = _problems(small_text(('architectures = ["x86_64"]\nuser', 'architectures = ["x86-64"]\nuser')))
    assert [(problem.path, problem.remedy) for problem in error.problems] == [
        (("bases", "al1", "architectures", "0"), "did you mean 'x86_64'?")
    ]


def test_a_source_is_one_thing_or_the_other() -> None:
    entry = f'image = "a.b/c:d", archive = {{ x86_64 = {{ url = "https://a.b/c", sha256 = "{_SHA256}" }} }}'
    text = small_text(('[runtimes."python3.11"]\n', f'[runtimes."python3.11"]\nsource = {{ {entry} }}\n'))
    (problem,) = _problems(text).problems
    assert problem.path in (("runtimes", "python3.11", "source"), ("runtimes", "python3.11", "source", "image"))
    assert "`factory list`" not in problem.remedy


def test_an_architecture_named_twice_would_be_an_image_made_twice() -> None:
    (problem,) = _problems(small_text(('architectures = ["x86_64"]', 'architectures = ["x86_64", "x86_64"]'))).problems
    assert problem.path == ("bases", "al1", "architectures")


@pytest.mark.parametrize("version", ["", "3 13", "3.13\\nRUN evil", "3:13", "a/b"])
def test_a_version_that_can_be_no_tag_is_refused(version: str) -> None:
    (problem,) = _problems(small_text(('version = "22"', f'version = "{version}"'))).problems
    assert problem.path == ("runtimes", "nodejs22.x", "version")


@pytest.mark.parametrize(
    ("old", "new", "path"),
    [
        ('title = "Amazon Linux 2"', 'title = "Amazon\\nRUN evil"', ("bases", "al2", "title")),
        ('title = "Python"', 'title = "Python\\nRUN evil"', ("families", "python", "title")),
        ('handler = "handler"', 'handler = "a\\nRUN evil"', ("families", "provided", "handler")),
        ('licenses = "MIT"', 'licenses = "MIT\\nRUN evil"', ("publish", "licenses")),
        ('LANG = "en_US.UTF-8"', 'LANG = "en\\nRUN evil"', ("environment", "run", "LANG")),
    ],
)
def test_nothing_can_smuggle_a_line_into_a_dockerfile(old: str, new: str, path: tuple[str, ...]) -> None:
    (problem,) = _problems(small_text((old, new))).problems
    assert problem.path == path


def test_an_unknown_table_has_a_line() -> None:
    text = small_text(("[environment.run]", "[environmet.run]"))
    (problem,) = [problem for problem in _problems(text).problems if problem.path == ("environmet",)]
    assert problem.remedy == "did you mean 'environment'?"
    assert problem.line == _line(text, "[environmet.run]")


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        load(tmp_path / "none.toml")
    assert str(caught.value) == (
        f"{tmp_path}/none.toml: cannot be read: No such file or directory; name the matrix with --matrix FILE"
    )


def test_a_folder_is_no_matrix(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"cannot be read: Is a directory; name the matrix with --matrix FILE"):
        load(tmp_path)


def test_an_unreadable_file(tmp_path: Path) -> None:
    loop = tmp_path / "matrix.toml"
    loop.symlink_to(loop)  # permissions do not stop root, under whom CI may run
    with pytest.raises(UsageError, match=r"cannot be read: Too many levels of symbolic links"):
        load(loop)


def test_what_is_not_utf_8_is_told_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "matrix.toml"
    file.write_bytes(b'a = 1\nb = "\xff"\n')
    with pytest.raises(MatrixError) as caught:
        load(file)
    assert str(caught.value).startswith(f"{file}:2: is not UTF-8 text\n    save it as UTF-8")


def test_messages_name_the_file_that_was_given(tmp_path: Path) -> None:
    file = tmp_path / "other.toml"
    file.write_text(small_text(("uid = 496", "uid = 0")))
    with pytest.raises(MatrixError) as caught:
        load(file)
    assert str(caught.value).startswith(f"{file}:")


def test_without_the_names_of_the_bootstraps_nobody_can_say_that_one_is_missing() -> None:
    text = _toolchains(('workdir = "/"', 'bootstrap = "nonesuch"\nworkdir = "/"'))
    assert parse(text).runtimes["java8"].bootstrap == "nonesuch"
    with pytest.raises(MatrixError, match="there is no folder bootstraps/nonesuch"):
        parse(text, bootstraps=())
    for mine in bootstrap_keys():
        assert parse(text.replace("nonesuch", mine), bootstraps=bootstrap_keys()).runtimes["java8"].bootstrap == mine


def test_the_bootstraps_of_a_file_are_looked_for(tmp_path: Path) -> None:
    file = tmp_path / "matrix.toml"
    file.write_text(_toolchains(('workdir = "/"', 'bootstrap = "nonesuch"\nworkdir = "/"')))
    with pytest.raises(MatrixError, match="there is no folder bootstraps/nonesuch"):
        load(file)
