"""Deliveries and challenges are verified by the package of Standard Webhooks as they came."""

import base64
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.interop import install
from tests.interop.events.chatgpt import ChatGPT, serving
from tests.interop.events.shop import KEYS

DRIVER = Path(__file__).with_name("standard_webhooks.py")
OLD, NEW, OTHER = (f"whsec_{base64.b64encode(bytes([byte]) * 24).decode()}" for byte in (1, 2, 3))


def verify(*requests: tuple[str, dict[str, str], bytes]) -> list[Any]:
    """What the package says of requests, each with a secret."""
    found = [(secret, headers, body.decode()) for secret, headers, body in requests]
    done = subprocess.run(
        [str(install.python("events")), str(DRIVER)],
        input=json.dumps(found),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answers: list[Any] = json.loads(done.stdout)
    return answers


def test_signatures(shop_on: Callable[[str], str]) -> None:
    with serving() as endpoint:
        chatgpt = ChatGPT(shop_on("asgi"), {"x-api-key": KEYS["bob"]}, "modern", endpoint)
        for secret in (OLD, NEW):
            endpoint.pending = base64.b64decode(secret.removeprefix("whsec_"))
            delivery = {"mode": "webhook", "url": endpoint.url, "secret": secret}
            chatgpt.ask("events/subscribe", name="order.refunded", arguments={}, delivery=delivery)
        chatgpt.call("refund", order="standard", cents=1)
        endpoint.wait(1)
        challenge, event = endpoint.received
    assert verify((OLD, *challenge), (NEW, *event), (OLD, *event)) == [
        json.loads(challenge[1]),
        json.loads(event[1]),
        json.loads(event[1]),
    ]
    headers, body = event
    late = {**headers, "webhook-timestamp": str(int(headers["webhook-timestamp"]) - 600)}
    assert verify((OTHER, headers, body), (NEW, headers, body + b" "), (NEW, late, body)) == [
        "No matching signature found",
        "No matching signature found",
        "Message timestamp too old",
    ]
