"""The software bill of materials of a published image, as SPDX and as CycloneDX, by syft."""

from __future__ import annotations

import tempfile
from pathlib import Path

from factory.registry.references import Repository, is_loopback
from factory.registry.referrers import Document
from factory.trust.tools import TrustError, call, find, tail

SPDX = "application/spdx+json"
CYCLONEDX = "application/vnd.cyclonedx+json"
FORMATS = {SPDX: "spdx-json", CYCLONEDX: "cyclonedx-json"}
"""By media type, syft's name of the format."""


def bills(repository: Repository, digest: str, platform: str) -> list[Document]:
    """Reads an image from its registry and lists what is in it.

    Raises:
        MachineError: syft is not installed.
        TrustError: syft could not read the image.
    """
    syft = find("syft", "it lists what is in an image")
    with tempfile.TemporaryDirectory() as folder:
        files = {media_type: Path(folder) / name for media_type, name in FORMATS.items()}
        outputs = [f"--output={FORMATS[media_type]}={file}" for media_type, file in files.items()]
        environment = {"SYFT_CHECK_FOR_APP_UPDATE": "false"}
        if is_loopback(repository.host):
            environment["SYFT_REGISTRY_INSECURE_USE_HTTP"] = "true"
        command = [str(syft), "scan", f"registry:{repository}@{digest}", f"--platform={platform}", "--quiet", *outputs]
        done = call(command, environment)
        if done.status:
            raise TrustError(f"{repository}@{digest}: syft could not list what is in it:\n{tail(done.stderr)}")
        return [Document(media_type, file.read_bytes()) for media_type, file in files.items()]
