"""The interop server over ASGI, which prints the protocol version that a client opens with."""

import json
import sys
from collections.abc import Awaitable, Callable
from typing import Any

from tests.interop.server import asgi

Receive = Callable[[], Awaitable[dict[str, Any]]]


async def app(scope: dict[str, Any], receive: Receive, send: Callable[..., Awaitable[None]]) -> None:
    body = b""

    async def listen() -> dict[str, Any]:
        nonlocal body
        message = await receive()
        if message["type"] == "http.request":
            body += message.get("body", b"")
            if body and not message.get("more_body"):
                _tell(json.loads(body))
        return message

    await asgi(scope, listen, send)


def _tell(message: dict[str, Any]) -> None:
    match message:
        case {"method": "initialize", "params": {"protocolVersion": version}}:
            sys.stderr.write(f"opens with {version}\n")
        case {
            "method": "server/discover",
            "params": {"_meta": {"io.modelcontextprotocol/protocolVersion": version}},
        }:
            sys.stderr.write(f"opens with {version}\n")
