"""A function without an address: the client of the official SDK invokes it.

MiniStack hands no client context to functions, so calls of a gateway, and the version of a client of the
legacy era, are tried elsewhere (tests/events, tests/interop/test_direct.py).
"""

from collections.abc import Callable
from typing import Any

import pytest
from mcp import Client, MCPError
from tests.e2e.cloud import ROOT
from tests.e2e.conftest import ANONYMOUS
from tests.e2e.stacks import Stack

from lambent.clients import LambdaTransport

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
def stack(deploy: Callable[..., Stack]) -> Stack:
    return deploy("invoked", ROOT / "functions" / "hello" / "template.yaml", parameters=ANONYMOUS)


def transport(stack: Stack, function: str | None = None) -> LambdaTransport:
    name = stack.resources["HelloFunction"] if function is None else function
    return LambdaTransport(name, client=stack.cloud.client("lambda"))


@pytest.mark.parametrize(("mode", "version"), [("auto", "2026-07-28"), ("legacy", "2025-11-25")])
async def test_a_client_invokes_a_function(stack: Stack, mode: Any, version: str) -> None:
    async with Client(transport(stack), mode=mode) as client:
        assert client.protocol_version == version
        assert [tool.name for tool in (await client.list_tools()).tools] == ["hello"]
        result = await client.call_tool("hello", {"name": "Mia"})
        assert result.content[0].text == "Hello, Mia!"  # type: ignore[union-attr]


def test_what_is_no_message_is_a_failure_of_the_function(stack: Stack) -> None:
    name = stack.resources["HelloFunction"]
    answer = stack.cloud.client("lambda").invoke(FunctionName=name, Payload=b'{"id": 1}')
    assert answer["FunctionError"]
    assert b"This handler takes HTTP events" in answer["Payload"].read()
    batch = [{"jsonrpc": "2.0", "id": 1, "method": "tools/list"}]
    assert stack.cloud.invoke(name, batch)["error"]["message"].startswith("Batches are not supported")
    assert stack.cloud.invoke(name, {"jsonrpc": "2.0", "method": "notifications/cancelled"}) is None


async def test_a_function_that_is_not_there(stack: Stack) -> None:
    error = pytest.RaisesExc(MCPError, match="ResourceNotFoundException")
    with pytest.RaisesGroup(error, flatten_subgroups=True, allow_unwrapped=True):
        async with Client(transport(stack, "nobody")):
            pass
