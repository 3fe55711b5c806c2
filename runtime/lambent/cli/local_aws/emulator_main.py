"""The process of the emulator: `python -P emulator_main.py LISTENER PIPE`, numbers of inherited sockets.

It serves MiniStack on the listener, and ends when the other end of the pipe is closed, as it is when the
parent process has ended. Run by its path, so that no other module of this package is imported.
"""

from __future__ import annotations

import asyncio
import importlib
import os
import socket
import sys
import threading
from typing import Any


def main(arguments: list[str], **settings: Any) -> int:
    """Serve until the pipe is closed.

    Args:
        arguments: The number of the listening socket, and that of the pipe.
        settings: Of hypercorn, besides those set here.

    Returns:
        The exit status; usually the process ends with the pipe before.
    """
    listener, descriptor = arguments
    pipe = socket.socket(fileno=int(descriptor))
    threading.Thread(target=_end_with, args=(pipe,), name="pipe", daemon=True).start()

    # The server of the `ministack` command, which cannot use a socket that is already open.
    from hypercorn.asyncio import serve
    from hypercorn.config import Config

    config = Config()
    config.bind = [f"fd://{listener}"]
    config.loglevel = "ERROR"
    config.keep_alive_timeout = 75
    for name, value in settings.items():
        setattr(config, name, value)
    app = importlib.import_module("ministack.app").app
    asyncio.run(serve(app, config))
    return 0


def _end_with(pipe: socket.socket) -> None:
    while pipe.recv(1):
        pass
    # At once: it has no data to save.
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
