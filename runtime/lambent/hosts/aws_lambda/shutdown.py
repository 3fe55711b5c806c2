"""The end of an execution environment that has an extension: Lambda sends SIGTERM before it kills it."""

from __future__ import annotations

import signal
import sys
import threading
from types import FrameType

from lambent.hosts.aws_lambda.handler import LambdaHandler


def leave_at_end(handler: LambdaHandler) -> None:
    """Have a handler leave its lifespan when the environment ends, unless SIGTERM has a use already."""
    is_main = threading.current_thread() is threading.main_thread()
    if not is_main or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        return

    def end(signum: int, frame: FrameType | None) -> None:
        import asyncio  # of whoever has a lifespan, it is loaded

        if asyncio._get_running_loop() is None:  # else a call runs, and nothing can be waited for
            handler.close()
        sys.exit(0)

    signal.signal(signal.SIGTERM, end)
