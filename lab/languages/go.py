"""The Go runtime's /var/runtime; there is no /var/lang."""

from __future__ import annotations

from lab.language import Kit, Language, Needs, Runtime


class Go(Language):
    """A function of go1.x is a program that serves RPC: the emulator starts it and calls it."""

    def needs(self, runtime: Runtime, architecture: str) -> Needs:
        """Nothing."""
        return Needs()

    def lang(self, kit: Kit) -> None:
        """Never asked."""
        raise NotImplementedError

    def client(self, kit: Kit) -> None:
        """A bootstrap that fails if anybody starts it: AWS's, in its place, would wait for Lambda's own agent."""
        kit.install("bootstrap", "var/runtime/bootstrap", 0o755)
