"""How long mcp-webhook-events takes from an event to the endpoint, in seconds: its database is a file.

python webhook_events.py <folder> <url of an endpoint> <how often>
"""

import json
import sys
import time
from pathlib import Path

from mcp_webhook_events import EventDefinition, McpEvents, SafeHttp

folder, url, calls = sys.argv[1:]
schema = {"type": "object"}
events = McpEvents(
    None,
    str(Path(folder) / "events.sqlite3"),
    [EventDefinition("order.refunded", "", schema, schema)],
    http=SafeHttp(allow_insecure_for_tests=True),
)
delivery = {"mode": "webhook", "url": url, "secret": "whsec_" + "A" * 43 + "="}
events.subscribe("ann", {"name": "order.refunded", "arguments": {}, "delivery": delivery})
took = []
for order in range(-5, int(calls)):
    begin = time.perf_counter()
    events.publish("order.refunded", {"order": order, "cents": 1999, "currency": "EUR"})
    assert events.deliver_pending()["delivered"] == 1
    took.append(time.perf_counter() - begin)
json.dump(took[5:], sys.stdout)
