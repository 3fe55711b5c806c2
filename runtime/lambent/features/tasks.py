"""How calls of a tool become tasks (extension ``io.modelcontextprotocol/tasks``, SEP-2663)."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

import msgspec

from lambent.errors import DeclarationError, RetryableError

EXTENSION = "io.modelcontextprotocol/tasks"


class TaskPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """How a tool's calls become tasks.

    Attributes:
        support: ``"optional"``: a task for clients that declare the extension, inline for the others;
            ``"required"``: clients without it are refused; ``"auto"``: inline at first, and a task when the
            call takes longer than ``inline`` or than the invocation lasts.
        ttl: how long after its creation a task and its result can be read.
        poll_interval: how often clients should ask.
        max_attempts: how often a worker may try before the task fails.
        retry_on: exceptions after which another attempt makes sense, besides ``RetryableError``.
        inline: with ``"auto"``, how long a call may take before it is handed over. API Gateway gives up after
            29 seconds.
    """

    support: Literal["optional", "required", "auto"] = "optional"
    ttl: timedelta = timedelta(hours=1)
    poll_interval: timedelta = timedelta(seconds=1)
    max_attempts: int = 3
    retry_on: tuple[type[Exception], ...] = ()
    inline: timedelta = timedelta(seconds=20)

    def __post_init__(self) -> None:
        """Refuse values that cannot work."""
        if self.support not in ("optional", "required", "auto"):
            raise DeclarationError(f"support must be 'optional', 'required' or 'auto', not {self.support!r}")
        if self.max_attempts < 1:
            raise DeclarationError(f"max_attempts must be 1 or more, not {self.max_attempts}")
        for name in ("ttl", "poll_interval", "inline"):
            if getattr(self, name) <= timedelta(0):
                raise DeclarationError(f"{name} must be longer than zero")

    @property
    def transient(self) -> tuple[type[Exception], ...]:
        """The exceptions after which another attempt makes sense."""
        return (RetryableError, *self.retry_on)
