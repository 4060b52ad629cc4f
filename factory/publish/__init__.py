"""Publishing: tested images come in; tags in a registry go out, and what is known of published images."""

__all__ = ["adopt", "compare", "gc", "present", "promote", "published", "push", "tags"]
