"""How a call ends: with a result, or with an error."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from lambent.errors import ProtocolError
from lambent.wire.results import Result


class Outcome(msgspec.Struct, frozen=True):
    """The end of a call; exactly one of ``result`` and ``error`` is set.

    Attributes:
        result: what the client is given.
        error: why it is given nothing: a code, a message, an HTTP status and headers.
    """

    result: Result | None = None
    error: ProtocolError | None = None

    @property
    def status(self) -> int:
        """The HTTP status."""
        return 200 if self.error is None else self.error.status

    @property
    def headers(self) -> Mapping[str, str]:
        """Further HTTP headers, names in lower case."""
        return {} if self.error is None else self.error.headers
