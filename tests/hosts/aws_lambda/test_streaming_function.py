"""A server in a process of its own: the same bytes under both clients, and streams under ours."""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.artifact.runtime_api import Said
from tests.hosts.aws_lambda.events import Sent, function_url, http_api, rest_api
from tests.hosts.aws_lambda.runtime_client.functions import CLIENTS, OURS, running
from tests.hosts.aws_lambda.test_streaming import messages_of
from tests.support import SECRET, dumps, headers_of, message

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="awslambdaric is for Linux")

SERVER = """
    import pathlib
    import time
    from lambent import Context, MCPServer

    mcp = MCPServer("shop", version="1")

    @mcp.tool()
    def count(to: int, gate: str, ctx: Context) -> list[str]:
        for number in range(to):
            ctx.report_progress(number, to, "\u00e9")
            while gate and not pathlib.Path(gate).exists():
                time.sleep(0.01)
        return ["\u00e9 \U0001f600"] * to

    handler = mcp.lambda_handler()
"""
STREAM = {"LAMBENT_RESPONSE_MODE": "stream"}
VARIABLES = {"LAMBENT_STATE_KEYS": SECRET, "AWS_EXECUTION_ENV": "AWS_Lambda_python3.13"}


def counting(to: int, gate: str = "") -> Sent:
    body = message("tools/call", {"name": "count", "arguments": {"to": to, "gate": gate}}, progressToken="t")
    return Sent(headers=tuple(headers_of(body).items()), body=dumps(body))


def responses(folder: Path, client: str, events: list[Any], more: Mapping[str, str]) -> list[Said]:
    with running(folder, SERVER, client, variables={**VARIABLES, **more}) as environment:
        environment.wait_ready()
        return [environment.wait_for_response(environment.begin(event)) for event in events]


def test_the_same_bytes_under_both_clients_and_streamed(tmp_path: Path) -> None:
    listed = message("tools/list")
    requests = [
        counting(3),
        Sent(headers=tuple(headers_of(listed).items()), body=dumps(listed)),
        Sent(method="PUT"),
    ]
    events = [kind(request) for request in requests for kind in (function_url, rest_api, http_api)]
    managed, ours = (responses(tmp_path, client, events, {}) for client in CLIENTS)
    assert [said.body for said in ours] == [said.body for said in managed]
    streamed = responses(tmp_path, OURS, events, STREAM)
    for event, one, other in zip(events, managed, streamed, strict=True):
        if "execute-api" in event["requestContext"]["domainName"] and "httpMethod" not in event:
            assert other.body == one.body
            continue
        head, _, body = other.body.partition(bytes(8))
        buffered = json.loads(one.body)
        assert body.decode() == buffered["body"]
        assert json.loads(head)["statusCode"] == buffered["statusCode"]
        assert other.headers["content-type"] == "application/vnd.awslambda.http-integration-response"


@pytest.mark.parametrize("kind", [function_url, rest_api])
def test_progress_arrives_while_the_tool_runs(tmp_path: Path, kind: Any) -> None:
    gate = tmp_path / "gate"
    with running(tmp_path, SERVER, variables={**VARIABLES, **STREAM}) as environment:
        environment.wait_ready()
        request_id = environment.begin(kind(counting(2, str(gate))))
        head, _, first = environment.api.parts.get(timeout=30).partition(bytes(8))
        assert json.loads(head)["headers"]["content-type"] == "text/event-stream"
        assert messages_of(first)[0]["params"]["progress"] == 0
        assert environment.api.parts.empty()
        gate.touch()
        said = environment.wait_for_response(request_id)
        assert [one.get("id") for one in messages_of(said.body.partition(bytes(8))[2])] == [None, None, 1]
        assert said.trailers == {}


def test_a_client_that_has_gone_leaves_the_function_whole(tmp_path: Path) -> None:
    with running(tmp_path, SERVER, variables={**VARIABLES, **STREAM}) as environment:
        environment.wait_ready()
        environment.api.most_parts = 2
        environment.begin(function_url(counting(10**9)))
        environment.api.said.get(timeout=30)
        environment.api.most_parts = sys.maxsize
        said = environment.wait_for_response(environment.begin(function_url(counting(1))))
        assert messages_of(said.body.partition(bytes(8))[2])[-1]["id"] == 1
