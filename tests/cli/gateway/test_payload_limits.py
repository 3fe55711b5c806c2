"""The gateway has Lambda's limits, and no server of this library reaches them."""

import json

import pytest
from tests.support import dumps, headers_of, make_server, message

from lambent import Context, Settings
from lambent.cli.app_ref import AppRef
from lambent.cli.gateway.calling import LambdaFormatter, call
from lambent.cli.gateway.frames import InvocationFrame
from lambent.cli.gateway.kinds import KINDS, make_api
from lambent.cli.gateway.launch import Launch
from lambent.cli.gateway.messages import Arrival, FrontEndRequest


@pytest.mark.parametrize("runtime", ["AWS_Lambda_python3.11", "AWS_Lambda_python3.13"])
@pytest.mark.parametrize("character", ["x", '"', "\\", "é", "😀"])
@pytest.mark.parametrize("name", KINDS)
def test_the_library_checks_first(monkeypatch, tmp_path, runtime, character, name):
    for variable, value in Launch(AppRef(tmp_path, "app", "handler"), {}).variables(1).items():
        monkeypatch.setenv(variable, value)
    monkeypatch.setenv("AWS_EXECUTION_ENV", runtime)
    monkeypatch.setenv("_X_AMZN_TRACE_ID", "")
    kind = KINDS[name]
    api = make_api(kind, path="/mcp", stage=None)
    mcp = make_server()

    @mcp.tool()
    def repeat(times: int, ctx: Context) -> str:
        ctx.info(character * 1000)
        return character * times

    handler = mcp.lambda_handler(Settings.from_env())

    def returned(times):
        arguments = {"name": "repeat", "arguments": {"times": times}}
        body = message("tools/call", arguments, logLevel="info")
        headers = tuple(headers_of(body).items())
        request = FrontEndRequest("POST", "/mcp", "", headers, dumps(body).encode(), "127.0.0.1", 80)
        event = kind.event(request, api, Arrival.now())
        payload = call(handler, event, InvocationFrame("id", 2**62, "trace"), LambdaFormatter())
        assert len(payload) <= kind.payload_limit
        assert kind.response(payload, request, api).status == 200
        return payload

    none = len(returned(0))
    each = (len(returned(1000)) - none) // 1000
    most = (kind.payload_limit - none) // each
    outcomes = [b"isError" in returned(times) for times in (most, most + 1400)]
    assert outcomes == [False, True]
    assert json.loads(returned(2 * most))["statusCode"] == 200
