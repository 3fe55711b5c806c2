"""Middleware of every kind, and its order."""

from typing import Any

from lambent.compat.fastmcp import CallNext, FastMCP, Middleware, MiddlewareContext, ToolError, ToolResult

events: list[str] = []


class Watch(Middleware):
    def __init__(self, name: str) -> None:
        self.name = name

    async def on_message(self, context: MiddlewareContext[Any], call_next: CallNext[Any, Any]) -> Any:
        events.append(f"{self.name} message {context.method} {context.type} {context.source}")
        return await call_next(context)

    async def on_request(self, context: MiddlewareContext[Any], call_next: CallNext[Any, Any]) -> Any:
        events.append(f"{self.name} request")
        return await call_next(context)


class Gate(Middleware):
    async def on_call_tool(self, context: MiddlewareContext[Any], call_next: CallNext[Any, Any]) -> Any:
        events.append(f"gate {context.message.name} {context.message.arguments}")
        if context.message.name == "forbidden":
            raise ToolError("Forbidden")
        if context.message.name == "answered":
            return ToolResult(content="answered by middleware")
        if context.message.name == "changed":
            message = context.message.model_copy(update={"arguments": {"text": "other"}})
            return await call_next(context.copy(message=message))
        result = await call_next(context)
        if context.message.name == "upper":
            return ToolResult(
                content=[result.content[0].text.upper()], structured_content=result.structured_content
            )
        return result


class Lists(Middleware):
    async def on_list_tools(self, context: MiddlewareContext[Any], call_next: CallNext[Any, Any]) -> Any:
        tools = await call_next(context)
        return [tool for tool in tools if "secret" not in tool.tags]

    async def on_list_prompts(self, context: MiddlewareContext[Any], call_next: CallNext[Any, Any]) -> Any:
        return [prompt for prompt in await call_next(context) if prompt.name != "hidden"]

    async def on_list_resources(self, context: MiddlewareContext[Any], call_next: CallNext[Any, Any]) -> Any:
        return [one for one in await call_next(context) if str(one.uri) != "r://hidden"]

    async def on_read_resource(self, context: MiddlewareContext[Any], call_next: CallNext[Any, Any]) -> Any:
        events.append(f"read {context.message.uri}")
        return await call_next(context)

    async def on_get_prompt(self, context: MiddlewareContext[Any], call_next: CallNext[Any, Any]) -> Any:
        events.append(f"prompt {context.message.name} {context.message.arguments}")
        return await call_next(context)


mcp = FastMCP("middleware", middleware=[Watch("outer")])
mcp.add_middleware(Gate())
mcp.add_middleware(Lists())


@mcp.tool
def echo(text: str) -> str:
    return text


@mcp.tool
def changed(text: str) -> str:
    return text


@mcp.tool
def upper(text: str) -> str:
    return text


@mcp.tool
def forbidden() -> str:
    return "never"


@mcp.tool
def answered() -> str:
    return "never"


@mcp.tool(tags={"secret"})
def secret() -> str:
    return "secret"


@mcp.tool
def seen() -> list[str]:
    found = list(events)
    events.clear()
    return found


@mcp.resource("r://hidden")
def hidden_resource() -> str:
    return "hidden"


@mcp.resource("r://shown")
def shown_resource() -> str:
    return "shown"


@mcp.prompt
def hidden() -> str:
    return "hidden"


@mcp.prompt
def shown(what: str) -> str:
    return what


def call(name: str, **arguments: Any) -> tuple[str, dict[str, Any]]:
    return "tools/call", {"name": name, "arguments": arguments}


REQUESTS = [
    ("tools/list", {}),
    ("resources/list", {}),
    ("prompts/list", {}),
    call("seen"),
    call("echo", text="a"),
    call("changed", text="a"),
    call("upper", text="a"),
    call("forbidden"),
    call("answered"),
    call("secret"),
    call("seen"),
    ("resources/read", {"uri": "r://shown"}),
    ("prompts/get", {"name": "shown", "arguments": {"what": "x"}}),
    call("seen"),
]
