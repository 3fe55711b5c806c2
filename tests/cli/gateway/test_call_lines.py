"""One line a call, from the function in its process to the terminal."""

import json
import re

import pytest

pytest.importorskip("uvicorn")

from tests.support import headers_of, message

from lambent.cli.gateway.background import Gateway

APP = """
from lambent import MCPServer, ToolError

mcp = MCPServer("shop")


@mcp.tool()
def add(a: int, b: int) -> int:
    print("the app's own line")
    return a + b


@mcp.tool()
def fail() -> None:
    raise ToolError("no")


def handler(event, context):
    answer = mcp_handler(event, context)
    if event["rawPath"] == "/raise":
        raise ValueError("after the call")
    return answer


mcp_handler = mcp.lambda_handler()
"""


@pytest.fixture
def lines(tmp_path, call, monkeypatch):
    """Sends requests to a gateway, and gives its lines without the times."""
    for name in ("LAMBENT_MCP_PATH", "LAMBENT_CALL_LOG"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "app.py").write_text(APP)

    def send(*requests, path="", **settings):
        with Gateway(tmp_path / "app.py", log=tmp_path / "gateway.log", **settings) as gateway:
            for body in requests:
                url = gateway.base_url + path if path else gateway.url
                call(url, "POST", json.dumps(body).encode(), headers_of(body))
        text = (tmp_path / "gateway.log").read_text()
        return [
            re.sub(r"\d+\.\d ms", "… ms", line) for line in text.splitlines() if line.startswith("POST")
        ], text

    return send


def tool(name, **arguments):
    return message("tools/call", {"name": name, "arguments": arguments})


def test_the_tool_the_outcome_and_the_principal(lines):
    found, text = lines(tool("add", a=1, b=2), tool("fail"), message("tools/list"))
    start = "POST /mcp 200 … ms environment 1"
    assert found == [
        f"{start} tools/call add: ok, anonymous, … ms",
        f"{start} tools/call fail: tool_error, anonymous, … ms",
        f"{start} tools/list: ok, anonymous, … ms",
    ]
    assert text.count("tools/call add") == 1
    assert "the app's own line" in text


def test_names_of_clients_forge_no_line(lines):
    found, text = lines(tool("\nPOST /mcp 200 1.0 ms forged\x1b[2J"))
    (line,) = found
    assert line == (
        "POST /mcp 400 … ms environment 1 "
        "tools/call \\nPOST /mcp 200 … ms forged\\x1b[2J: error, anonymous, … ms"
    )
    assert "\x1b" not in text


def test_a_request_without_a_call(lines):
    found, _ = lines({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {}})
    assert found == ["POST /mcp 202 … ms environment 1"]


def test_why_a_caller_is_refused(lines):
    keys = {"LAMBENT_API_KEYS": f"ada:{'0' * 64}:"}
    found, _ = lines(tool("add", a=1, b=2), env=keys)
    assert found == ["POST /mcp 401 … ms environment 1 This server needs credentials"]


def test_a_call_of_an_invocation_that_fails_then(lines):
    found, _ = lines(tool("add", a=1, b=2), path="/raise", env={"LAMBENT_MCP_PATH": "/raise"})
    assert found == [
        "POST /raise 500 … ms environment 1 (raised: ValueError) tools/call add: ok, anonymous, … ms"
    ]


def test_without_the_setting_there_is_the_request(lines):
    found, _ = lines(tool("add", a=1, b=2), env={"LAMBENT_CALL_LOG": "0"})
    assert found == ["POST /mcp 200 … ms environment 1"]


def test_quiet(lines):
    found, text = lines(tool("add", a=1, b=2), quiet=True)
    assert found == []
    assert "tools/call" not in text
