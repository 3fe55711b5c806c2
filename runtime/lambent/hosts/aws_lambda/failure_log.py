"""Failures of what is no request, in the log."""

from __future__ import annotations

import logging
from typing import Any

from lambent.hosts.aws_lambda.events import UnknownEventError


def log_failure(log: logging.Logger, error: BaseException, text: str, *arguments: Any) -> None:
    """Log a failure with its traceback, but not that the handler had found no HTTP event before."""
    inner = error
    while (context := inner.__context__) is not None:
        if isinstance(context, UnknownEventError):
            inner.__context__ = None
            break
        inner = context
    log.error(text, *arguments, exc_info=error)
