"""Wiring: the options of a command and the files of a project come in; an `App` goes out, its parts made on demand."""

__all__ = ["app", "options", "outside", "project"]
