"""The kinds of outcomes."""

import pytest

from lambent.errors import (
    DeadlineReached,
    HttpRefusal,
    InternalError,
    InvalidParamsError,
    ProtocolError,
)
from lambent.execution.durable.records import LeaseLost
from lambent.execution.execute import AttemptFailed
from lambent.execution.outcome_kinds import FAILURES, kind_of
from lambent.wire.results import CallToolResult, EmptyResult, InputRequiredResult, Outcome


@pytest.mark.parametrize(
    ("ended", "kind"),
    [
        (Outcome(EmptyResult()), "ok"),
        (Outcome(CallToolResult(content=[])), "ok"),
        (Outcome(CallToolResult(content=[], is_error=False)), "ok"),
        (Outcome(CallToolResult(content=[], is_error=True)), "tool_error"),
        (Outcome(InputRequiredResult()), "input_required"),
        (Outcome(error=InternalError("x")), "error"),
        (Outcome(error=InvalidParamsError("x")), "error"),
        (Outcome(error=HttpRefusal(401, "x")), "denied"),
        (Outcome(error=HttpRefusal(403, "x")), "denied"),
        (Outcome(error=HttpRefusal(429, "x")), "limited"),
        (Outcome(error=ProtocolError("The client is gone", status=499)), "cancelled"),
        (AttemptFailed("x"), "error"),
        (DeadlineReached(), "interrupted"),
        (LeaseLost(), "interrupted"),
        (KeyboardInterrupt(), "interrupted"),
    ],
)
def test_kinds(ended: Outcome | BaseException, kind: str) -> None:
    assert kind_of(ended) == kind
    assert (kind in FAILURES) is (kind in ("error", "tool_error"))
