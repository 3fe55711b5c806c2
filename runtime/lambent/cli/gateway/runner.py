"""One execution environment: `python -m lambent.cli.gateway.runner FD APP [--show-errors]`.

Imports the app once, then serves one invocation at a time over the pipe with the number FD, as Lambda's own
runtime client does. Standard output and error belong to the app.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import socket
import sys
import threading
import time
from pathlib import Path
from typing import Final

from lambent.cli.app_ref import Handler, parse_app
from lambent.cli.gateway.calling import (
    CallLines,
    HandlerError,
    LambdaFormatter,
    call,
    describe,
    install_call_handler,
    install_log_handler,
)
from lambent.cli.gateway.frames import FrameKind, decode_invocation, encode, read
from lambent.cli.gateway.launch import SHOW_ERRORS
from lambent.errors import ConfigurationError, StoreError
from lambent.execution.failures import show

_Inbox = queue.SimpleQueue[bytes | None]

# How long a process may take to end once the gateway has closed the pipe, before it is killed.
_ORPHAN_SECONDS: Final = 1.0


def main(arguments: list[str]) -> int:
    """Serve invocations until the gateway closes the pipe.

    Args:
        arguments: The number of the inherited socket, the APP reference, and maybe `SHOW_ERRORS`.

    Returns:
        The exit status: 1 if the app cannot be imported.
    """
    descriptor, text, *flags = arguments
    # Always what the developer has to set, and an AWS that does not do what it is asked for.
    show(*([BaseException] if SHOW_ERRORS in flags else [ConfigurationError, StoreError]))
    pipe = socket.socket(fileno=int(descriptor))
    # Child processes must not keep the pipe open: its end shows the gateway that this process has ended.
    pipe.set_inheritable(False)
    os.register_at_fork(after_in_child=pipe.close)
    inbox: _Inbox = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(pipe, inbox), name="gateway-pipe", daemon=True).start()
    formatter, lines = install_log_handler(), install_call_handler()

    app = parse_app(text, Path.cwd())
    sys.argv = [text]
    sys.path.insert(0, str(app.folder))
    # The gateway may close the pipe at any time, when it reloads or stops.
    with contextlib.suppress(ConnectionError):
        try:
            handler = app.load()
        except BaseException as error:
            pipe.sendall(encode(FrameKind.IMPORT_FAILED, describe(error).encode(errors="replace")))
            return 1
        pipe.sendall(encode(FrameKind.READY))
        while (message := inbox.get()) is not None:
            answer = _invoke(handler, message, formatter, pipe)
            pipe.sendall(_calls(lines) + answer)
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


def _calls(lines: CallLines) -> bytes:
    return b"".join(encode(FrameKind.CALL, line.encode(errors="replace")) for line in lines.take())


def _invoke(handler: Handler, message: bytes, formatter: LambdaFormatter, pipe: socket.socket) -> bytes:
    invocation, event = decode_invocation(message)

    def send(part: bytes) -> None:
        pipe.sendall(encode(FrameKind.PART, part))

    try:
        result = call(handler, json.loads(event), invocation, formatter, on_part=send)
        return encode(FrameKind.RETURNED, result)
    except HandlerError as error:
        sys.stdout.flush()
        sys.stderr.write(f"[ERROR] {error.text}")
        sys.stderr.flush()
        return encode(FrameKind.RAISED, error.kind.encode())
    finally:
        sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
