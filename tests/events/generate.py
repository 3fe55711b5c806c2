"""Make the files of `events/` anew: `python -m tests.events.generate [FOLDER]`.

The client of the official SDK, and the HTTP library that it is built on, talk to the functions of this
repository; the gateway makes events of their requests, as it does for `lambent dev`. Ids, times and what is
random are replaced, so that the same code and the same libraries give the same bytes.
"""

import argparse
import asyncio
import base64
import contextlib
import hashlib
import json
import logging
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

from mcp.client import advertise
from mcp.shared.exceptions import MCPError
from mcp.types import ElicitRequestParams, ElicitResult, RootsListChangedNotification
from tests import support
from tests.events import front_ends
from tests.events.front_ends import FrontEnd, digest_of
from tests.events.functions import DEAD_QUEUE, ROOT, TASK_QUEUE, WITH_TASKS, Cloud, cloud, function, url_of
from tests.events.platform_events import (
    agentcore_events,
    delivery_events,
    deploy_events,
    direct_events,
    queue_event,
    rotation_events,
)
from tests.events.recording import Handler, Recorder, http_client, mcp_client
from tests.events.source_events import source_events

Events = dict[str, dict[str, Any]]
Session = Callable[[Recorder, FrontEnd], Awaitable[None]]

FOLDER = ROOT / "events"
VERSION = support.VERSION
TASKS = "io.modelcontextprotocol/tasks"

ORDER = {"order_id": "ORD-1005"}
ANSWER = ElicitResult(action="accept", content={"confirm": True, "reason": "broken on arrival"})

TASK_ID = base64.urlsafe_b64encode(digest_of("a task")[:24]).decode()
"""The id of the task that files are about."""

STALE_STATE = base64.urlsafe_b64encode(b"\x01" + digest_of("a state") * 5).decode().rstrip("=")
"""Looks like a sealed state; no key opens it. A real one would bind its file to a key and to 15 minutes."""


def generate() -> Events:
    """All events, by the names of their files."""
    with quiet_client():
        return {
            **orders_over_http_api(),
            **reports_over_http_api(),
            **orders_over_others(),
            **delivery_events(),
            **deploy_events(),
            **rotation_events(),
            **source_events(),
            **direct_events(ORDER),
            **agentcore_events(ORDER),
        }


@contextlib.contextmanager
def quiet_client() -> Iterator[None]:
    """The SDK logs what it does not like, such as the error that it is answered with on purpose."""
    logger = logging.getLogger("mcp")
    before, logger.disabled = logger.disabled, True
    try:
        yield
    finally:
        logger.disabled = before


def record(
    handler: Handler, front_end: FrontEnd, session: Session, *names: str | None, **more: Any
) -> Events:
    """The events of what a session of a client asks."""
    recorder = Recorder(front_end, handler, names, **more)
    asyncio.run(session(recorder, front_end))
    return recorder.end()


# Sessions.


async def work(recorder: Recorder, front_end: FrontEnd) -> None:
    """A client of the modern era at work with orders."""

    async def answer(context: Any, params: ElicitRequestParams) -> ElicitResult:
        return ANSWER

    async with mcp_client(recorder, front_end, elicitation_callback=answer) as client:
        await client.list_tools()
        await client.call_tool("lookup_order", ORDER)
        await client.call_tool("search_orders", {"region": "eu", "status": "delivered", "limit": 3})
        refunded = await client.call_tool("refund_order", ORDER)
        assert refunded.structured_content is not None
        assert refunded.structured_content["refunded"]
        # The same answer from a client that was given no state.
        await client.session.call_tool("refund_order", ORDER, input_responses={"confirmation": ANSWER})
        await client.read_resource("orders://policy")
        await client.session.send_notification(RootsListChangedNotification())


async def call_once(recorder: Recorder, front_end: FrontEnd) -> None:
    """A client of the modern era that knows what it wants, and then how to read what it gets."""
    async with mcp_client(recorder, front_end, mode=VERSION, cache=None) as client:
        await client.call_tool("lookup_order", ORDER)


async def begin_legacy(recorder: Recorder, front_end: FrontEnd) -> None:
    """A client of the legacy era at work with orders."""
    async with mcp_client(recorder, front_end, mode="legacy") as client:
        await client.call_tool("lookup_order", ORDER)


async def open_stream(recorder: Recorder, front_end: FrontEnd) -> None:
    """A client of the legacy era opens a stream for what the server may have to say."""
    async with http_client(recorder) as client:
        await client.get(front_end.url, headers={"Accept": "text/event-stream"})


async def read_cards(recorder: Recorder, front_end: FrontEnd) -> None:
    """Somebody looks for servers."""
    async with http_client(recorder) as client:
        root = front_end.url.removesuffix(front_end.api.path)
        await client.get(
            f"{front_end.url}/server-card", headers={"Accept": "application/mcp-server-card+json"}
        )
        await client.get(f"{root}/.well-known/ai-catalog.json", headers={"Accept": "application/json"})


async def report(recorder: Recorder, front_end: FrontEnd) -> None:
    """A client that knows tasks has a report made, looks after it, and loses interest."""
    async with mcp_client(
        recorder, front_end, mode=VERSION, cache=None, extensions=[advertise(TASKS)]
    ) as client:
        # The SDK says that it knows tasks, and leaves them to whoever extends it.
        with contextlib.suppress(MCPError, RuntimeError, ValueError):
            await client.call_tool("build_report", {"month": "2026-03"})
    async with http_client(recorder) as http:
        for number, method in enumerate(("tasks/get", "tasks/cancel"), 2):
            message = support.message(
                method, {"taskId": TASK_ID}, request_id=number, capabilities={"extensions": {TASKS: {}}}
            )
            headers = {**support.headers_of(message), "mcp-name": TASK_ID}
            await http.post(front_end.url, headers=headers, json=message)


# What they are recorded with.


def orders_over_http_api() -> Events:
    """Everything that the orders function meets."""
    front_end = front_ends.http_api("/orders/mcp")

    with function("orders") as handler:
        modern = (
            "discover",
            "tools-list",
            "tools-call",
            "tools-call-header",
            "tools-call-question",
            "tools-call-stale-state",
            "tools-call-answer",
            "resources-read",
            "notification",
        )
        return {
            **record(handler, front_end, work, *modern, stable={"requestState": STALE_STATE}),
            **record(handler, front_end, open_stream, "get"),
            **record(handler, front_end, read_cards, "get-server-card", "get-ai-catalog"),
            **orders_of_legacy_clients(front_end, "legacy-initialized", "legacy-tools-call"),
        }


def orders_of_legacy_clients(front_end: FrontEnd, *others: str | None) -> Events:
    """What clients of the legacy era ask where there is no key, and so no session, which would expire."""
    in_lambda = {
        "LAMBENT_STATE_KEYS": "",
        "AWS_LAMBDA_FUNCTION_NAME": "orders",
        "LAMBENT_TABLE": "memory:",
    }
    with function("orders", in_lambda) as handler:
        return record(handler, front_end, begin_legacy, "legacy-initialize", *others, None)


def reports_over_http_api() -> Events:
    """What the reports function and its worker meet."""
    front_end = front_ends.http_api("/reports/mcp")

    with cloud() as aws, function("reports", WITH_TASKS) as handler:
        names = ("tools-call-task", "tasks-get", "tasks-cancel")
        events = record(handler, front_end, report, *names, stable={"taskId": TASK_ID})
        task = steady(queue_event(aws, TASK_QUEUE, "sqs-task"))
        return {**events, "sqs-task": task, "sqs-dead-letter": steady(given_up(aws))}


def given_up(aws: Cloud) -> dict[str, Any]:
    """The event of the task's message once its queue has given it up."""
    # Receiving it one time too many moves it.
    assert "Messages" not in aws.sqs.receive_message(QueueUrl=url_of(TASK_QUEUE))
    return queue_event(aws, DEAD_QUEUE, "sqs-dead-letter")


def steady(event: dict[str, Any]) -> dict[str, Any]:
    """An SQS event about the task of the files."""
    (message,) = event["Records"]
    assert len(message["body"]) == len(TASK_ID)
    digest = hashlib.md5(TASK_ID.encode(), usedforsecurity=False).hexdigest()
    return {"Records": [message | {"body": TASK_ID, "md5OfBody": digest}]}


def orders_over_others() -> Events:
    """The orders function behind the other front ends: what differs by them."""
    others = (
        front_ends.rest_api("/orders/mcp"),
        front_ends.function_url("/mcp"),
        front_ends.alb("/orders/mcp"),
        front_ends.alb("/orders/mcp", multi_value=True),
    )
    events: Events = {}
    with function("orders") as handler:
        for front_end in others:
            events |= record(handler, front_end, call_once, "tools-call", "tools-list")
            events |= record(handler, front_end, open_stream, "get")
    for front_end in others:
        events |= orders_of_legacy_clients(front_end, None, None)
    return events


# Files.


def write(events: Events, folder: Path) -> None:
    """Write files, and remove those that are none of them."""
    folder.mkdir(exist_ok=True)
    for path in folder.glob("*.json"):
        if path.stem not in events:
            path.unlink()
    for name, event in events.items():
        (folder / f"{name}.json").write_text(text_of(event), encoding="utf-8")


def text_of(event: dict[str, Any]) -> str:
    """An event as its file has it."""
    return json.dumps(event, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.events.generate", description=__doc__)
    parser.add_argument("folder", metavar="FOLDER", nargs="?", type=Path, default=FOLDER)
    write(generate(), parser.parse_args().folder)
