"""Runs the servers in the original library, in an environment of its own, and writes their answers as JSON.

With FastMCP 4 installed, ``python original.py servers > answers.json`` in this folder. This module imports
nothing of the tests: they are not there.
"""

import asyncio
import importlib
import json
import logging
import runpy
import sys
import types
from pathlib import Path
from typing import Any

NAMES = (
    "fastmcp",
    "fastmcp.exceptions",
    "fastmcp.dependencies",
    "fastmcp.tools",
    "fastmcp.resources",
    "fastmcp.prompts",
    "fastmcp.server.middleware",
    "fastmcp.server.dependencies",
    "fastmcp.server.elicitation",
    "fastmcp.server.lifespan",
    "fastmcp.server.auth",
    "fastmcp.utilities.types",
    "mcp_types",
)
"""Where the original has the names of ``lambent.compat.fastmcp``."""

VERSION = "2026-07-28"
_PREFIX = "io.modelcontextprotocol/"


def _stand_in(name: str, modules: tuple[str, ...]) -> None:
    """A module with the names of several ones, under the name by which the servers import it."""

    def find(attribute: str) -> Any:
        for module in modules:
            try:
                return getattr(importlib.import_module(module), attribute)
            except AttributeError:
                continue
        raise AttributeError(attribute)

    module = types.ModuleType(name)
    module.__getattr__ = find  # type: ignore[method-assign]
    sys.modules[name] = module


def normal(answer: dict[str, Any]) -> dict[str, Any]:
    """An answer without what is known to differ, and without the words of errors of a library."""
    messages = [_normal_message(one) for one in answer["messages"]]
    if any("error" in one for one in messages):
        return {"messages": messages}
    return {"status": answer["status"], "messages": messages}


def _normal_message(message: dict[str, Any]) -> dict[str, Any]:
    message = {key: value for key, value in message.items() if key not in ("jsonrpc", "id")}
    if (error := message.get("error")) is not None:
        own = error["code"] == -32603
        return {"error": {"code": error["code"], **({"message": error["message"]} if own else {})}}
    result = message.get("result")
    if result is None:
        return message
    for name in ("ttlMs", "cacheScope", "resultType", "nextCursor", "capabilities", "supportedVersions"):
        result.pop(name, None)
    meta = result.get("_meta", {})
    meta.pop(f"{_PREFIX}serverInfo", None)
    if not meta:
        result.pop("_meta", None)
    if not result.get("isError"):
        result.pop("isError", None)
    elif (text := result["content"][0]["text"]).startswith("Unknown tool"):
        return {"error": {"code": -32602}}
    elif text.startswith(("1 validation error", "Invalid arguments")) or ": Invalid arguments" in text:
        result["content"] = []
    for kind in ("tools", "resources", "resourceTemplates", "prompts"):
        for one in result.get(kind, ()):
            _normalize_definition(one)
    return message


def _normalize_definition(one: dict[str, Any]) -> None:
    for argument in one.get("arguments") or ():
        argument["description"] = argument.get("description", "").partition("\n")[0]
    if not one.get("arguments"):
        one.pop("arguments", None)
    if (schema := one.get("inputSchema")) and not schema.get("required"):
        schema.pop("required", None)
    one["description"] = one.get("description") or ""


def body(method: str, params: dict[str, Any], number: int) -> bytes:
    meta = {
        f"{_PREFIX}protocolVersion": VERSION,
        f"{_PREFIX}clientCapabilities": {"elicitation": {"form": {}}},
    }
    meta |= {"progressToken": "p", f"{_PREFIX}logLevel": "info"} if method == "tools/call" else {}
    return json.dumps(
        {"jsonrpc": "2.0", "id": number, "method": method, "params": {"_meta": meta, **params}}
    ).encode()


def headers(method: str, params: dict[str, Any], more: dict[str, str]) -> dict[str, str]:
    named = {"tools/call": "name", "prompts/get": "name", "resources/read": "uri"}.get(method)
    found = {
        "content-type": "application/json",
        "accept": "application/json, text/event-stream",
        "host": "127.0.0.1",
    }
    found |= {"mcp-protocol-version": VERSION, "mcp-method": method}
    return found | ({"mcp-name": params[named]} if named else {}) | more


async def _post(app: Any, content: bytes, fields: dict[str, str]) -> dict[str, Any]:
    sent: list[dict[str, Any]] = []
    received = False

    async def receive() -> dict[str, Any]:
        nonlocal received
        if received:
            await asyncio.Event().wait()
        received = True
        return {"type": "http.request", "body": content, "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": "/mcp",
        "raw_path": b"/mcp",
        "query_string": b"",
        "root_path": "",
        "headers": [(name.encode(), value.encode()) for name, value in fields.items()],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
        "state": {},
    }
    await app(scope, receive, send)
    text = b"".join(one.get("body", b"") for one in sent if one["type"] == "http.response.body").decode()
    lines = [line.removeprefix("data: ") for line in text.replace("\r\n", "\n").split("\n")]
    messages = [json.loads(line) for line in lines if line.startswith(("{", "["))]
    return {"status": sent[0]["status"], "messages": messages}


async def _answers(path: Path) -> list[dict[str, Any]]:
    names = runpy.run_path(str(path))
    app = names["mcp"].http_app()
    answers = []
    async with app.router.lifespan_context(app):
        for number, (method, params) in enumerate(names.get("REQUESTS", ())):
            fields = headers(method, params, names.get("HEADERS", {}))
            answers.append(await _post(app, body(method, params, number), fields))
    return answers


def _handler(answer: Any, schemas: list[Any]) -> Any:
    async def handle(message: str, kind: Any, params: Any, context: Any) -> Any:
        schemas.append({"message": message, "schema": params.requested_schema})
        return answer

    return handle


async def _asked(path: Path) -> list[dict[str, Any]]:
    """What tools ask a client of the legacy era, and what they make of its answers."""
    from fastmcp import Client

    names = runpy.run_path(str(path))
    found = []
    for tool, answer in names.get("ANSWERS", {}).items():
        schemas: list[Any] = []
        handle = _handler(answer, schemas)

        async with Client(names["mcp"], elicitation_handler=handle, mode="legacy") as client:
            result = await client.call_tool(tool, {})
        found.append({"asked": schemas, "text": result.content[0].text})
    return found


def main(folder: Path) -> None:
    logging.disable(logging.CRITICAL)
    _stand_in("lambent", ("mcp_types",))
    _stand_in("lambent.compat", ())
    _stand_in("lambent.compat.fastmcp", NAMES)
    found = {}
    for path in sorted(folder.glob("*.py")):
        answers = [normal(answer) for answer in asyncio.run(_answers(path))]
        found[path.stem] = {"answers": answers, "asked": asyncio.run(_asked(path))}
    lines = [f'"{name}":{json.dumps(one, sort_keys=True)}' for name, one in found.items()]
    sys.stdout.write("{" + ",\n".join(lines) + "}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
