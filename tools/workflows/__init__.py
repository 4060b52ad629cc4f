"""Runs the project's GitHub workflows on this machine against the lab, as `scripts/workflow` does."""
