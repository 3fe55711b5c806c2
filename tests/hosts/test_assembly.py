"""What a host tells when it is made, and not at the first call."""

import sys
from typing import Any

import pytest
from tests.support import SECRET, Client, make_handler, make_server

from lambent import ConfigurationError, Context, Idempotency, Session, Settings, TaskPolicy

GONE = (
    "Tasks, sessions, idempotent calls and events are in the memory of this process: gone when it ends or "
    "reloads, and unknown to other environments"
)
REQUIRED = TaskPolicy(support="required")
IN_LAMBDA: dict[str, Any] = {"state_keys": (SECRET,), "in_lambda": True}


def refusal(settings: Settings, **options: Any) -> str:
    """Why a handler with one tool cannot be made."""
    mcp = make_server()

    @mcp.tool(**options)
    def buy(order: str = "") -> None: ...

    with pytest.raises(ConfigurationError) as caught:
        make_handler(mcp, settings)
    return str(caught.value)


@pytest.mark.parametrize(
    ("options", "why", "needs", "missing"),
    [
        ({"single_use": True}, "uses each request state once", "a table", "LAMBENT_TABLE"),
        (
            {"idempotency": Idempotency(key="order")},
            "is idempotent",
            "a table",
            "LAMBENT_TABLE",
        ),
        (
            {"task": REQUIRED},
            "always runs as a task",
            "a table and a queue",
            "LAMBENT_TABLE and LAMBENT_TASK_QUEUE_URL",
        ),
    ],
)
def test_a_missing_table_is_told_when_the_handler_is_made(
    options: dict[str, Any], why: str, needs: str, missing: str
) -> None:
    assert refusal(Settings(**IN_LAMBDA), **options) == (
        f"The tool 'buy' {why}, so this function needs {needs}: set {missing}"
    )


def test_a_missing_queue_is_told_too() -> None:
    assert refusal(Settings(**IN_LAMBDA, table="items"), task=REQUIRED) == (
        "The tool 'buy' always runs as a task, so this function needs a queue: set LAMBENT_TASK_QUEUE_URL"
    )


def test_every_tool_that_needs_a_table_is_named() -> None:
    mcp = make_server()

    @mcp.tool()
    def add(cart: Session[dict[str, int]], name: str) -> None: ...

    @mcp.tool(single_use=True)
    def buy() -> None: ...

    @mcp.tool()
    def plain() -> None: ...

    with pytest.raises(ConfigurationError) as caught:
        mcp.asgi(Settings(**IN_LAMBDA))
    assert str(caught.value) == (
        "The tool 'add' takes a session and the tool 'buy' uses each request state once, so this function "
        "needs a table: set LAMBENT_TABLE"
    )


def test_tools_that_do_without_a_table_need_none() -> None:
    mcp = make_server()
    mcp.tool("buy", task=True)(lambda: "bought")
    assert Client(make_handler(mcp, Settings(**IN_LAMBDA))).call("buy").text == "bought"
    mcp = make_server()
    mcp.tool("buy", single_use=True)(lambda: "bought")
    make_handler(mcp, Settings(**IN_LAMBDA, table="items"))


def test_elsewhere_a_module_that_makes_its_handler_can_be_imported() -> None:
    mcp = make_server()
    mcp.tool("buy", task=REQUIRED)(lambda: "bought")
    make_handler(mcp, Settings(state_keys=(SECRET,)))


@pytest.mark.parametrize(
    ("settings", "what"),
    [
        ({"state_secret": "ring"}, "LAMBENT_STATE_SECRET"),
        ({"table": "items"}, "The dynamodb resource 'items'"),
        (
            {"table": "items", "task_queue_url": "https://sqs/q", "bucket": "b"},
            "The dynamodb resource 'items'",
        ),
    ],
)
def test_missing_boto3_is_told_when_the_handler_is_made(
    settings: dict[str, str], what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "boto3", None)
    problem = f"{what} needs boto3: install the extra lambent[aws]"
    assert refusal(Settings(**settings)) == problem  # type: ignore[arg-type]


def test_in_memory_is_no_table_and_not_for_lambda() -> None:
    variables = {"LAMBENT_TABLE": "memory:", "AWS_LAMBDA_FUNCTION_NAME": "shop"}
    settings = Settings.from_env(variables)
    assert (settings.table, settings.in_memory, settings.in_lambda) == (None, True, True)
    with pytest.raises(ConfigurationError) as caught:
        Settings.from_env({**variables, "AWS_LAMBDA_RUNTIME_API": "127.0.0.1:9001"})
    assert str(caught.value) == (
        "LAMBENT_TABLE is 'memory:', and environments of Lambda share no memory: name a table"
    )


def test_in_memory_sessions_work_and_are_spoken_of(caplog: pytest.LogCaptureFixture) -> None:
    mcp = make_server()

    @mcp.tool()
    def create(ctx: Context) -> str:
        return ctx.sessions.create({"n": 1})

    @mcp.tool()
    def count(session: Session[dict[str, int]]) -> str:
        session["n"] += 1
        return str(session["n"])

    client = Client(make_handler(mcp, Settings(**IN_LAMBDA, in_memory=True)))
    assert [record.getMessage() for record in caplog.records] == [GONE]
    handle = client.call("create").text
    assert [client.call("count", {"session": handle}).text for _ in range(2)] == ["2", "3"]
