"""Upstream: what the matrix names comes in; its digests and checksums go out, as a lock, and what moved."""

__all__ = ["resolve", "signatures", "summary"]
