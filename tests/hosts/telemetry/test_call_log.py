"""``LAMBENT_CALL_LOG``: the line of a call."""

import logging
import re
from collections.abc import Callable

import msgspec
import pytest
from tests.support import SETTINGS, Client, full_server, make_server

from lambent import MCPServer, Principal, ToolError
from lambent.hosts.telemetry.call_log import NAME, call_log_observer

Serve = Callable[..., Client]
Log = pytest.LogCaptureFixture

ON = msgspec.structs.replace(SETTINGS, call_log=True)


@pytest.fixture(autouse=True)
def _level() -> None:
    logging.getLogger(NAME).setLevel(logging.NOTSET)


def shop() -> MCPServer:
    mcp = make_server()

    @mcp.tool()
    def add(a: int, b: int) -> int:
        return a + b

    @mcp.tool()
    def fail() -> None:
        raise ToolError("the secret")

    return mcp


def lines(log: Log) -> list[str]:
    return [re.sub(r"\d+\.\d ms$", "… ms", one.getMessage()) for one in log.records if one.name == NAME]


def test_a_call_is_a_line(serve: Serve, caplog: Log) -> None:
    client = serve(shop(), ON)
    client.call("add", {"a": 1, "b": 2})
    client.call("fail")
    client.request("tools/list")
    assert lines(caplog) == [
        "tools/call add: ok, anonymous, … ms",
        "tools/call fail: tool_error, anonymous, … ms",
        "tools/list: ok, anonymous, … ms",
    ]


def test_uris_stay_out(serve: Serve, caplog: Log) -> None:
    serve(full_server(), ON).read("shop://the-secret")
    assert lines(caplog) == ["resources/read: error, anonymous, … ms"]


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("no\nINFO forged", "no\\nINFO forged"),
        ("\x1b[2J\u202e", "\\x1b[2J\\u202e"),
        ("x" * 10_000, "x" * (100 - len("tools/call "))),
    ],
)
def test_no_name_forges_a_line(serve: Serve, caplog: Log, name: str, shown: str) -> None:
    serve(shop(), ON).call(name)
    assert lines(caplog) == [f"tools/call {shown}: error, anonymous, … ms"]


def test_the_principal_is_named(serve: Serve, caplog: Log) -> None:
    client = serve(shop(), ON)
    endpoint = client.handler._endpoint  # type: ignore[attr-defined]

    class Known:
        def authenticate(self, request: object) -> Principal:
            return Principal("alice\n" + "x" * 200, "https://issuer.example")

    endpoint._authenticator = Known()
    client.request("tools/list")
    assert lines(caplog) == [f"tools/list: ok, alice\\n{'x' * 94}, … ms"]


def test_a_level_that_somebody_has_set_is_kept() -> None:
    logging.getLogger(NAME).setLevel(logging.ERROR)
    call_log_observer()
    assert logging.getLogger(NAME).level == logging.ERROR
