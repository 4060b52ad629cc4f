"""What is installed in an image, for its record."""

from __future__ import annotations

from factory.smoke.subject import Subject


def installed_packages(subject: Subject) -> tuple[str, ...]:
    """`name-version-release.architecture` of every RPM, sorted; empty where the image has no rpm."""
    outcome = subject.runner().once(["-c", "command -v rpm >/dev/null && rpm -qa || true"], entrypoint="/bin/bash")
    return tuple(sorted(outcome.stdout.split()))
