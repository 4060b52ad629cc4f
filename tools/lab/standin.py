"""The layout stand-in: the paths of a program that no registry in reach has, and nothing behind them."""


def program(path: str, stands_in_for: str, reason: str) -> str:
    """The text of a program that says what it stands in for and fails."""
    told = f"{path} is a stand-in of the lab for {stands_in_for}, it cannot run: {reason}"
    quoted = told.replace("'", "'\\''")
    return f"#!/bin/sh\necho '{quoted}' >&2\nexit 69\n"
