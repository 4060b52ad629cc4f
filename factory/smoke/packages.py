"""What is installed in an image, for its record."""

from __future__ import annotations

from factory.smoke.specimen import Specimen

_QUERY = r"command -v rpm >/dev/null && rpm -qa --queryformat '%{NVRA} %{NAME} %{SIZE}\n' || true"


def installed_packages(specimen: Specimen) -> dict[str, tuple[str, int]]:
    """Every RPM, `name-version-release.architecture`, with its name and its bytes; empty where the image has no rpm."""
    outcome = specimen.runner().once(["-c", _QUERY], entrypoint="/bin/bash")
    lines = (line.split() for line in outcome.stdout.splitlines())
    return {full: (name, int(size)) for full, name, size in lines}
