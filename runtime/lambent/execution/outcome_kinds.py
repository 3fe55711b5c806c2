"""The kinds of outcomes, for audit and telemetry: loaded where one of them is on."""

from __future__ import annotations

from typing import Literal

from lambent.execution.execute import AttemptFailed
from lambent.wire.results import CallToolResult, InputRequiredResult, Outcome

OutcomeKind = Literal[
    "ok", "input_required", "tool_error", "error", "denied", "limited", "cancelled", "interrupted"
]

FAILURES: frozenset[OutcomeKind] = frozenset({"tool_error", "error"})
"""The kinds that count as errors: the others are answers, or the caller's doing."""

_OF_STATUS: dict[int, OutcomeKind] = {401: "denied", 403: "denied", 429: "limited", 499: "cancelled"}


def kind_of_refusal(status: int) -> OutcomeKind:
    """The kind of an error with an HTTP status."""
    return _OF_STATUS.get(status, "error")


def kind_of(ended: Outcome | BaseException) -> OutcomeKind:
    """The kind of an outcome, or of what ended an attempt at a task without one.

    ``interrupted``: the attempt goes on in another invocation, or at another worker.
    """
    if isinstance(ended, BaseException):
        return "error" if isinstance(ended, AttemptFailed) else "interrupted"
    if ended.error is not None:
        return kind_of_refusal(ended.error.status)
    if isinstance(ended.result, InputRequiredResult):
        return "input_required"
    if isinstance(ended.result, CallToolResult) and ended.result.is_error is True:
        return "tool_error"
    return "ok"
