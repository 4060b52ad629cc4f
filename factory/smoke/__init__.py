"""Smoke tests: a built image comes in; what its checks found goes out."""

__all__ = ["container", "packages", "recipe", "skips", "specimen", "suite"]
