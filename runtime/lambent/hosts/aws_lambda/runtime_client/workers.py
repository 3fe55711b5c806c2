"""Lambda Managed Instances: one environment has several invocations at a time, each in a process of its own.

``AWS_LAMBDA_MAX_CONCURRENCY`` says how many. As in the managed runtime, each process initializes the function
for itself, asks for invocations by itself, and serves one at a time, so nothing in memory is shared.

https://docs.aws.amazon.com/lambda/latest/dg/lambda-managed-instances-python-runtime.html
"""

from __future__ import annotations

import os
import select
import socket
import sys
from collections.abc import Callable


def run_workers(count: int, work: Callable[[], object], output_socket: str | None = None) -> int:
    """Fork so many processes, and wait until all of them have ended.

    One that ends is not replaced, as in the managed runtime; standard error says that it has ended.

    Args:
        count: how many.
        work: what each does; it ends the process where it returns.
        output_socket: the path of a socket; what a process writes to standard output and error goes to a
            connection of its own.

    Returns:
        The highest exit code; 128 and the number of the signal for a process that one has ended.
    """
    pids = []
    for _ in range(count):
        if pid := os.fork():
            pids.append(pid)
            continue
        code = 1
        try:
            if output_socket:
                _redirect(output_socket)
            work()
            code = 0
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 1
        except BaseException as error:
            sys.excepthook(type(error), error, error.__traceback__)
        finally:
            sys.stdout.flush()
            os._exit(code)  # what the parent has registered for its end is not this process's to do
    highest, ends = 0, {os.pidfd_open(pid): pid for pid in pids}
    while ends:
        for ended in select.select(list(ends), [], [])[0]:
            code = os.waitstatus_to_exitcode(os.waitpid(ends.pop(ended), 0)[1])
            os.close(ended)
            highest = max(highest, code if code >= 0 else 128 - code)
            left = f"{len(ends)} of {count} are left"
            sys.stderr.write(f"A process of the function has ended with {code}, {left}\n")
    return highest


def _redirect(path: str) -> None:
    for descriptor in (1, 2):
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.connect(path)
            os.dup2(connection.fileno(), descriptor)
