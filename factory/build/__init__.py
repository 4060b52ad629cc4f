"""Building: inputs and rendered Dockerfiles come in; images in the engine go out, and a record of each."""

__all__ = ["builders", "buildx", "caches", "contexts", "emulator", "engine", "present", "records", "rendering", "sizes"]
