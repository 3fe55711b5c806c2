"""What a server wants of its audit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import msgspec

from lambent.errors import DeclarationError

if TYPE_CHECKING:
    from lambent.execution.ports import AuditSink

ArgumentPolicy = Literal["digest", "redacted", "full"]
POLICIES: tuple[ArgumentPolicy, ...] = ("digest", "redacted", "full")


class Audit(msgspec.Struct, frozen=True):
    """Where audit records go, and what they say of arguments. What is None is as the settings say.

    Attributes:
        sinks: objects with ``write(record)``, or ``"log"``, ``"eventbridge:<bus>"``, ``"firehose:<stream>"``,
            ``"dynamodb:<table>"``, ``"dynamodb"`` for the table of the server. Default: ``LAMBENT_AUDIT``,
            else the log.
        arguments: ``digest``: a keyed hash of them. ``redacted``: their names. ``full``: names and values.
            Parameters that are sensitive are shown under none of these. Default: ``LAMBENT_AUDIT_ARGUMENTS``,
            else ``digest``.
        required: a call whose record cannot be written is answered with an error; what it did has taken
            effect. Default: ``LAMBENT_AUDIT_REQUIRED``, else False.

    Raises:
        DeclarationError: there is no such policy, or no sink is named.
    """

    sinks: Sequence[AuditSink | str] | None = None
    arguments: ArgumentPolicy | None = None
    required: bool | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot work."""
        if self.arguments is not None and self.arguments not in POLICIES:
            raise DeclarationError(f"arguments must be one of {', '.join(POLICIES)}, not {self.arguments!r}")
        if self.sinks is not None and (isinstance(self.sinks, str) or not self.sinks):
            raise DeclarationError('sinks must be a list, such as ["log"]')
