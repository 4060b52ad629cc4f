"""Planning: inputs and what is present come in; what comes next for each image goes out, and why.

Pure: who knows what is present hands it in as values.
"""

__all__ = ["keys", "planner", "present", "shards", "targets", "tasks"]
