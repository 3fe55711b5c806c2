"""The shop with mcp-webhook-events: ``python webhook_events_peer.py <folder>`` prints its address.

It runs in an environment of its own. No endpoint is called: all of them want deliveries, but for those whose
URL says that they do not.
"""

import json
import socket
import sys
import threading
from pathlib import Path

import uvicorn
from mcp.server import MCPServer
from mcp_webhook_events import EventDefinition, McpEvents, SafeHttp


class Endpoints(SafeHttp):
    """Endpoints that nobody has to reach."""

    def post(self, url: str, body: bytes, headers: dict[str, str]) -> tuple[int, bytes]:
        self.check_url(url)
        return 200, b"{}" if "refuses" in url else json.dumps(json.loads(body)).encode()


def caller(context) -> str:
    return context.request.headers.get("authorization", "").removeprefix("Bearer ")


mcp = MCPServer("shop", version="1.0.0")
events = McpEvents(
    mcp,
    store=str(Path(sys.argv[1]) / "events.sqlite3"),
    principal=caller,
    http=Endpoints(),
    default_ttl_ms=86_400_000,
    definitions=[
        EventDefinition(
            name="order.refunded",
            description="A refund was paid out.",
            input_schema={
                "type": "object",
                "properties": {"least": {"type": "integer", "default": 0}},
                "additionalProperties": False,
            },
            payload_schema={
                "type": "object",
                "properties": {"order": {"type": "string"}, "cents": {"type": "integer"}},
                "required": ["order", "cents"],
            },
        )
    ],
)
events.install()
app = mcp.streamable_http_app(stateless_http=True, json_response=True)

with socket.create_server(("127.0.0.1", 0)) as listening:
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
    threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True).start()
    sys.stdout.write(f"http://127.0.0.1:{listening.getsockname()[1]}/mcp\n")
    sys.stdout.flush()
    sys.stdin.read()
    server.should_exit = True
