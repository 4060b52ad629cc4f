"""Rendering: a matrix and templates come in; Dockerfiles and a bake file go out, and what each of their steps brings.

Pure: templates come in as texts.
"""

__all__ = ["bake", "diff", "dockerfile", "fetches", "steps", "templates"]
