"""Limits as they are declared."""

import math
from typing import Any

import pytest
from tests.support import make_server

import lambent
from lambent import DeclarationError, Limits, RateLimit


@pytest.mark.parametrize("calls", [0, -1, 1.5, "5", True, None])
def test_calls_are_a_positive_whole_number(calls: Any) -> None:
    with pytest.raises(DeclarationError, match=r"^calls must be a whole number, 1 or more, not"):
        RateLimit(calls=calls, per=60)


@pytest.mark.parametrize("burst", [0, -1, 1.5, "5", True])
def test_a_burst_is_a_positive_whole_number(burst: Any) -> None:
    with pytest.raises(DeclarationError, match=r"^burst must be a whole number, 1 or more, not"):
        RateLimit(calls=1, per=60, burst=burst)


@pytest.mark.parametrize("per", [0, -1, math.inf, math.nan, "60", None])
def test_the_time_is_positive(per: Any) -> None:
    with pytest.raises(DeclarationError, match=r"^per must be a number of seconds, more than 0, not"):
        RateLimit(calls=1, per=per)


@pytest.mark.parametrize("tasks", [0, -1, 1001, 1.5, "5", True])
def test_tasks_are_a_number_that_one_item_can_hold(tasks: Any) -> None:
    with pytest.raises(DeclarationError, match=r"^tasks must be a whole number from 1 to 1000, not"):
        Limits(tasks=tasks)


def test_as_many_calls_may_come_at_once_as_in_the_whole_time_unless_told_otherwise() -> None:
    assert RateLimit(calls=30, per=60).most == 30
    assert RateLimit(calls=30, per=60, burst=5).most == 5


def test_a_tool_has_the_limit_that_it_was_declared_with() -> None:
    mcp = make_server()
    limit = RateLimit(calls=1, per=1)

    @mcp.tool(limit=limit)
    def dear() -> None: ...

    @mcp.tool()
    def cheap() -> None: ...

    assert [tool.limit for tool in mcp.freeze().tools.values()] == [limit, None]
    assert mcp.freeze().has_limits


def test_the_package_has_no_other_late_names() -> None:
    with pytest.raises(AttributeError, match="module 'lambent' has no attribute 'Limit'"):
        _ = lambent.Limit  # type: ignore[attr-defined]
