"""How a tool may become a task."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest
from tests.support import make_server

from lambent import DeclarationError, RetryableError, TaskPolicy, ToolError
from lambent.features.tasks import EXTENSION


def test_the_extensions_name() -> None:
    assert EXTENSION == "io.modelcontextprotocol/tasks"


def test_what_a_policy_says_by_default() -> None:
    policy = TaskPolicy()
    assert (policy.support, policy.max_attempts, policy.retry_on) == ("optional", 3, ())
    assert (policy.ttl, policy.poll_interval) == (timedelta(hours=1), timedelta(seconds=1))
    # API Gateway gives up after 29 seconds.
    assert timedelta(0) < policy.inline < timedelta(seconds=29)


def test_a_policy_does_not_change() -> None:
    with pytest.raises(AttributeError):
        TaskPolicy().max_attempts = 7  # type: ignore[misc]


def test_retryable_errors_are_always_transient() -> None:
    assert TaskPolicy().transient == (RetryableError,)
    assert TaskPolicy(retry_on=(OSError, LookupError)).transient == (RetryableError, OSError, LookupError)
    assert issubclass(RetryableError, ToolError)


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"support": "always"}, "support"),
        ({"support": True}, "support"),
        ({"max_attempts": 0}, "max_attempts"),
        ({"max_attempts": -1}, "max_attempts"),
        ({"ttl": timedelta(0)}, "ttl"),
        ({"ttl": timedelta(seconds=-1)}, "ttl"),
        ({"poll_interval": timedelta(0)}, "poll_interval"),
        ({"inline": timedelta(0)}, "inline"),
    ],
)
def test_policies_that_no_task_could_keep(fields: dict[str, Any], named: str) -> None:
    with pytest.raises(DeclarationError, match=named):
        TaskPolicy(**fields)


def test_fields_are_named() -> None:
    with pytest.raises(TypeError):
        TaskPolicy("optional")  # type: ignore[call-arg]


def test_a_tool_keeps_its_policy() -> None:
    mcp = make_server()
    policy = TaskPolicy(support="required")

    @mcp.tool(task=policy)
    def with_policy() -> None: ...

    @mcp.tool(task=True)
    def by_default() -> None: ...

    @mcp.tool()
    def plain() -> None: ...

    tools = mcp.freeze().tools
    assert tools["with_policy"].task is policy
    assert (tools["by_default"].task, tools["plain"].task) == (TaskPolicy(), None)


def test_a_policy_can_be_varied() -> None:
    assert msgspec.structs.replace(TaskPolicy(max_attempts=2), support="auto") == TaskPolicy(
        support="auto", max_attempts=2
    )
