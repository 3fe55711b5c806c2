"""One execution environment: `python -m lambent.cli.gateway.runner FD APP`.

Imports the app once, then serves one invocation at a time over the pipe with the number FD, as Lambda's own
runtime client does. Standard output and error belong to the app.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import queue
import signal
import socket
import sys
import threading
import time
import traceback
from pathlib import Path
from types import TracebackType
from typing import Any, Final

from lambent.cli.app_ref import Handler, parse_app
from lambent.cli.gateway.context import LambdaContext
from lambent.cli.gateway.frames import FrameKind, decode_invocation, encode, read

_Inbox = queue.SimpleQueue[bytes | None]

# How long a process may take to end by itself once the gateway has closed the pipe.
_ORPHAN_SECONDS: Final = 1.0

# The frames of an error's traceback that say nothing about the app.
_OWN_FILES: Final = (str(Path(__file__).parent.parent) + os.sep, "<frozen importlib")


def main(arguments: list[str]) -> int:
    """Serve invocations until the gateway closes the pipe.

    Args:
        arguments: The number of the inherited socket, and the APP reference.

    Returns:
        The exit status: 1 if the app cannot be imported.
    """
    descriptor, text = arguments
    pipe = socket.socket(fileno=int(descriptor))
    # Processes that a tool starts must not keep the pipe open: its end tells that this process is gone.
    pipe.set_inheritable(False)
    os.register_at_fork(after_in_child=pipe.close)
    inbox: _Inbox = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(pipe, inbox), name="gateway-pipe", daemon=True).start()
    formatter = _install_log_handler()

    app = parse_app(text, Path.cwd())
    sys.argv = [text]
    sys.path.insert(0, str(app.folder))
    # The gateway may close the pipe at any time, when it reloads or stops.
    with contextlib.suppress(ConnectionError):
        try:
            handler = app.load()
        except BaseException as error:
            pipe.sendall(encode(FrameKind.IMPORT_FAILED, _describe(error).encode(errors="replace")))
            return 1
        pipe.sendall(encode(FrameKind.READY))
        while (message := inbox.get()) is not None:
            pipe.sendall(_invoke(handler, message, formatter))
    return 0


def _listen(pipe: socket.socket, inbox: _Inbox) -> None:
    # A thread of its own, so that the end of the gateway is noticed in the middle of an invocation.
    try:
        while True:
            _, payload = read(pipe)
            inbox.put(payload)
    except (EOFError, OSError):
        inbox.put(None)
    time.sleep(_ORPHAN_SECONDS)
    if os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)
    os._exit(0)


def _invoke(handler: Handler, message: bytes, formatter: _LambdaFormatter) -> bytes:
    invocation, event = decode_invocation(message)
    os.environ["_X_AMZN_TRACE_ID"] = invocation.trace_id
    formatter.request_id = invocation.request_id
    try:
        result = handler(json.loads(event), LambdaContext(invocation, os.environ))
    except Exception as error:
        return _raised(error, _describe(error))
    try:
        return encode(FrameKind.RETURNED, _to_json(result))
    except Exception as error:
        return _raised(error, f"Runtime.MarshalError: unable to marshal response: {error}\n")
    finally:
        sys.stdout.flush()


def _to_json(result: Any) -> bytes:
    return json.dumps(result, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def _raised(error: Exception, text: str) -> bytes:
    sys.stdout.flush()
    sys.stderr.write(f"[ERROR] {text}")
    sys.stderr.flush()
    return encode(FrameKind.RAISED, type(error).__name__.encode())


def _describe(error: BaseException) -> str:
    trace: TracebackType | None = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename.startswith(_OWN_FILES):
        trace = trace.tb_next
    return "".join(traceback.format_exception(type(error), error, trace))


class _LambdaFormatter(logging.Formatter):
    """Lambda's text log format: level, time in UTC, request id, message."""

    request_id = ""

    def __init__(self) -> None:
        layout = "[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(aws_request_id)s\t%(message)s"
        super().__init__(layout, "%Y-%m-%dT%H:%M:%S")
        self.converter = time.gmtime

    def format(self, record: logging.LogRecord) -> str:
        record.aws_request_id = self.request_id
        return super().format(record)


def _install_log_handler() -> _LambdaFormatter:
    # Lambda's runtime has a handler on the root logger before the app is imported, so an app that only sets a
    # level gets its records out; without one they would be lost here.
    formatter = _LambdaFormatter()
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    logging.getLogger().addHandler(handler)
    return formatter


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
