"""What holds the records of one call together: an id that goes where its journal goes."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from lambent.execution.rounds.digests import digest, to_base64url

if TYPE_CHECKING:
    from lambent.execution.rounds.journal import Journal


class Trail:
    """The id and the round of a call that is audited; its invocation has it while the call runs.

    Attributes:
        call_id: what the records of the call share.
        round: counts its requests from 1; 0 where that is not known.
    """

    __slots__ = ("call_id", "round")

    def __init__(self, call_id: str = "", number: int = 1) -> None:
        self.call_id = call_id or to_base64url(os.urandom(18))
        self.round = number

    def follow(self, journal: Journal, *, is_retry: bool) -> None:
        """Take the id that the journal brings, and leave it in there for later rounds and attempts.

        ``is_retry``: it is not the first round.
        """
        if journal.trail is not None:
            self.call_id, number = journal.trail
            self.round = number + 1 if number else 0
        elif is_retry:  # the first round was not audited
            self.round = 0
        journal.trail = self.call_id, self.round

    def join(self, journal: Journal, key: str) -> None:
        """Take the id that all calls with one claim share."""
        self.call_id = digest(["call", key])
        journal.trail = self.call_id, self.round


def task_mark(task_id: str) -> str:
    """Names a task in records; the id itself lets whoever knows it ask for the task's result."""
    return digest(["task", task_id])
