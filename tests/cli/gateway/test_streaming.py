"""Responses in parts, from a server of this library to a client of the gateway."""

import http.client
import json

import pytest

pytest.importorskip("uvicorn")

from lambent.cli.gateway.background import Gateway
from lambent.cli.gateway.streaming import split_head

SERVER = """
from pathlib import Path
import time

from lambent import Context, MCPServer

mcp = MCPServer("shop")


@mcp.tool()
def wait(ctx: Context) -> str:
    ctx.report_progress(1, 2, "half")
    while not Path(__file__).with_name("go").exists():
        time.sleep(0.005)
    return "done"


handler = mcp.lambda_handler()
"""
META = {
    "progressToken": "t",
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": {},
}
CALL = {"name": "wait", "arguments": {}, "_meta": META}
HEADERS = {
    "Content-Type": "application/json",
    "Accept": "application/json, text/event-stream",
    "MCP-Protocol-Version": "2026-07-28",
    "Mcp-Method": "tools/call",
    "Mcp-Name": "wait",
}


@pytest.mark.parametrize("kind", ["function-url", "rest"])
def test_progress_arrives_while_the_tool_runs(kind, tmp_path):
    app = tmp_path / "app.py"
    app.write_text(SERVER)
    stream = {"LAMBENT_RESPONSE_MODE": "stream"}
    with Gateway(app, kind=kind, env=stream, log=tmp_path / "gateway.log") as running:
        connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=30)
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": CALL})
        connection.request("POST", "/mcp", body, HEADERS)
        response = connection.getresponse()
        assert response.getheader("content-type") == "text/event-stream"
        first = response.read1(10_000)
        assert b'"message":"half"' in first
        assert b'"result"' not in first
        (tmp_path / "go").touch()
        assert b'"text":"done"' in response.read()
        connection.close()


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b"", None),
        (b"{}" + bytes(7), None),
        (b"{}" + bytes(8), (b"{}", b"")),
        (b"{}" + bytes(9), (b"{}", b"\0")),
    ],
)
def test_the_end_of_the_head(data, found):
    assert split_head(data) == found
