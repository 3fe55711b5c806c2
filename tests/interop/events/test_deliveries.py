"""Deliveries and challenges as other libraries verify them, and as another one sends them."""

import base64
import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.interop import install
from tests.interop.events.chatgpt import ChatGPT, serving
from tests.interop.events.shop import KEYS

HERE = Path(__file__).parent
OLD, NEW, OTHER = (f"whsec_{base64.b64encode(bytes([byte]) * 24).decode()}" for byte in (1, 2, 3))


def verify(*requests: tuple[str, dict[str, str], bytes]) -> list[Any]:
    """What the package of Standard Webhooks says of requests, each with a secret."""
    found = [(secret, headers, body.decode()) for secret, headers, body in requests]
    return run("standard_webhooks.py", given=json.dumps(found))


def run(script: str, *arguments: str, given: str = "") -> list[Any]:
    """What a script prints as JSON."""
    done = subprocess.run(
        [str(install.python("events")), str(HERE / script), *arguments],
        input=given,
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


def shape(headers: dict[str, str], body: str | bytes) -> dict[str, Any]:
    """What is the same in every delivery: names of headers, of members, kinds of values."""
    known = {name.lower(): value for name, value in headers.items()}
    own = {name for name in known if name.startswith(("webhook-", "x-"))}
    members = json.loads(body)
    version, _, digest = known["webhook-signature"].partition(",")
    return {
        "headers": own | {known["content-type"]},
        # What is behind the kind is random, and may have "_" in it too.
        "ids": (re.findall(r"^(?:msg_)?[a-z]+", known["webhook-id"]), known["x-mcp-subscription-id"][:4]),
        "signature": (version, len(base64.b64decode(digest))),
        "members": {
            key: value if key in {"type", "eventId", "name"} else type(value)
            for key, value in members.items()
        },
    }


def test_another_library_sends_the_same(shop_on: Callable[[str], str], tmp_path: Path) -> None:
    """``mcp-webhook-events``, whose deliveries ChatGPT is known to take."""
    with serving() as endpoint:
        chatgpt = ChatGPT(shop_on("asgi"), {"x-api-key": KEYS["bob"]}, "modern", endpoint)
        chatgpt.subscribe("order.refunded", {})
        chatgpt.call("refund", order="a", cents=1)
        endpoint.wait(1)
        ours = [shape(*one) for one in endpoint.received]
    theirs = [shape(*one) for one in run("webhook_events_delivery.py", str(tmp_path))]
    assert theirs[1]["members"].pop("cursor") is type(None)  # it keeps no history
    assert ours[1]["members"].pop("cursor") is str
    assert ours == theirs
