"""Failures that nobody anticipated: the log gets everything, the client a reference to it."""

from __future__ import annotations

import logging
import os

from lambent.wire.judge import Request

_log = logging.getLogger("lambent")


def report(error: BaseException, request: Request | None = None) -> str:
    """Log an exception with its traceback.

    Returns:
        A reference that stands in the log and may be shown to the client.
    """
    reference = os.urandom(6).hex()
    what = f"{request.method} (id {request.id!r})" if request is not None else "A request"
    _log.error("%s failed, reference %s", what, reference, exc_info=error)
    return reference
