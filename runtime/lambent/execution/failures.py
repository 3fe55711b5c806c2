"""Failures that nobody anticipated: the log gets everything, the client a reference to it."""

from __future__ import annotations

import logging
import os
import traceback

from lambent.wire.jsonrpc import RpcMessage
from lambent.wire.judge import Request

_log = logging.getLogger("lambent")


def report(error: BaseException, request: Request | RpcMessage | None = None) -> str:
    """Log an exception with its traceback.

    Args:
        error: what happened.
        request: the request that it happened to, if that is known.

    Returns:
        A reference that stands in the log and may be shown to the client.
    """
    reference = os.urandom(6).hex()
    what = f"{request.method} (id {request.id!r})" if request is not None else "A request"
    text = "".join(traceback.format_exception(error))
    written = text.encode("utf-8", "backslashreplace").decode()
    if written == text:
        _log.error("%s failed, reference %s", what, reference, exc_info=error)
    else:
        # A client's lone surrogates: log handlers that write UTF-8 would fail, and lose the whole record.
        _log.error("%s failed, reference %s\n%s", what, reference, written)
    return reference
