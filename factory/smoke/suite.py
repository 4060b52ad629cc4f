"""Running the checks of one image, and what comes of them."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime

from factory.build.records import CheckResult, TestResult
from factory.errors import FactoryError
from factory.matrix.images import Image
from factory.smoke.checks import WITHOUT_INVOCATION, checks_for
from factory.smoke.specimen import Check, CheckFailedError, CheckSkippedError, Specimen


class SmokeFailedError(FactoryError):
    """An image is not what the matrix says."""

    def __init__(self, image: Image, result: TestResult) -> None:
        self.result = result
        failed = [check for check in result.checks if not check.passed]
        # The first failure is often the cause of the others, so it alone is told in full; the record has them all.
        lines = [f"    {check.name}: {_indented(check.message)}" for check in failed[:1]]
        lines += [f"    {check.name}: {check.headline[:160]}" for check in failed[1:]]
        super().__init__("\n".join([f"{image.name}: the smoke test failed", *(lines or ["    no check ran"])]))


def run_checks(specimen: Specimen, step: Callable[[str], None]) -> TestResult:
    """Runs every check of an image, the later ones too when one fails.

    Where the image cannot be executed, the checks that need that are skipped; some are declared as such.
    """
    results, skipped = [], []
    started = time.monotonic()
    for check in checks_for(specimen.matrix, specimen.image, specimen.recipe):
        if specimen.not_executed and check not in WITHOUT_INVOCATION:
            skipped.append(check.__name__)
            continue
        step(check.__name__.replace("_", " "))
        try:
            results.append(_run(check, specimen))
        except CheckSkippedError as reason:
            skipped.append(f"{check.__name__}: {reason}")
    return TestResult(
        key=specimen.tests_key,
        finished=datetime.now(UTC).isoformat(timespec="seconds"),
        checks=tuple(results),
        not_executed=specimen.not_executed,
        skipped=tuple(skipped),
        seconds=round(time.monotonic() - started, 3),
    )


def _run(check: Check, specimen: Specimen) -> CheckResult:
    started = time.monotonic()
    try:
        check(specimen)
    except CheckSkippedError:
        raise
    except CheckFailedError as error:
        message = str(error)
    except Exception as error:  # noqa: BLE001 - whatever keeps a check from its verdict is a failure of the image's test
        message = f"{type(error).__name__}: {error}"
    else:
        return CheckResult(check.__name__, True, round(time.monotonic() - started, 3))
    return CheckResult(check.__name__, False, round(time.monotonic() - started, 3), message)


def _indented(message: str) -> str:
    return message.replace("\n", "\n        ")
