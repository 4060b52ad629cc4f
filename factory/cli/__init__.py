"""The command line: words come in; a command is called, and its result printed. An exit status goes out."""

__all__ = ["main"]
