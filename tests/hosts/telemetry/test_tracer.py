"""``LAMBENT_TRACER``: the subsegments that X-Ray gets, in a process that believes to be Lambda's."""

import json
import os
import subprocess
import sys
from typing import Any

import pytest

CALLS = """
import json, sys
from aws_xray_sdk.core import xray_recorder
from tests.support import EVERYTHING, Client, make_server
from lambent import Context, HttpRefusal, Settings, ToolError


class Emitter:
    def send_entity(self, entity):
        print(entity.serialize())

    def set_daemon_address(self, address):
        pass


def refuse(call, following):
    if call.method == "prompts/list":
        raise HttpRefusal(403, "the secret")
    if call.method == "resources/list":
        raise HttpRefusal(429, "the secret")
    if call.method == "resources/templates/list":
        raise ValueError("the secret")
    return following(call)


xray_recorder._emitter = Emitter()
mcp = make_server(middleware=[refuse])
mcp.prompt("greet")(lambda: "Hello")
mcp.resource("shop://all")(lambda: "all")


@mcp.tool()
def add(a: int, b: int) -> int:
    return a + b


@mcp.tool()
def fail() -> None:
    raise ToolError("the secret")


@mcp.tool()
def ask(ctx: Context) -> str:
    return ctx.elicit("Sure?", {"type": "object", "properties": {}}, key="sure").result().action


client = Client(mcp.lambda_handler(Settings(tracer=True, in_lambda=True, state_keys=("x" * 32,))))
client.call("add", {"a": 1, "b": 2})
client.call("fail")
client.call("ask", capabilities=EVERYTHING)
client.call("the secret")
for method in ("prompts/list", "resources/list", "resources/templates/list", "the secret/method"):
    client.request(method)
"""

LAMBDA = {
    "LAMBDA_TASK_ROOT": "/var/task",
    "_X_AMZN_TRACE_ID": "Root=1-5e66d96f-7491f09a12b379d18acf3d05;Parent=53995c3f42cd8ad8;Sampled=1",
}


def recorded(**variables: str) -> tuple[list[dict[str, Any]], str]:
    environment = {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), **variables}
    done = subprocess.run(
        [sys.executable, "-c", CALLS],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()], done.stdout + done.stderr


FLAGS = ("fault", "error", "throttle")


def test_each_call_is_a_subsegment() -> None:
    segments, output = recorded(**LAMBDA)
    found = [(one["name"], one["annotations"], {flag for flag in FLAGS if one.get(flag)}) for one in segments]

    def annotations(method: str, outcome: str, **tool: str) -> dict[str, str]:
        return {"method": method, "outcome": outcome, **tool}

    assert found == [
        ("tools/call add", annotations("tools/call", "ok", tool="add"), set()),
        ("tools/call fail", annotations("tools/call", "tool_error", tool="fail"), {"fault"}),
        ("tools/call ask", annotations("tools/call", "input_required", tool="ask"), set()),
        ("tools/call", annotations("tools/call", "error"), {"error"}),
        ("prompts/list", annotations("prompts/list", "denied"), {"error"}),
        ("resources/list", annotations("resources/list", "limited"), {"error", "throttle"}),
        ("resources/templates/list", annotations("resources/templates/list", "error"), {"fault"}),
        ("_OTHER", annotations("_OTHER", "error"), {"error"}),
    ]
    assert {(one["trace_id"], one["parent_id"]) for one in segments} == {
        ("1-5e66d96f-7491f09a12b379d18acf3d05", "53995c3f42cd8ad8")
    }
    assert all("cause" not in one and "metadata" not in one for one in segments)
    assert "the secret" not in json.dumps(segments)
    assert "lost" not in output


@pytest.mark.parametrize(
    "variables",
    [
        {},  # outside of Lambda
        {**LAMBDA, "POWERTOOLS_TRACE_DISABLED": "1"},
        {**LAMBDA, "_X_AMZN_TRACE_ID": "Root=1-5e66d96f-7491f09a12b379d18acf3d05"},  # as in lambent dev
        {**LAMBDA, "_X_AMZN_TRACE_ID": LAMBDA["_X_AMZN_TRACE_ID"].replace("Sampled=1", "Sampled=0")},
    ],
)
def test_where_nothing_is_sampled_calls_are_answered(variables: dict[str, str]) -> None:
    segments, output = recorded(**variables)
    assert segments == []
    assert "lost" not in output
