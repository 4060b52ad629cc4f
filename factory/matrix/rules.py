"""What spans several tables of a matrix: names that must exist, tags that must differ, sources that must suffice."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from factory.errors import did_you_mean
from factory.matrix.archives import Archive, archive_for
from factory.matrix.downloads import SOURCE, argument
from factory.matrix.extras import brought, lacking, of_family, with_needs
from factory.matrix.images import Image, expand
from factory.matrix.problems import KeyPath, Problem, dotted
from factory.matrix.runtimes import ArchiveSource, Family, ImageSource, Runtime, source_of
from factory.matrix.schema import Matrix
from factory.matrix.tables import Base, Extra
from factory.matrix.words import Variant
from factory.registry.references import is_within, split_reference


def inconsistencies(matrix: Matrix, raw: Mapping[str, Any], bootstraps: Collection[str] | None = None) -> list[Problem]:
    """All that does not fit together; with `bootstraps`, the names of those that there are, also what they lack.

    `raw` is the whole document, of which `matrix` may lack broken tables: their names still count as known, so that
    one broken base is one error and not one for each of its runtimes.
    """
    return [
        *_unknown_names(matrix, raw),
        *(_unknown_bootstraps(matrix, bootstraps) if bootstraps is not None else ()),
        *_impossible_runtimes(matrix),
        *_shared_arguments(matrix),
        *_contradicting_archives(matrix),
        *_more_than_packages(matrix),
        *_lacking_extras(matrix),
        *_shared_tags(matrix),
        *_idle_signatures(matrix, raw),
    ]


def _unknown_names(matrix: Matrix, raw: Mapping[str, Any]) -> Iterator[Problem]:
    for name, base in matrix.bases.items():
        yield from _unknown_extras(("bases", name, "extras"), base.extras, raw)
    for name, family in matrix.families.items():
        yield from _unknown_extras(("families", name, "extras"), _names_of_family(matrix, name, family), raw)
        yield from _unknown_extras(("families", name, "run_extras"), family.run_extras, raw)
        yield from _impossible_compiler(matrix, name, family)
    for name, extra in matrix.extras.items():
        yield from _unknown_extras(("extras", name, "needs"), extra.needs, raw)
        for kind, by_base in (("pip", extra.pip), ("pipx", extra.pipx), ("topics", extra.topics)):
            for base_name in by_base:
                yield from _unknown(("extras", name, kind, base_name), base_name, "base", _names(raw, "bases"))
    for name, runtime in matrix.runtimes.items():
        yield from _unknown(("runtimes", name, "base"), runtime.base, "base", _names(raw, "bases"))
        yield from _unknown(("runtimes", name, "family"), runtime.family, "family", _names(raw, "families"))
        yield from _unknown_extras(("runtimes", name, "extras"), runtime.extras, raw)


def _names_of_family(matrix: Matrix, name: str, family: Family, extras: tuple[str, ...] | None = None) -> Iterable[str]:
    """The names of a family's extras, or of some of them, with each of its runtimes."""
    extras = family.extras if extras is None else extras
    of_one = [
        of_family(extras, runtime_name, runtime)
        for runtime_name, runtime in matrix.runtimes.items()
        if runtime.family == name
    ]
    plain = [extra for extra in extras if "{" not in extra]
    return dict.fromkeys([*plain, *(extra for some in of_one for extra in some)])


def _impossible_compiler(matrix: Matrix, name: str, family: Family) -> Iterator[Problem]:
    """That there is such an extra, and for every architecture, is checked where the family uses it."""
    path: KeyPath = ("families", name, "bootstrap_extra")
    wanted = family.bootstrap_extra
    if wanted and not family.bootstrap:
        yield Problem(path, "there is no bootstrap to compile", "add `bootstrap = …`, or remove this")
    elif wanted and wanted not in family.extras:
        yield Problem(path, f"{wanted!r} is none of the family's extras", did_you_mean(wanted, family.extras))
    elif wanted:
        for extra in (matrix.extras.get(found) for found in _names_of_family(matrix, name, family, (wanted,))):
            if extra and not extra.archive:
                yield Problem(path, f"{wanted!r} has no archive", "name an extra that is an archive")


def _unknown_bootstraps(matrix: Matrix, known: Collection[str]) -> Iterator[Problem]:
    tables: list[tuple[str, Mapping[str, Family | Runtime]]]
    tables = [("families", matrix.families), ("runtimes", matrix.runtimes)]
    for section, named in tables:
        for name, table in named.items():
            if table.bootstrap and table.bootstrap not in known:
                remedy = did_you_mean(table.bootstrap, known) if known else "make it"
                yield Problem((section, name, "bootstrap"), f"there is no folder bootstraps/{table.bootstrap}", remedy)


def _unknown_extras(path: KeyPath, extras: Iterable[str], raw: Mapping[str, Any]) -> Iterator[Problem]:
    for extra in extras:
        yield from _unknown(path, extra, "extra", _names(raw, "extras"))


def _unknown(path: KeyPath, name: str, kind: str, known: set[str]) -> Iterator[Problem]:
    if name not in known:
        yield Problem(path, f"unknown {kind} {name!r}", did_you_mean(name, known))


def _names(raw: Mapping[str, Any], section: str) -> set[str]:
    tables = raw.get(section)
    return set(tables) if isinstance(tables, Mapping) else set()


def _impossible_runtimes(matrix: Matrix) -> Iterator[Problem]:
    for name, runtime in matrix.runtimes.items():
        base = matrix.bases.get(runtime.base)
        if base is not None:
            yield from _missing_architectures(name, runtime, base)
            yield from _missing_archives(matrix, name, runtime, base)


def _missing_architectures(name: str, runtime: Runtime, base: Base) -> Iterator[Problem]:
    for architecture in runtime.architectures or ():
        if architecture not in base.architectures:
            yield Problem(
                ("runtimes", name, "architectures"),
                f"{architecture} does not exist on {runtime.base}, {base.title}",
                f"leave it out: {runtime.base} has {', '.join(base.architectures)} only",
            )


def _missing_archives(matrix: Matrix, name: str, runtime: Runtime, base: Base) -> Iterator[Problem]:
    family = matrix.families.get(runtime.family)
    source = source_of(runtime, family) if family else runtime.source
    if not isinstance(source, ArchiveSource):
        return
    for architecture in runtime.architectures or base.architectures:
        if archive_for(source.archive, architecture) is None:
            yield Problem(
                ("runtimes", name, "source", "archive") if runtime.source else ("families", runtime.family, "archive"),
                f"has no archive for {architecture}",
                f"add `{architecture} = {{ url = …, sha256 = … }}`, or set `architectures`",
            )


def _shared_arguments(matrix: Matrix) -> Iterator[Problem]:
    """Two extras whose build arguments have one name: what is meant for one would reach the other."""
    owners = {argument(SOURCE): "a runtime's source"}
    for name, extra in matrix.extras.items():
        if not extra.archive:
            continue
        owner = owners.setdefault(argument(name), dotted(("extras", name)))
        if owner != dotted(("extras", name)):
            message = f"its build arguments would be called {argument(name)}_…, as those of {owner} are"
            yield Problem(("extras", name), message, "rename it")


def _contradicting_archives(matrix: Matrix) -> Iterator[Problem]:
    """One address with two checksums: one of them is wrong."""
    told: dict[str, str] = {}
    for path, url, archive in _archives(matrix):
        if archive.checksum and told.setdefault(url, archive.checksum) != archive.checksum:
            yield Problem(path, f"{url} has another checksum elsewhere in the matrix", "mend the wrong one")


def _archives(matrix: Matrix) -> Iterator[tuple[KeyPath, str, Archive]]:
    for name, extra in matrix.extras.items():
        for key, archive in extra.archive.items():
            yield ("extras", name, "archive", key), archive.at(extra.version), archive
    for name, runtime in matrix.runtimes.items():
        if isinstance(runtime.source, ArchiveSource):
            for key, archive in runtime.source.archive.items():
                yield ("runtimes", name, "source", "archive", key), archive.at(runtime.version, name), archive


def _more_than_packages(matrix: Matrix) -> Iterator[Problem]:
    for name, family in matrix.families.items():
        for extra_name in family.run_extras:
            extra = matrix.extras.get(extra_name)
            if extra and (extra.pip or extra.pipx or extra.archive or extra.environment):
                yield Problem(
                    ("families", name, "run_extras"),
                    f"extra {extra_name!r} is more than packages, which is all that a run image takes",
                    "move it to `extras`, which is for build images",
                )


def _lacking_extras(matrix: Matrix) -> Iterator[Problem]:
    """Extras that are not to be had where they are used, each told once for a place and base."""
    told: set[tuple[KeyPath, str, str]] = set()
    for image in expand(matrix):
        if image.base not in matrix.bases or image.variant is not Variant.BUILD:
            continue  # a run image has no extra that its build image has not
        for name, extra in brought(matrix, image):
            path = _where_used(matrix, image, name)
            for message, remedy in _lacking(matrix, image, extra):
                if (path, image.base, message) not in told:
                    told.add((path, image.base, message))
                    what = f"extra {name!r} is not to be had on {image.base}, the base of {dotted(image.path)}"
                    yield Problem(path, f"{what}: {message}", f"{remedy}, or leave the extra out here")


def _lacking(matrix: Matrix, image: Image, extra: Extra) -> Iterator[tuple[str, str]]:
    yield from lacking(extra, image.base, matrix.bases[image.base], image.architecture)
    if image.base in extra.pipx:
        images = (image.parent, image) if image.parent else (image,)
        others = [other for each in images for _, other in brought(matrix, each)]
        if not any(other.pip.get(image.base, "").startswith("pipx==") for other in others):
            yield "it needs pipx", f'add an extra with pip = {{ {image.base} = "pipx==…" }} to the base\'s extras'


def _where_used(matrix: Matrix, image: Image, extra: str) -> KeyPath:
    """The key that brings an extra into an image."""
    if image.runtime is None:
        return ("bases", image.base, "extras")
    runtime = matrix.runtimes[image.runtime]
    family = matrix.families.get(runtime.family)
    for key in ("run_extras", "extras"):
        if family and extra in with_needs(matrix, of_family(getattr(family, key), image.runtime, runtime)):
            return ("families", runtime.family, key)
    return ("runtimes", image.runtime, "extras")


def _shared_tags(matrix: Matrix) -> Iterator[Problem]:
    """Two images with one tag: the later one would overwrite the earlier one."""
    owners: dict[str, Image] = {}
    told: set[KeyPath] = set()
    for image in expand(matrix):
        for tag in image.tags:
            owner = owners.setdefault(tag, image)
            if (owner.path, owner.variant) != (image.path, image.variant) and image.path not in told:
                told.add(image.path)
                yield Problem(
                    image.path,
                    f"the tag {tag!r} belongs to {dotted(owner.path)} already ({owner.variant} image)",
                    "rename one of the two: each tag names one image",
                )


def _idle_signatures(matrix: Matrix, raw: Mapping[str, Any]) -> Iterator[Problem]:
    """Signatures for where nothing comes from: with a slip in its name a table would quietly check nothing."""
    if any(getattr(matrix, section).keys() != _names(raw, section) for section in ("bases", "families", "runtimes")):
        return  # a table is broken, and what it names is not known
    repositories = {"/".join(split_reference(reference)[:2]) for reference in _upstreams(matrix)}
    for prefix in matrix.signatures:
        if not any(is_within(repository, prefix) for repository in repositories):
            known = {part for repository in repositories for part in _prefixes(repository)}
            yield Problem(("signatures", prefix), "no upstream image is in or below it", did_you_mean(prefix, known))


def _upstreams(matrix: Matrix) -> Iterator[str]:
    for base in matrix.bases.values():
        yield base.upstream
    for runtime in matrix.runtimes.values():
        family = matrix.families.get(runtime.family)
        source = source_of(runtime, family) if family else runtime.source
        if isinstance(source, ImageSource):
            yield source.image


def _prefixes(repository: str) -> Iterator[str]:
    """A repository and all that it is below: `a.b/c/d`, `a.b/c`, `a.b`."""
    while repository:
        yield repository
        repository = repository.rpartition("/")[0]
