"""One run of the factory: each part made when first asked for, from the user's options."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING

from factory.app.options import Options
from factory.build import bootstraps
from factory.build.contexts import Contexts
from factory.build.emulator import compile_all, context_key
from factory.build.records import Record, Records
from factory.files import write_if_changed
from factory.matrix import lock
from factory.matrix.images import Image, expand, select, status_on, with_ancestors
from factory.matrix.loading import load
from factory.matrix.schema import Matrix
from factory.matrix.words import Architecture
from factory.plan import planner as plan
from factory.plan.keys import InputsOf, local_name
from factory.plan.planner import Action
from factory.process import Processes
from factory.registry.references import Repository
from factory.render.bake import bake_file
from factory.render.dockerfile import Renderer
from factory.smoke import skips as coverage
from factory.smoke.recipe import companions, recipe, tests_key

if TYPE_CHECKING:
    from factory.build.buildx import Builder
    from factory.build.engine import Engine
    from factory.publish.adopt import Adopter
    from factory.publish.published import Published, Reader
    from factory.publish.push import Publisher
    from factory.registry.client import Registry
    from factory.trust.content import ContentTrust
    from factory.trust.endorse import Voucher
    from factory.trust.scanner import Gate


_WAITING = 3  # dated tags that are looked at: what waits for `promote` is young


class Session:
    """Everything that a command may need. Nothing is loaded, started or asked before it is used."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.processes = Processes()

    @cached_property
    def matrix(self) -> Matrix:
        """The checked matrix."""
        return load(self.options.matrix)

    @cached_property
    def lock(self) -> lock.Lock:
        """The lock as it stands."""
        return lock.read(self.options.lock)

    @cached_property
    def coverage(self) -> coverage.Coverage:
        """What cannot be executed in the lab."""
        return coverage.read(self.options.matrix.parent / "coverage.toml", self.matrix)

    @cached_property
    def renderer(self) -> Renderer:
        """The Dockerfiles."""
        return Renderer(self.matrix)

    @cached_property
    def inputs_of(self) -> InputsOf:
        """The inputs of every image."""
        return InputsOf(self.renderer, self.lock, context_key())

    @cached_property
    def contexts(self) -> Contexts:
        """Where the names in the Dockerfiles lead."""
        options = self.options
        return Contexts(self.renderer, self.inputs_of, options.mirrors, options.network, options.pip_conf)

    @cached_property
    def selected(self) -> list[Image]:
        """The images that this run is about: those that the selectors name; of them, with --stale, the stale ones."""
        if not self.options.stale:
            return self.named
        wanted = set(self.named)
        return [image for image, item in self.stale.items() if image in wanted and item.action is not Action.SKIP]

    @cached_property
    def stale(self) -> dict[Image, plan.Item]:
        """What is to be done with the named images and their ancestors, told from the registry."""
        from factory.plan.stale import Standard, stale

        images = with_ancestors(self.named)
        standard = Standard(self.tests_key, self.today, self.options.max_age, self.options.locked)
        published = {image: self._with_record(image, there) for image, there in self.published.items()}
        return {item.image: item for item in stale(images, self.inputs_of, published, standard)}

    def _with_record(self, image: Image, there: Published | None) -> Published | None:
        """What is published, with its record where that helps to say what changed: else it is spared the registry."""
        if there is None or there.inputs_key == self.inputs_of(image).key:
            return there
        return replace(there, record=self.reader.record(there))

    @cached_property
    def published(self) -> dict[Image, Published | None]:
        """What the registry has of the named images and their ancestors."""
        images = with_ancestors([*self.named, *self._peers(self.named)])
        return self.reader.read(images, dated=self.options.max_age is not None)

    @cached_property
    def named(self) -> list[Image]:
        """The images that the selectors name."""
        return select(expand(self.matrix), self.options.selection, status_on(self.matrix, self.today))

    @cached_property
    def ancestors(self) -> list[Image]:
        """What the selected images are built from, or tested with, and that is not selected itself."""
        wanted = with_ancestors([*self.selected, *self._peers(self.selected)])
        return [image for image in wanted if image not in set(self.selected)]

    @cached_property
    def engine(self) -> Engine:
        """The engine, answering and fit."""
        from factory.build.engine import Engine

        return Engine()

    @cached_property
    def records(self) -> Records:
        """The records of the build directory."""
        return Records(self.options.build_dir)

    @cached_property
    def repository(self) -> Repository:
        """Where images go."""
        return Repository.parse(self.options.registry or self.matrix.publish.repository)

    @cached_property
    def builder(self) -> Builder:
        """What builds."""
        from factory.build.buildx import Builder

        options = self.options
        return Builder(self.engine, self.processes, self.contexts, options.build_dir, options.builder, options.caches)

    @cached_property
    def registry(self) -> Registry:
        """What speaks with registries."""
        from factory.registry.client import Registry

        return Registry()

    @cached_property
    def reader(self) -> Reader:
        """What reads the published images."""
        from factory.publish.published import Reader
        from factory.registry.referrers import Referrers

        referrers = Referrers(self.registry, self.repository, self.options.build_dir / "locks")
        return Reader(self.registry, self.repository, referrers)

    @cached_property
    def adopter(self) -> Adopter:
        """What takes published images into the engine."""
        from factory.publish.adopt import Adopter

        return Adopter(self.reader, self.engine, self.records)

    @cached_property
    def publisher(self) -> Publisher:
        """What pushes."""
        from factory.publish.push import Publisher

        return Publisher(
            self.engine,
            self.registry,
            self.repository,
            self.architectures,
            self.today,
            self.options.build_dir,
            self._voucher(),
            self._content_trust(),
            self._gate(),
        )

    @property
    def today(self) -> date:
        """The day of dated tags, UTC."""
        return datetime.now(UTC).date()

    def _voucher(self) -> Voucher | None:
        """What vouches for pushed images, where that is asked for."""
        options = self.options
        if not (options.attest or options.sign):
            return None
        from factory.trust.endorse import Voucher
        from factory.trust.provenance import Builder
        from factory.trust.signing import Signer

        signer = Signer(self.registry, self.repository, options.sign, options.logged) if options.sign else None
        builder = Builder.here(self.matrix.publish.source, options.matrix.parent)
        return Voucher(self.reader.referrers, builder, options.attest, signer)

    def _gate(self) -> Gate | None:
        """What stops a vulnerable image, where that is asked for."""
        from factory.trust.scanner import Gate

        return Gate.of(self.options.scanner, self.options.fail_on) if self.options.fail_on else None

    def _content_trust(self) -> ContentTrust | None:
        """Where tags are entered for docker, where that is asked for."""
        from factory.trust.content import ContentTrust

        server, locks = self.options.content_trust, self.options.build_dir / "locks"
        return ContentTrust(server, self.repository, locks) if server else None

    def companions(self, image: Image) -> tuple[Image, ...]:
        """The other images that an image's test needs; an image that cannot be executed is tested alone."""
        return () if self.not_executed(image) else companions(self.matrix, image)

    def _peers(self, images: Iterable[Image]) -> list[Image]:
        return [peer for image in images for peer in self.companions(image)]

    def last_records(self, images: Iterable[Image]) -> dict[Image, Record | None]:
        """The last that is known of each image: on this machine, else with --stale in the registry."""
        here = {image: self.records.latest(image.name) for image in images}
        if not self.options.stale:
            return here
        there = {image: found for image, record in here.items() if not record and (found := self.published.get(image))}
        return {**here, **{image: self.reader.record(found) for image, found in there.items()}}

    def upstreams(self, image: Image) -> list[str]:
        """The references and addresses of archives that an image is made from."""
        inputs = self.inputs_of(image)
        return [*inputs.upstreams, *inputs.archives]

    def records_here(self, image: Image) -> Iterator[Record]:
        """What this machine knows of the images that a name stood for, youngest first."""
        return (record for record in reversed(list(self.records)) if record.name == image.name)

    def records_anywhere(self, image: Image) -> Iterator[Record]:
        """What this machine, then the registry, knows of the images that a name stood for, youngest first."""
        yield from self.records_here(image)
        yield from (record for there in self.reader.staged(image, self._tags) if (record := self.reader.record(there)))

    @cached_property
    def _tags(self) -> list[str]:
        """The tags of the repository; none where it does not answer."""
        from factory.registry.client import RegistryError, RegistryUnreachableError

        try:
            return self.registry.tags(self.repository)
        except (RegistryError, RegistryUnreachableError):
            return []

    def offered(self, image: Image) -> Iterator[Published]:
        """What the registry has of an image: under its name, then what waits under dated tags for `promote`.

        What is to be built anew is not taken from there, except a parent that another job has built anew already.
        """
        if not self.is_fresh(image):
            if there := self.published.get(image):
                yield there
        elif image in self.selected:
            return
        yield from islice(self.reader.staged(image, self._tags), _WAITING)

    def is_fresh(self, image: Image) -> bool:
        """Whether an image is to be built anew although one with its inputs is published."""
        return self.options.stale and image in self.stale and self.stale[image].fresh

    def serves(self, image: Image, record: Record) -> bool:
        """Whether a finished image with the present inputs need not be built again: not when it is too old."""
        if not self.is_fresh(image) or self.options.max_age is None:
            return True
        return datetime.now(UTC) - datetime.fromisoformat(record.built) <= self.options.max_age

    def architectures(self, image: Image) -> tuple[Architecture, ...]:
        """The architectures that an image's name without architecture stands for."""
        return tuple(other.architecture for other in expand(self.matrix) if other.stem == image.stem)

    def world(self) -> plan.World:
        """What is there already of the selected images and their ancestors."""
        recorded = {record.inputs_key for record in self.records}
        keys = {image.name: self.inputs_of(image).key for image in (*self.ancestors, *self.selected)}
        return plan.World(
            records=self.records,
            finished=self.engine.finished(local_name(name, key) for name, key in keys.items() if key in recorded),
            tests_key=self.tests_key,
            repository=str(self.repository),
            locked=self.options.locked,
        )

    def not_executed(self, image: Image) -> str | None:
        """Why an image cannot be executed here; None for one that can."""
        return self.coverage.reason_behind(image, self.matrix, self.options.mirrors)

    def tests_key(self, image: Image) -> str:
        """The fingerprint of what an image is tested with."""
        return tests_key(self.matrix, image, self.not_executed(image))

    def unlocked(self, images: Iterable[Image]) -> list[str]:
        """The references of these images that the lock has no digest for, sorted."""
        return sorted({reference for image in images for reference in self.inputs_of.unlocked(image)})

    def write_rendered(self) -> None:
        """Puts all Dockerfiles and the bake file into the build directory."""
        for stem, text in self.renderer.all().items():
            write_if_changed(self.options.build_dir / "dockerfiles" / stem / "Dockerfile", text)
        bake = bake_file(expand(self.matrix), self.contexts, self.matrix.publish.repository)
        write_if_changed(self.options.build_dir / "docker-bake.json", bake)
        (self.options.build_dir / "empty").mkdir(parents=True, exist_ok=True)
        for name in {self.renderer.bootstrap(image) for image in expand(self.matrix)}:
            if name:
                bootstraps.stage(self.options.build_dir, name)

    def compile_emulator(self) -> None:
        """Makes the emulator's binaries where they are missing or old."""
        compile_all(self.options.build_dir)

    def check_recipes(self) -> None:
        """Finds a missing or broken recipe before hours of building, not after."""
        for image in self.selected:
            if image.family:
                recipe(self.matrix.families[image.family].smoke)
