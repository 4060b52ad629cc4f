"""What is declared: the texts of matrix.toml and matrix.lock come in; a `Matrix`, its images and a `Lock` go out.

Pure: nothing here reads a file or asks anybody.
"""

__all__ = [
    "archives",
    "downloads",
    "extras",
    "images",
    "loading",
    "lock",
    "new",
    "problems",
    "runtimes",
    "schema",
    "tables",
    "words",
]
