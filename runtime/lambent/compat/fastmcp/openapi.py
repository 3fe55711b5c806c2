"""Servers made of OpenAPI documents and FastAPI applications, by FastMCP itself where that is installed."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

from lambent.compat.fastmcp.exceptions import ToolError
from lambent.compat.fastmcp.results import ResourceContent, ResourceResult, ToolResult
from lambent.errors import ConfigurationError

if TYPE_CHECKING:
    from lambent.compat.fastmcp.server import FastMCP

T = TypeVar("T")

_OF_LIBRARY = frozenset(
    {
        "client", "httpx_client_kwargs", "mcp_component_fn", "mcp_names", "route_map_fn", "route_maps",
        "tags", "validate_output",
    }
)  # fmt: skip
"""Arguments of ``from_openapi`` and ``from_fastapi`` that say what becomes of operations."""


def imported(
    cls: Callable[..., FastMCP], method: str, source: Any, name: str | None, options: dict[str, Any]
) -> Any:
    """Make a server of what FastMCP makes of a document or an application.

    Args:
        cls: the class of the server.
        method: of FastMCP: ``from_openapi`` or ``from_fastapi``.
        source: the document, or the application.
        name: of the server; default: as FastMCP names it.
        options: the arguments of that method, and of ``cls``.

    Raises:
        ConfigurationError: FastMCP is not installed.
    """
    try:
        from fastmcp import FastMCP as Library
    except ImportError as error:
        raise ConfigurationError(
            f"FastMCP.{method} is done by FastMCP itself: install the package fastmcp (docs/fastmcp.md)"
        ) from error
    given = {key: options.pop(key) for key in _OF_LIBRARY & options.keys()}
    made = getattr(Library, method)(source, **({} if name is None else {"name": name}), **given)
    server = cls(made.name, **options)
    tools, resources, templates = _run(_components(made))
    for tool in tools:
        _add_tool(server, tool)
    for resource in resources:
        _add_resource(server, resource)
    for template in templates:
        _add_template(server, template)
    return server


async def _components(made: Any) -> tuple[Any, Any, Any]:
    return await made.list_tools(), await made.list_resources(), await made.list_resource_templates()


def _run(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end, also where a loop runs already."""
    import asyncio
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, coroutine).result()


def _shown(component: Any) -> dict[str, Any]:
    """What is listed of a component, as arguments of decorators."""
    return {
        "name": component.name,
        "version": component.version,
        "title": component.title,
        "description": component.description,
        "tags": set(component.tags or ()),
        "meta": component.meta,
    }


def _add_tool(server: FastMCP, tool: Any) -> None:
    async def call(**arguments: Any) -> ToolResult:
        try:
            result = await tool.run(arguments)
        except Exception as error:
            if type(error).__module__.partition(".")[0] == "fastmcp" and type(error).__name__ == "ToolError":
                raise ToolError(str(error)) from error
            raise
        return ToolResult(result.content, result.structured_content, result.meta, result.is_error)

    annotations = tool.annotations
    if annotations is not None:
        annotations = annotations.model_dump(by_alias=True, exclude_none=True)
    server.tool(
        output_schema=tool.output_schema,
        input_schema=tool.parameters,
        annotations=annotations,
        **_shown(tool),
    )(call)


def _add_resource(server: FastMCP, resource: Any) -> None:
    async def read() -> ResourceResult:
        return _result(await resource.read(), resource.mime_type)

    server.resource(str(resource.uri), mime_type=resource.mime_type, **_shown(resource))(read)


def _add_template(server: FastMCP, template: Any) -> None:
    async def read(**values: Any) -> ResourceResult:
        given = {name: value for name, value in values.items() if value is not None}
        # The values are what counts; the URI names the resource that is made of them.
        made = await template.create_resource(template.uri_template, given)
        return _result(await made.read(), template.mime_type)

    parameters = []
    for mark, names in re.findall(r"\{(\??)([^}*]+)\*?\}", template.uri_template):
        default = None if mark else inspect.Parameter.empty
        parameters += [
            inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=str)
            for name in names.split(",")
        ]
    function: Any = read
    function.__signature__ = inspect.Signature(parameters)
    function.__annotations__ = {one.name: str | None if one.default is None else str for one in parameters}
    server.resource(template.uri_template, mime_type=template.mime_type, **_shown(template))(function)


def _result(value: Any, mime_type: str) -> ResourceResult:
    if isinstance(value, str | bytes):
        return ResourceResult([ResourceContent(value, mime_type)])
    contents = [ResourceContent(one.content, one.mime_type, one.meta) for one in value.contents]
    return ResourceResult(contents, value.meta)
