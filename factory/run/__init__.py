"""Executing: targets and the parts that build, test and push come in; the result of a run goes out."""

__all__ = ["finished", "preparation", "release", "steps"]
