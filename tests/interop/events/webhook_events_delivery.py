"""What mcp-webhook-events sends to an endpoint: its challenge and an occurrence, as ``[headers, body]`` each.

It runs in an environment of its own; the argument is a folder for its database.
"""

import base64
import json
import sys
from pathlib import Path

from mcp_webhook_events import EventDefinition, McpEvents, SafeHttp

sent = []


class Endpoint(SafeHttp):
    """Keeps what is sent."""

    def post(self, url: str, body: bytes, headers: dict[str, str]) -> tuple[int, bytes]:
        sent.append([headers, body.decode()])
        return 200, body


secret = "whsec_" + base64.b64encode(bytes(32)).decode()
refunded = EventDefinition("order.refunded", "", {"type": "object"}, {"type": "object"})
events = McpEvents(None, str(Path(sys.argv[1]) / "sent.sqlite3"), [refunded], http=Endpoint())
delivery = {"mode": "webhook", "url": "https://hook.example/", "secret": secret}
events.subscribe("ann", {"name": "order.refunded", "arguments": {}, "delivery": delivery})
events.publish("order.refunded", {"order": "a", "cents": 1}, event_id="refund-a")
events.deliver_pending()
json.dump(sent, sys.stdout)
