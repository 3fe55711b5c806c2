"""``LAMBENT_METRICS``: the lines of CloudWatch's embedded metric format."""

import json
import threading
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from tests.execution.durable.tasks.harness import World, task_server, worlds
from tests.support import EVERYTHING, SETTINGS, Client, make_server

from lambent import Call, Context, HttpRefusal, MCPServer, RetryableError, Settings, TaskPolicy, ToolError
from lambent.hosts.telemetry.metrics import metrics_observer

Serve = Callable[..., Client]
Capture = pytest.CaptureFixture[str]
world = pytest.fixture(worlds)

ON = msgspec.structs.replace(SETTINGS, metrics="Shop/MCP", in_lambda=True)
COUNT, MILLISECONDS = "Count", "Milliseconds"


def shop(name: str = "shop", **options: Any) -> MCPServer:
    mcp = MCPServer(name, **options)

    @mcp.tool()
    def add(a: int, b: int) -> int:
        return a + b

    @mcp.tool()
    def fail() -> None:
        raise ToolError("the secret")

    @mcp.tool()
    def ask(ctx: Context) -> str:
        return ctx.elicit("Sure?", {"type": "object", "properties": {}}, key="sure").result().action

    return mcp


def lines(capture: Capture) -> list[dict[str, Any]]:
    written = [json.loads(line) for line in capture.readouterr().out.splitlines()]
    for line in written:
        (latency,) = line["Latency"]
        assert 0 < latency < 60_000
        line["Latency"] = [0]
        del line["_aws"]["Timestamp"]
    return written


def test_a_call_is_one_line(serve: Serve, capsys: Capture) -> None:
    client = serve(shop(), ON)
    client.call("add", {"a": 1, "b": 2})
    assert lines(capsys) == [
        {
            "_aws": {
                "CloudWatchMetrics": [
                    {
                        "Namespace": "Shop/MCP",
                        "Dimensions": [["service", "method"], ["service", "method", "tool"]],
                        "Metrics": [
                            {"Name": "Calls", "Unit": COUNT},
                            {"Name": "Errors", "Unit": COUNT},
                            {"Name": "Latency", "Unit": MILLISECONDS},
                            {"Name": "ColdStarts", "Unit": COUNT},
                        ],
                    }
                ]
            },
            "service": "shop",
            "method": "tools/call",
            "tool": "add",
            "outcome": "ok",
            "Calls": [1.0],
            "Errors": [0.0],
            "Latency": [0],
            "ColdStarts": [1.0],
        }
    ]
    client.request("tools/list")
    (line,) = lines(capsys)
    assert "ColdStarts" not in json.dumps(line)
    assert line["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [["service", "method"]]
    assert (line["method"], line["Calls"], line["Errors"]) == ("tools/list", [1.0], [0.0])


def refuse(status: int) -> Any:
    def middleware(call: Call, following: Any) -> Any:
        raise HttpRefusal(status, "no")

    return middleware


@pytest.mark.parametrize(
    ("tool", "status", "kind", "errors"),
    [
        ("add", None, "tool_error", 1.0),  # without its arguments
        ("fail", None, "tool_error", 1.0),
        ("ask", None, "input_required", 0.0),
        ("add", 401, "denied", 0.0),
        ("add", 403, "denied", 0.0),
        ("add", 429, "limited", 0.0),
        ("add", 500, "error", 1.0),
    ],
)
def test_what_counts_as_an_error(
    serve: Serve, capsys: Capture, tool: str, status: int | None, kind: str, errors: float
) -> None:
    client = serve(shop(middleware=[refuse(status)] if status else ()), ON)
    client.call(tool, capabilities=EVERYTHING)
    (line,) = lines(capsys)
    assert (line["tool"], line["outcome"], line["Errors"]) == (tool, kind, [errors])
    assert "the secret" not in json.dumps(line)


@pytest.mark.parametrize("name", ["nothing", "add\n", "\x1b[31m", "", "x" * 100_000])
def test_names_that_clients_make_up_make_no_metrics(serve: Serve, capsys: Capture, name: str) -> None:
    client = serve(shop(), ON)
    client.call(name)
    client.request("nothing/known")
    by_tool, by_method = lines(capsys)
    assert by_tool["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [["service", "method"]]
    assert by_tool.get("tool") is None
    assert (by_method["method"], by_method["outcome"]) == ("_OTHER", "error")


@pytest.mark.parametrize(
    ("name", "service"), [("Größe\n", "Gr\\xf6\\xdfe?"), (" ", "-"), ("x" * 300, "x" * 256)]
)
def test_cloudwatch_takes_the_dimensions(serve: Serve, capsys: Capture, name: str, service: str) -> None:
    serve(shop(name), ON).request("tools/list")
    (line,) = lines(capsys)
    assert line["service"] == service


@pytest.mark.parametrize(
    ("settings", "cold"),
    [
        ({"in_lambda": True}, [True, False]),
        ({"in_lambda": True, "provisioned": True}, [False, False]),
        ({"in_lambda": False}, [False, False]),
    ],
)
def test_a_cold_start_counts_once(
    serve: Serve, capsys: Capture, settings: dict[str, bool], cold: list[bool]
) -> None:
    client = serve(shop(), msgspec.structs.replace(ON, **settings))
    client.call("fail")
    client.call("fail")
    assert ["ColdStarts" in line for line in lines(capsys)] == cold


def test_copies_of_a_snapshot_have_their_cold_start_before_them(
    serve: Serve, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the snapshot is prepared with is no call."""
    import snapshot_restore_py

    prepared: list[Any] = []
    monkeypatch.setattr(snapshot_restore_py, "register_before_snapshot", lambda *all_: prepared.append(all_))
    monkeypatch.setattr(snapshot_restore_py, "register_after_restore", lambda *_: None)
    client = serve(shop(), msgspec.structs.replace(ON, snap_start=True))
    ((prime, *arguments),) = prepared
    prime(*arguments)
    assert lines(capsys) == []
    client.call("fail")
    (line,) = lines(capsys)
    assert line["ColdStarts"] == [1.0]


def test_a_line_that_cannot_be_written_fails_no_call(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: Any, **__: Any) -> Any:
        raise OSError("the secret")

    client = serve(shop(), ON)
    monkeypatch.setattr("lambent.hosts.telemetry.metrics.EphemeralMetrics", broken)
    assert client.call("add", {"a": 1, "b": 2}).value == 3
    assert [record.getMessage() for record in caplog.records] == ["Telemetry of a call is lost: OSError"]


def test_calls_of_several_threads_write_whole_lines(serve: Serve, capsys: Capture) -> None:
    client = serve(shop(), ON)
    threads = [threading.Thread(target=client.call, args=("fail",)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    written = lines(capsys)
    assert len(written) == 8
    assert sum("ColdStarts" in line for line in written) == 1


def test_attempts_at_tasks_are_calls(world: Callable[..., World], capsys: Capture) -> None:
    mcp = task_server(observers=[metrics_observer(ON, "s")])
    ran: list[int] = []

    def build() -> str:
        ran.append(1)
        if len(ran) == 1:
            raise RetryableError("later")
        return "done"

    mcp.tool("build", task=TaskPolicy())(build)
    here = world(mcp)
    task_id = here.client.start("build")
    here.run_all()
    assert here.client.status(task_id) == "completed"
    assert [(line["method"], line.get("tool"), line["outcome"]) for line in lines(capsys)] == [
        ("tools/call", "build", "ok"),  # which made the task
        ("tools/call", "build", "error"),
        ("tools/call", "build", "ok"),
        ("tasks/get", None, "ok"),
    ]


def test_without_the_setting_nothing_is_written(serve: Serve, capsys: Capture) -> None:
    serve(make_server(), Settings()).request("tools/list")
    assert capsys.readouterr().out == ""
