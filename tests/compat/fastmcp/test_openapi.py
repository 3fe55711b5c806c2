"""``from_openapi`` and ``from_fastapi``: what is made of what FastMCP itself makes.

FastMCP is no dependency of the tests, so something like it stands in for it.
"""

import asyncio
import sys
import types
from collections.abc import Callable
from typing import Any

import pytest
from tests.support import Client

from lambent import ConfigurationError
from lambent.compat.fastmcp import FastMCP

Serve = Callable[..., Client]


class Component(types.SimpleNamespace):
    """What tools, resources and templates of the library have."""

    def __init__(self, name: str, **members: Any) -> None:
        common = {"version": None, "title": None, "description": "Does it", "tags": {"a"}, "meta": None}
        super().__init__(name=name, **{**common, **members})


class ToolError(Exception):
    __module__ = "fastmcp.exceptions"


class Hints:
    def model_dump(self, **_: Any) -> dict[str, Any]:
        return {"readOnlyHint": True}


async def run(arguments: dict[str, Any]) -> Any:
    if arguments["id"] == 404:
        raise ToolError("There is none")
    if arguments["id"] == 500:
        raise ValueError("HTTP error 500")
    return types.SimpleNamespace(content="text", structured_content=arguments, meta={"n": 1}, is_error=False)


async def read() -> str:
    return "[1]"


async def create(uri: str, values: dict[str, Any]) -> Any:
    async def read_it() -> Any:
        part = types.SimpleNamespace(content=f"order {sorted(values.items())}", mime_type="text/x", meta=None)
        return types.SimpleNamespace(contents=[part], meta={"m": 1})

    return types.SimpleNamespace(read=read_it)


SCHEMA = {"type": "object", "properties": {"id": {"type": "integer"}}, "required": ["id"]}


class Library:
    """The class ``FastMCP`` of the library."""

    given: dict[str, Any]

    def __init__(self, name: str) -> None:
        self.name = name

    @classmethod
    def from_openapi(cls, document: Any, name: str, **given: Any) -> Any:
        cls.given = {"document": document, **given}
        return cls(name)

    @classmethod
    def from_fastapi(cls, app: Any, **given: Any) -> Any:
        cls.given = {"app": app, **given}
        return cls("App")

    async def list_tools(self) -> list[Any]:
        return [Component("get", run=run, parameters=SCHEMA, output_schema=SCHEMA, annotations=Hints())]

    async def list_resources(self) -> list[Any]:
        return [Component("all", uri="r://all", mime_type="application/json", read=read)]

    async def list_resource_templates(self) -> list[Any]:
        uri = "r://one/{id}{?full,part}"
        return [Component("one", uri_template=uri, mime_type="text/x", create_resource=create)]


@pytest.fixture(autouse=True)
def library(monkeypatch: pytest.MonkeyPatch) -> None:
    module = types.ModuleType("fastmcp")
    module.FastMCP = Library  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "fastmcp", module)


def test_a_document(serve: Serve) -> None:
    mcp = FastMCP.from_openapi({"paths": {}}, "client", name="Shop", route_maps=[1], mask_error_details=True)
    assert Library.given == {"document": {"paths": {}}, "client": "client", "route_maps": [1]}
    assert mcp.name == "Shop"
    client = serve(mcp)
    tool = client.tool("get")
    assert (tool["description"], tool["_meta"], tool["annotations"]) == (
        "Does it",
        {"fastmcp": {"tags": ["a"]}},
        {"readOnlyHint": True},
    )
    assert (tool["inputSchema"], tool["outputSchema"]) == (SCHEMA, SCHEMA)
    result = client.call("get", {"id": 5}).result
    assert (result["content"][0]["text"], result["structuredContent"], result["_meta"]["n"]) == (
        "text",
        {"id": 5},
        1,
    )
    assert client.call("get", {"id": 404}).text == "There is none"
    assert client.call("get", {"id": 500}).text == "Error calling tool 'get'"


def test_resources_and_templates(serve: Serve) -> None:
    client = serve(FastMCP.from_openapi({}))
    assert client.read("r://all").result["contents"] == [
        {"uri": "r://all", "mimeType": "application/json", "text": "[1]"}
    ]
    result = client.read("r://one/5").result
    assert result["contents"] == [{"uri": "r://one/5", "mimeType": "text/x", "text": "order [('id', '5')]"}]
    [template] = client.request("resources/templates/list").result["resourceTemplates"]
    assert (template["uriTemplate"], template["mimeType"]) == ("r://one/{id}{?full,part}", "text/x")


def test_an_application_also_where_a_loop_runs() -> None:
    async def make() -> FastMCP:
        return FastMCP.from_fastapi("app", httpx_client_kwargs={"a": 1})

    assert asyncio.run(make()).name == "App"
    assert Library.given == {"app": "app", "httpx_client_kwargs": {"a": 1}}
    FastMCP.from_fastapi("app", name="Own")
    assert Library.given == {"app": "app", "name": "Own"}


def test_without_the_library_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fastmcp", None)
    for make in (FastMCP.from_openapi, FastMCP.from_fastapi):
        with pytest.raises(ConfigurationError, match=r"install the package fastmcp \(docs/fastmcp\.md\)"):
            make({})
