"""One run of the factory: each part made when first asked for. It wires, and decides nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, timedelta
from functools import cached_property
from typing import TYPE_CHECKING

from factory.app.options import Caching, Entering, Everywhere, Logging, Publishing
from factory.app.outside import Outside
from factory.app.project import Project, read_text
from factory.matrix.images import Image, Selection, architectures_by_stem, expand, select, status_on, with_ancestors
from factory.matrix.schema import Matrix
from factory.process import Processes
from factory.registry.references import Repository

if TYPE_CHECKING:
    from factory.build.buildx import Buildx
    from factory.build.contexts import Contexts
    from factory.build.emulator import Emulator
    from factory.build.engine import Engine
    from factory.build.present import ThisMachine
    from factory.build.records import Records
    from factory.build.rendering import Rendering
    from factory.plan.keys import InputsOf
    from factory.plan.planner import Item
    from factory.plan.present import Present
    from factory.plan.targets import Peers, Targets
    from factory.publish.present import InRegistry
    from factory.publish.published import Reader
    from factory.publish.push import Publisher
    from factory.registry.client import Registry
    from factory.registry.referrers import Referrers
    from factory.render.dockerfile import Renderer
    from factory.render.fetches import Fetches
    from factory.run.preparation import Preparation
    from factory.run.steps import Bench, Builds
    from factory.smoke.skips import SkippedTests
    from factory.trust.signing import Signer


class App:
    """Everything that a command may need. Nothing is loaded, started or asked before it is used."""

    def __init__(self, options: Everywhere, outside: Outside | None = None) -> None:
        self.options, self.outside = options, outside or Outside()
        self.processes = Processes()
        self.project = Project(options.matrix, options.lock_file, self.outside.shipped)

    @property
    def matrix(self) -> Matrix:
        return self.project.matrix

    @property
    def today(self) -> date:
        """The day of dated tags, UTC."""
        return self.outside.now().date()

    @cached_property
    def skipped(self) -> SkippedTests:
        """Which images cannot be executed here, and why."""
        from factory.smoke.skips import SkippedTests, parse

        file = self.options.skip_tests
        if file is None:
            return SkippedTests()
        text = read_text(file, "--skip-tests names a file that says which tests to skip, and why")
        return parse(text, str(file), self.matrix)

    @cached_property
    def fetches(self) -> Fetches:
        from factory.render.fetches import Fetches

        return Fetches(self.matrix)

    @cached_property
    def renderer(self) -> Renderer:
        from factory.render.dockerfile import Renderer

        return Renderer(self.fetches, self.project.templates)

    @cached_property
    def emulator(self) -> Emulator:
        return self.outside.emulator(self.outside.shipped / "emulator")

    @cached_property
    def inputs_of(self) -> InputsOf:
        from factory.plan.keys import InputsOf

        bootstraps = {name: folder.key() for name, folder in self.project.bootstraps.items()}
        return InputsOf(self.renderer, self.project.lock, self.emulator.key(), bootstraps)

    @cached_property
    def contexts(self) -> Contexts:
        from factory.build.contexts import Contexts

        options = self.options
        return Contexts(self.fetches, self.inputs_of, options.mirrors, options.network, options.pip_conf)

    @cached_property
    def rendering(self) -> Rendering:
        from factory.build.rendering import Rendering

        return Rendering(self.renderer, self.contexts, self.project.bootstraps, self.options.build_dir)

    @cached_property
    def engine(self) -> Engine:
        return self.outside.engine()

    @cached_property
    def records(self) -> Records:
        from factory.build.records import Records

        return Records(self.options.build_dir)

    @cached_property
    def repository(self) -> Repository:
        return Repository.parse(self.options.registry or self.matrix.publish.repository)

    @cached_property
    def registry(self) -> Registry:
        return self.outside.registry()

    def referrers(self, repository: Repository | None = None) -> Referrers:
        """What is attached to the images of a repository, by default of ours."""
        from factory.registry.referrers import Referrers

        return Referrers(self.registry, repository or self.repository, self.options.build_dir / "locks")

    @cached_property
    def reader(self) -> Reader:
        from factory.publish.published import Reader

        return Reader(self.registry, self.repository, self.referrers())

    @cached_property
    def machine(self) -> ThisMachine:
        from factory.build.present import ThisMachine

        return ThisMachine(self.engine, self.records, str(self.repository))

    def in_registry(self, dated: bool) -> InRegistry:
        """What is present in the registry, `dated` with its age."""
        from factory.publish.present import InRegistry

        return InRegistry(self.reader, dated)

    def buildx(self, caching: Caching) -> Buildx:
        from factory.build.buildx import Buildx
        from factory.build.caches import Caches

        options, caches = self.options, Caches.parse(caching.cache_from, caching.cache_to)
        return Buildx(
            self.engine, self.processes, self.renderer, self.contexts, options.build_dir, options.builder, caches
        )

    def bench(self, images: Iterable[Image]) -> Bench:
        """What smoke tests are done with."""
        from factory.run.steps import Bench

        options, reasons = self.options, self.reasons(images)
        return Bench(
            matrix=self.matrix,
            smoke=self.project.smoke,
            scratch=options.build_dir / "smoke",
            not_executed=reasons,
            network=options.network,
            pip_conf=options.pip_conf,
            check=self.outside.check,
            installed=self.outside.installed,
        )

    def preparation(self, builds: Builds, bench: Bench) -> Preparation:
        from factory.run.preparation import Preparation

        options = self.options
        return Preparation(
            self.inputs_of,
            self.engine,
            builds,
            bench,
            self.rendering,
            self.emulator,
            options.lock_file,
            self.today,
            options.locked,
        )

    def publisher(
        self, publishing: Publishing | None = None, entering: Entering | None = None, logging: Logging | None = None
    ) -> Publisher:
        """What pushes, and what it does beside that."""
        from factory.publish.push import Publisher
        from factory.trust.attest import Attester
        from factory.trust.provenance import Origin
        from factory.trust.scanner import Gate

        given, referrers = publishing or Publishing(), self.referrers()
        origin = Origin.here(self.matrix.publish.source, self.options.matrix.parent) if given.attest else None
        return Publisher(
            self.engine,
            self.registry,
            self.repository,
            referrers,
            architectures_by_stem(self.matrix),
            self.today,
            self.options.build_dir,
            Attester(referrers, origin) if origin else None,
            list(self._signers(referrers, given.sign, entering, logging)),
            Gate.of(given.scanner, given.fail_on) if given.fail_on else None,
            self.outside.pauses,
        )

    def _signers(
        self, referrers: Referrers, key: str | None, entering: Entering | None, logging: Logging | None
    ) -> Iterator[Signer]:
        from factory.trust.content import ContentTrust
        from factory.trust.signing import Cosign

        if key:
            yield Cosign(referrers, key, logged=not (logging and logging.no_transparency_log))
        if entering and entering.content_trust:
            yield ContentTrust(entering.content_trust, self.repository, self.options.build_dir / "locks")

    def named(self, selection: Selection) -> list[Image]:
        return select(expand(self.matrix), selection, status_on(self.matrix, self.today))

    def reasons(self, images: Iterable[Image]) -> dict[Image, str]:
        """Why images cannot be executed here, of those that cannot."""
        return {image: reason for image in images if (reason := self.skipped.reason(image))}

    def targets(self, selection: Selection) -> Targets:
        """The images that selectors name, with those that their tests need: one that is not executed needs none."""
        from factory.plan.targets import Targets

        return Targets.of(named := self.named(selection), self._peers(named))

    def _peers(self, images: Sequence[Image]) -> Peers:
        from factory.smoke.recipe import peers

        skipped = self.reasons(images)
        return {image: peers(self.matrix, image, self.project.smoke) for image in images if image not in skipped}

    def tests_keys(self, images: Iterable[Image]) -> dict[Image, str]:
        """The fingerprints of what images are tested with."""
        from factory.smoke.recipe import tests_key

        smoke, reason = self.project.smoke, self.skipped.reason
        return {image: tests_key(self.matrix, image, reason(image), smoke) for image in images}

    def plan_here(self, targets: Targets) -> dict[Image, Item]:
        """What is to be done, told from this machine, with images and all that they need."""
        return self._plan(targets.with_needs(targets.named), self.machine)

    def plan_there(self, targets: Targets, present: InRegistry, max_age: timedelta | None) -> dict[Image, Item]:
        """What is to be done, told from the registry, with images and what they are built from."""
        return self._plan(with_ancestors(targets.named), present, max_age)

    def _plan(self, images: Sequence[Image], present: Present, max_age: timedelta | None = None) -> dict[Image, Item]:
        from factory.plan.planner import Standard, plan

        standard = Standard(self.tests_keys(images), self.today, max_age, self.options.locked)
        return plan(images, self.inputs_of, present.look(images, self.inputs_of), standard)
