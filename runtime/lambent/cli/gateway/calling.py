"""Calling a handler as Lambda's own runtime client does: context, log lines, result, errors."""

from __future__ import annotations

import json
import logging
import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Final

from lambent.cli.app_ref import AppImportError, Handler
from lambent.cli.gateway.context import LambdaContext
from lambent.cli.gateway.frames import InvocationFrame
from lambent.cli.gateway.streaming import OnPart
from lambent.execution.log_records import traceback_text
from lambent.hosts.telemetry.call_log import NAME
from lambent.wire.payloads import is_escaped

# Frames of a traceback from these files are not the app's.
_OWN_FILES: Final = (str(Path(__file__).parent.parent) + os.sep, "<frozen importlib")


class HandlerError(Exception):
    """The handler raised, or its result cannot be encoded as JSON.

    Attributes:
        kind: The name of the error's class.
        text: The lines for the log.
    """

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(kind)
        self.kind = kind
        self.text = text


class LambdaFormatter(logging.Formatter):
    """Lambda's text log format: level, time in UTC, request id, message."""

    request_id = ""

    def __init__(self) -> None:
        layout = "[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(aws_request_id)s\t%(message)s"
        super().__init__(layout, "%Y-%m-%dT%H:%M:%S")
        self.converter = time.gmtime

    def format(self, record: logging.LogRecord) -> str:
        """The line of a record.

        Args:
            record: The record.

        Returns:
            The line.
        """
        record.aws_request_id = self.request_id
        return super().format(record)


def install_log_handler() -> LambdaFormatter:
    """Put a handler on the root logger that writes to standard error.

    Lambda's runtime has one there before the app is imported, so an app that only sets a level gets its
    records written.

    Returns:
        Its formatter, which needs the id of each invocation.
    """
    formatter = LambdaFormatter()
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    logging.getLogger().addHandler(handler)
    return formatter


class CallLines(logging.Handler):
    """Keeps the lines of the MCP calls of an invocation for the gateway, which shows them."""

    def __init__(self) -> None:
        super().__init__()
        self._lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a line.

        Args:
            record: The line.
        """
        self._lines.append(record.getMessage())

    def take(self) -> list[str]:
        """Take out what there is.

        Returns:
            The lines, oldest first.
        """
        taken, self._lines = self._lines, []
        return taken


def install_call_handler() -> CallLines:
    """Put a handler on the logger of MCP calls, whose records then go nowhere else.

    Returns:
        The handler.
    """
    lines, log = CallLines(), logging.getLogger(NAME)
    log.addHandler(lines)
    log.propagate = False
    return lines


def call(
    handler: Handler,
    event: Any,
    invocation: InvocationFrame,
    formatter: LambdaFormatter,
    client_context: Mapping[str, Any] | None = None,
    on_part: OnPart | None = None,
) -> bytes:
    """Call a handler once.

    Args:
        handler: The handler.
        event: The event.
        invocation: The ids of the invocation, and its deadline.
        formatter: Writes the log lines of the invocation.
        client_context: What the caller has sent along.
        on_part: Takes the parts of a response that is streamed; None where it has to be whole.

    Returns:
        What it returned, as JSON.

    Raises:
        HandlerError: It raised, or returned what is not JSON.
    """
    os.environ["_X_AMZN_TRACE_ID"] = invocation.trace_id
    formatter.request_id = invocation.request_id
    try:
        context = LambdaContext(invocation, os.environ, client_context)
        if on_part is not None:
            context.stream_to(on_part)
        result = handler(event, context)
    except Exception as error:
        raise HandlerError(type(error).__name__, describe(error)) from error
    try:
        is_ascii = is_escaped(os.environ.get("AWS_EXECUTION_ENV"))
        return json.dumps(result, ensure_ascii=is_ascii, allow_nan=False).encode()
    except Exception as error:
        text = f"Runtime.MarshalError: unable to marshal response: {error}\n"
        raise HandlerError(type(error).__name__, text) from error


def describe(error: BaseException) -> str:
    """The traceback of an error, from the app's first line on; of a handler that is not there a sentence.

    Args:
        error: The error.

    Returns:
        The lines.
    """
    if isinstance(error, AppImportError):
        return f"{error}\n"
    trace: TracebackType | None = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename.startswith(_OWN_FILES):
        trace = trace.tb_next
    return traceback_text(error, trace)
