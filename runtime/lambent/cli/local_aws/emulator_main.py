"""The process that is AWS: `python -P emulator_main.py LISTENER PIPE`, numbers of inherited sockets.

It serves MiniStack on the listener, and ends when the other end of the pipe is closed: its maker is gone
then, however that happened. Run by its path, so that nothing of this package has to be imported first.
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
        The exit status, which nobody gets to see: the process ends with the pipe.
    """
    listener, descriptor = arguments
    pipe = socket.socket(fileno=int(descriptor))
    threading.Thread(target=_end_with, args=(pipe,), name="pipe", daemon=True).start()

    # What `ministack` itself serves with; run as a command it would insist on opening the port itself.
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
    # At once: everything is in memory, and nothing of it is wanted any more.
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
