"""Trust: published manifests and records come in; signatures, documents and verdicts go out."""

__all__ = ["attest", "content", "provenance", "scanner", "signing", "verify"]
