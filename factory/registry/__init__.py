"""The distribution client: names of repositories and tags come in; manifests and documents go out."""

__all__ = ["attached", "client", "errors", "http", "manifests", "references", "referrers"]
