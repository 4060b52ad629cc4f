"""What can go wrong, for people."""


class LabError(Exception):
    """A failure with one line that says what happened and what to do; the command ends with `code`."""

    def __init__(self, message: str, *, code: int = 1) -> None:
        super().__init__(message)
        self.code = code


class MissingError(LabError):
    """The machine lacks something."""

    def __init__(self, message: str) -> None:
        super().__init__(message, code=3)
