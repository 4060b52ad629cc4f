"""Starts AWS's runtime client, awslambdaric, on the function's directory."""

import os
import site
import sys
from pathlib import Path

VERSION = f"python{sys.version_info.major}.{sys.version_info.minor}"


def main() -> None:
    """Make the function and its layers importable, in Lambda's order, then run the client until the end."""
    layers = [path for path in (f"/opt/python/lib/{VERSION}/site-packages", "/opt/python") if Path(path).is_dir()]
    task_root = os.environ["LAMBDA_TASK_ROOT"]
    sys.path[:0] = [task_root, *layers]
    for directory in layers:
        site.addsitedir(directory)  # for their .pth files; the order is set already
    os.environ.setdefault("PYTHONPATH", os.environ["LAMBDA_RUNTIME_DIR"])

    from awslambdaric.__main__ import main as client  # type: ignore[import-not-found]  # in the image only

    client(["bootstrap", os.environ["_HANDLER"]])


if __name__ == "__main__":
    main()
