"""What the tests of streams of events share: a shop with an event type, and what is told on streams."""

import dataclasses
import json
from typing import Any

from tests import support
from tests.hosts.asgi.driving import Exchange, exchange, make, settings, start

from lambent import Context, MCPServer
from lambent.execution.events.emitting import Emitter
from lambent.execution.events.service import Events
from lambent.hosts.asgi import AsgiApp
from lambent.stores.event_logs import MemoryLog

SUBSCRIPTION_ID = f"{support.PREFIX}subscriptionId"
TAG = f'"_meta":{{"{SUBSCRIPTION_ID}":"s1"}}'
NOW = 1_700_000_000.0
TIME = "2023-11-14T22:13:20.000Z"


@dataclasses.dataclass
class Paid:
    order: str
    cents: int


@dataclasses.dataclass
class Least:
    cents: int = 0


def declare(mcp: MCPServer, **options: Any) -> MCPServer:
    @mcp.event("order.paid", payload=Paid, arguments=Least, **{"delivery": ["poll", "push"], **options})
    def order_paid(paid: Paid, least: Least) -> bool:
        """An order was paid."""
        if paid.cents == 13:
            raise ValueError("unlucky")
        return paid.cents >= least.cents

    @mcp.tool()
    def pay(cents: int, ctx: Context) -> str:
        ctx.events.emit("order.paid", Paid("o", cents), event_id=f"e{cents}")
        return "paid"

    return mcp


class Shop:
    """An application, what it knows of events, and a clock."""

    def __init__(self, mcp: MCPServer | None = None, log: Any = None, **options: Any) -> None:
        self.app: AsgiApp = (mcp or declare(make())).asgi(settings(**options))
        found = self.app._endpoint.executor.services.events
        assert found is not None
        self.events: Events = found
        self.now = NOW
        self.events.clock = lambda: self.now
        self.events.log = MemoryLog() if log is None else log
        assert found.watches is not None
        self.watches = found.watches
        self.watches.look_seconds = self.watches.retry_seconds = 3600.0
        self.emitter = Emitter(self.events)

    @property
    def key(self) -> str:
        return self.events.key(self.events.types["order.paid"])

    def cursor(self, number: int) -> str:
        return f"{self.events.log.head(self.key).epoch}.{number}"

    def emit(self, *cents: int) -> None:
        for one in cents:
            self.emitter.emit("order.paid", Paid("o", one), event_id=f"e{one}")

    def append(self, *cents: int) -> None:
        """What another process emits."""
        watches, self.events.watches = self.events.watches, None
        self.emit(*cents)
        self.events.watches = watches

    def opened(self, params: Any = None, **options: Any) -> Exchange:
        return Exchange(self.app, request(params), **options)

    def occurrence(self, cents: int, number: int) -> dict[str, Any]:
        told = {"eventId": f"e{cents}", "name": "order.paid", "timestamp": TIME}
        return note("event", **told, data={"order": "o", "cents": cents}, cursor=self.cursor(number))


def request(params: Any = None, request_id: Any = "s1") -> dict[str, Any]:
    return support.message("events/stream", {"name": "order.paid", **(params or {})}, request_id=request_id)


def note(kind: str, request_id: Any = "s1", **params: Any) -> dict[str, Any]:
    method = f"notifications/events/{kind}"
    return {"jsonrpc": "2.0", "method": method, "params": {**params, "_meta": {SUBSCRIPTION_ID: request_id}}}


def ended(request_id: Any = "s1") -> dict[str, Any]:
    info = {f"{support.PREFIX}serverInfo": {"name": "shop", "version": "1.2.3"}}
    result = {"resultType": "complete", "_meta": {**info, SUBSCRIPTION_ID: request_id}}
    return {"jsonrpc": "2.0", "id": request_id, "result": result}


async def begun(one: Exchange, shop: Shop, number: int = 0, *, truncated: bool = False) -> None:
    assert await one.next() == start(200, support.SSE_HEADERS)
    assert await one.heard() == note("active", cursor=shop.cursor(number), truncated=truncated)


async def refused(app: Any, params: Any = None, **options: Any) -> tuple[int, dict[str, Any]]:
    """The status and the error of a request that opens no stream."""
    begin, last = await exchange(app, request(params), **options)
    assert dict(begin["headers"])[b"content-type"] == b"application/json"
    return begin["status"], json.loads(last["body"]).get("error")
