"""The exceptions of the subcommands."""

from __future__ import annotations


class CommandError(Exception):
    """Ends the command with a one-line message on stderr.

    Attributes:
        status: The exit status of the process.
    """

    status = 1


class UsageError(CommandError):
    """The arguments are not valid."""

    status = 2


class MissingExtraError(CommandError):
    """A library of the `dev` extra is not installed.

    Args:
        library: The name of the library that could not be imported.
        purpose: What it is needed for, as the subject of "needs".
    """

    def __init__(self, library: str, purpose: str) -> None:
        super().__init__(f"{purpose} needs {library}: install the extra lambent[dev]")
