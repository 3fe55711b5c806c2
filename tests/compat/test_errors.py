"""Errors by the names of the official SDK."""

from typing import Any

import pytest

from lambent.compat import (
    Context,
    FastMCPError,
    InvalidSignature,
    MCPServer,
    MCPServerError,
    ResourceError,
    ResourceNotFoundError,
    ToolError,
    UnexpectedResourceError,
    UnexpectedToolError,
)
from lambent.testing import CallError, TestClient


@pytest.fixture
def client() -> TestClient:
    mcp: MCPServer[Any] = MCPServer("shop")

    @mcp.resource("books://{title}")
    def book(title: str) -> str:
        if title == "broken":
            raise ResourceError("The shelf is locked")
        raise ResourceNotFoundError(f"No book titled {title!r}")

    @mcp.resource("films://{title}")
    async def film(title: str) -> str:
        raise ResourceError(f"{title} is no film")

    @mcp.tool()
    async def read(title: str, ctx: Context) -> str:
        try:
            return str(await ctx.read_resource(f"books://{title}"))
        except ResourceNotFoundError as error:
            return f"caught: {error}"

    @mcp.tool()
    def read_plainly(uri: str, ctx: Context) -> str:
        return str(ctx.read_resource(uri).result())

    return TestClient(mcp)


def test_a_resource_that_is_not_there(client: TestClient) -> None:
    with pytest.raises(CallError, match="No book titled 'Dune'") as caught:
        client.read("books://Dune")
    assert (caught.value.code, caught.value.data) == (-32602, {"uri": "books://Dune"})


def test_a_uri_that_nothing_is_registered_for(client: TestClient) -> None:
    with pytest.raises(CallError, match="Unknown resource: nothing://x") as caught:
        client.read("nothing://x")
    assert (caught.value.code, caught.value.data) == (-32602, {"uri": "nothing://x"})


@pytest.mark.parametrize("uri", ["nothing://x", "books://Dune"])
def test_clients_of_earlier_versions_have_a_code_for_it(client: TestClient, uri: str) -> None:
    with pytest.raises(CallError) as caught:
        client.replace(version="2025-06-18").read(uri)
    assert caught.value.code == -32002


def test_a_resource_that_cannot_be_read(client: TestClient) -> None:
    with pytest.raises(CallError, match="The shelf is locked") as caught:
        client.read("books://broken")
    assert (caught.value.code, caught.value.data) == (-32603, {"uri": "books://broken"})
    with pytest.raises(CallError, match="Dune is no film") as caught:
        client.read("films://Dune")
    assert (caught.value.code, caught.value.data) == (-32603, {"uri": "films://Dune"})


def test_within_a_tool(client: TestClient) -> None:
    assert client.call("read", title="Dune").text == "caught: No book titled 'Dune'"
    result = client.attempt("read", title="broken")
    assert (result.is_error, result.text) == (True, "Error executing tool read: The shelf is locked")
    for uri, text in (
        ("books://Dune", "No book titled 'Dune'"),
        ("films://Dune", "Dune is no film"),
        ("nothing://x", "Unknown resource: nothing://x"),
    ):
        result = client.attempt("read_plainly", uri=uri)
        assert (result.is_error, result.text) == (True, f"Error executing tool read_plainly: {text}")


def test_they_have_one_base() -> None:
    known = (ToolError, ResourceError, ResourceNotFoundError, InvalidSignature)
    for error in (*known, UnexpectedToolError, UnexpectedResourceError):
        assert issubclass(error, MCPServerError)
        assert issubclass(error, FastMCPError)
