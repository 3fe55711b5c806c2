"""Failures that nobody anticipated: the log gets everything, the client a reference to it."""

from __future__ import annotations

import logging
import os

from lambent.wire.judge import Call

_log = logging.getLogger("lambent")


def report(error: BaseException, call: Call | None = None) -> str:
    """Log an exception with its traceback.

    Returns:
        A reference that stands in the log and may be shown to the client.
    """
    reference = os.urandom(6).hex()
    what = f"{call.method} (request {call.id!r})" if call is not None else "Request"
    _log.error("%s failed, reference %s", what, reference, exc_info=error)
    return reference
