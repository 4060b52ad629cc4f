"""`list`, `show`, `schema`: what the matrix declares, and what is known of it."""

from __future__ import annotations

import json
from typing import Any

from factory.app.app import App
from factory.app.options import Printing, Selecting
from factory.cli.options import Given, takes
from factory.cli.options import selectors as named
from factory.cli.output import selection, show
from factory.errors import ExitCode
from factory.matrix.images import Image
from factory.matrix.schema import Matrix


@named
@takes(Selecting, Printing)
def list_(app: App, given: Given, selectors: tuple[str, ...]) -> int:
    from factory.report.details import list_text

    entries = [_entry(app, image) for image in app.named(selection(selectors, given[Selecting]))]
    show(given[Printing].format, entries, lambda: list_text(entries))
    return ExitCode.DONE


@named
@takes(Selecting, Printing)
def show_(app: App, given: Given, selectors: tuple[str, ...]) -> int:
    from factory.report.details import detail_text

    details = [_detail(app, image) for image in app.named(selection(selectors, given[Selecting]))]
    show(given[Printing].format, details, lambda: "\n\n".join(map(detail_text, details)))
    return ExitCode.DONE


@takes()
def schema_(_app: App, _given: Given) -> int:
    document = {"$schema": "https://json-schema.org/draft/2020-12/schema", **Matrix.model_json_schema()}
    print(json.dumps(document, indent=2))
    return ExitCode.DONE


def _entry(app: App, image: Image) -> dict[str, Any]:
    from factory.report.details import entry

    return entry(app.matrix, image, app.today, app.skipped.reason(image))


def _detail(app: App, image: Image) -> dict[str, Any]:
    from factory.report.details import Known, detail

    upstreams = app.fetches.upstreams(image)
    known = Known(
        inputs=app.inputs_of(image),
        upstreams={reference: app.project.lock.digest(reference, image.architecture) for reference in upstreams},
        dockerfile=app.renderer.dockerfile(image),
        record=app.records.latest(image.name),
        parent=app.records.latest(image.parent.name) if image.parent else None,
    )
    return detail(app.matrix, image, _entry(app, image), known)
