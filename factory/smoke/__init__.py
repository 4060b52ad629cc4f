"""The smoke test: invocations of a finished image, checked."""
