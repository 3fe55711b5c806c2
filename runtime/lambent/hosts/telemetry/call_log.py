"""``LAMBENT_CALL_LOG``: one line a call in the log; ``lambent dev`` turns it on and shows it."""

from __future__ import annotations

import logging

from lambent.execution.call import Call
from lambent.execution.log_records import logger
from lambent.execution.middleware import Observer
from lambent.execution.outcome_kinds import OutcomeKind
from lambent.hosts.telemetry.reporting import timed

NAME = "lambent.calls"
"""The logger of these lines."""

_LENGTH = 100
"""Characters of a name that a line shows."""


def call_log_observer() -> Observer:
    """Log the method, the tool or prompt, the outcome, the principal and the duration of each call."""
    log = logger(NAME)
    if log.level == logging.NOTSET:  # Lambda's root logger shows warnings only
        log.setLevel(logging.INFO)

    def write(call: Call, kind: OutcomeKind, milliseconds: float) -> None:
        # The URI of a resource may have somebody's data in it.
        name = call.name if call.method in ("tools/call", "prompts/get") else None
        what = f"{call.method} {name}" if name is not None else call.method
        who = "anonymous" if call.principal is None else call.principal.subject
        text = f"{what[:_LENGTH]}{' as a task' if call.is_task else ''}: {kind}, {who[:_LENGTH]}"
        log.info("%s, %s ms", text, f"{milliseconds:.1f}")

    return timed(write)
