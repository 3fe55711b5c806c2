"""``check`` functions of events where processes share a Redis: a message has one of them ask upstreams.

In Lambda a schedule of EventBridge does that.
"""

from __future__ import annotations

import contextlib

from lambent.execution.call import Services
from lambent.hosts.aws_lambda.check_events import CheckFailedError, run_checks
from lambent.hosts.live import LiveInvocation
from lambent.hosts.shared_work import SharedWork

CHECK = "check"
"""The message; those about deliveries begin with other words."""

_CHECK_SECONDS = 60.0
"""How often one of the processes that serve sends it; workers have an option for that."""


def share_checks(queue: SharedWork, services: Services) -> None:
    """Have those who work the queue of deliveries ask upstreams too.

    Args:
        queue: with what delivers.
        services: of the server, with event types that a schedule checks.
    """
    deliver = queue.work

    def work(message: str) -> None:
        if message != CHECK:
            deliver(message)
            return
        with queue.invocation() as invocation:
            check_upstreams(services, invocation)

    queue.work = work
    queue.regular = (*queue.regular, (CHECK, _CHECK_SECONDS))


def check_upstreams(services: Services, invocation: LiveInvocation) -> None:
    """Ask the upstreams of all event types, each once; of what has failed the log tells.

    Args:
        services: of the server.
        invocation: has the functions called.
    """
    invocation.lease_seconds = None  # nobody renews the lease of a check
    with contextlib.suppress(CheckFailedError):  # the next message has it tried again
        run_checks({}, services, invocation)
