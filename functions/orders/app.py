"""The MCP server of the shop's support desk: look up, search and refund orders."""

import os
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Literal, get_args

import msgspec

from cursors import BadCursorError, cursor_after, page_after
from lambent import (
    Annotations,
    CacheHint,
    Completion,
    CompletionArgument,
    CompletionContext,
    Context,
    EventBridgeEvent,
    Icon,
    InvalidParamsError,
    McpHeader,
    MCPServer,
    Occurrence,
    PromptReference,
    ResourceNotFoundError,
    ResourceTemplateReference,
    ToolAnnotations,
    ToolError,
)
from ledgers import MemoryLedger, SqliteLedger
from orders import Cents, Order, OrderBook, Query, Status
from refunds import Ledger, Refund, refund, refusal

BOX = Icon(
    src="data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E"
    "%3Cpath d='M2 5l6-3 6 3v6l-6 3-6-3z' fill='none' stroke='%23555'/%3E"
    "%3Cpath d='M2 5l6 3 6-3M8 8v6' fill='none' stroke='%23555'/%3E%3C/svg%3E",
    mime_type="image/svg+xml",
    sizes=["any"],
)

mcp = MCPServer(
    "orders",
    version="1.0.0",
    title="Shop orders",
    description="Look up, search and refund the orders of a shop.",
    instructions=(
        "Find an order with search_orders when its id is unknown, read it with lookup_order, and refund it "
        "with refund_order, which asks the user for a confirmation itself. The rules are in orders://policy. "
        "Whoever wants to know of refunds waits for the event order.refunded."
    ),
    cache_hints={"tools/list": CacheHint(ttl_ms=300_000, scope="public")},
)

# Set by the template where callers have tokens. Without it, as on your machine, every caller may refund.
REFUND_SCOPES = os.environ.get("REFUND_SCOPE", "").split()


def bundled(name: str) -> bytes:
    with open(os.path.join(os.path.dirname(__file__), name), "rb") as file:
        return file.read()


@cache
def book() -> OrderBook:
    return OrderBook.decode(bundled("orders.json"))


@cache
def ledger() -> Ledger:
    path = os.environ.get("REFUND_LEDGER")
    return SqliteLedger(path) if path else MemoryLedger()


OrderId = Annotated[str, msgspec.Meta(description="An order's id, such as ORD-1005.", max_length=32)]
Region = Annotated[str, msgspec.Meta(pattern="^(eu|us|apac)$")]


def known(order_id: str) -> Order:
    order = book().get(order_id)
    if order is None:
        raise ToolError(
            f"There is no order {order_id!r}. Ids look like ORD-1005: check it with the user, or find the "
            "order by the customer's name with search_orders."
        )
    return order


@mcp.tool(title="Look up an order", annotations=ToolAnnotations(read_only_hint=True, open_world_hint=False))
def lookup_order(order_id: OrderId) -> Order:
    """One order in full, by its id."""
    return known(order_id)


class OrderPage(msgspec.Struct, frozen=True):
    """Some of the orders that a search found."""

    total: Annotated[int, msgspec.Meta(description="How many orders match on all pages together.")]
    orders: list[Order]
    next_cursor: Annotated[
        str | None, msgspec.Meta(description="Pass it as `cursor`, with the same filters, for the next page.")
    ] = None


@mcp.tool(title="Search orders", annotations=ToolAnnotations(read_only_hint=True, open_world_hint=False))
def search_orders(
    customer: Annotated[
        str | None, msgspec.Meta(description="Part of the customer's name or email address.")
    ] = None,
    status: Annotated[Status | None, msgspec.Meta(description="How far the order has come.")] = None,
    region: Annotated[
        Region | None, msgspec.Meta(description="Where it was sold: eu, us or apac."), McpHeader("Region")
    ] = None,
    limit: Annotated[int, msgspec.Meta(ge=1, le=50, description="How many orders a page holds.")] = 10,
    cursor: Annotated[
        str | None, msgspec.Meta(description="`next_cursor` of the page before, for the page after it.")
    ] = None,
) -> OrderPage:
    """Orders that match every filter given, the newest first, a page at a time."""
    query = Query(customer or "", status or "", region or "")
    found = book().find(query)
    try:
        rest = found if cursor is None else page_after(cursor, query, found)
    except BadCursorError as error:
        raise ToolError(
            "The cursor does not belong to this search. Keep the filters as they were on the page before, or "
            "leave the cursor out to begin again."
        ) from error
    page = rest[:limit]
    following = cursor_after(page[-1], query) if len(rest) > limit else None
    return OrderPage(total=len(found), orders=page, next_cursor=following)


@dataclass(frozen=True)
class Confirmation:
    """What the user is asked before a refund."""

    confirm: Annotated[bool, msgspec.Meta(title="Refund this order", description="Money is sent back.")]
    reason: Annotated[str, msgspec.Meta(title="Reason", description="For the receipt.", max_length=200)] = ""


class RefundFilter(msgspec.Struct, frozen=True):
    """Which refunds a subscription is about."""

    least_cents: Annotated[Cents, msgspec.Meta(description="Only refunds of at least so much.")] = 0
    currency: Annotated[
        str | None, msgspec.Meta(description="Only refunds in this currency, such as EUR.")
    ] = None


@mcp.event(
    "order.refunded",
    payload=Refund,
    arguments=RefundFilter,
    delivery=["poll", "webhook"],
    scopes=REFUND_SCOPES,
)
def order_refunded(refund: Refund, wanted: RefundFilter) -> bool:
    """Money went back to a customer."""
    return refund.amount_cents >= wanted.least_cents and wanted.currency in (None, refund.currency)


@mcp.source.eventbridge(emits="order.refunded", source="shop.payments", detail_type="OrderRefunded")
def paid_back(event: EventBridgeEvent[Refund]) -> Occurrence:
    """The payment provider tells of every refund: those of refund_order, and those that people make."""
    refund = event.detail
    return Occurrence(refund, event_id=refund.id, timestamp=refund.refunded_at)


class RefundOutcome(msgspec.Struct, frozen=True):
    """Whether money went back, and what to tell the user."""

    refunded: bool
    message: str
    receipt: Refund | None = None


@mcp.tool(
    title="Refund an order",
    annotations=ToolAnnotations(
        read_only_hint=False, destructive_hint=True, idempotent_hint=True, open_world_hint=False
    ),
    icons=[BOX],
    scopes=REFUND_SCOPES,
)
async def refund_order(order_id: OrderId, ctx: Context) -> RefundOutcome:
    """Refund what can be refunded of an order, once the user has confirmed it."""
    order = known(order_id)
    if receipt := ledger().find(order.id):
        return RefundOutcome(True, f"{order.id} was refunded before; this is its receipt.", receipt)
    if reason := refusal(order):
        raise ToolError(f"{order.id} cannot be refunded: {reason}")

    amount = f"{order.refundable_cents / 100:.2f} {order.currency}"
    answer = await ctx.elicit(
        f"Refund {amount} of order {order.id} to {order.customer}?", Confirmation, key="confirmation"
    )
    if answer.action == "cancel":
        return RefundOutcome(
            False, "The question was dismissed. Ask the user whether the refund is still wanted."
        )
    if answer.action == "decline" or not answer.data.confirm:
        return RefundOutcome(False, "The user does not want the refund. Do not ask for it again.")

    receipt = await ctx.step("refund", refund, order, answer.data.reason or "not given", ledger())
    # The payment provider tells of it too, some time later: with the same id it is one occurrence.
    ctx.events.emit("order.refunded", receipt, event_id=receipt.id, timestamp=receipt.refunded_at)
    await ctx.info(f"refunded {order.id}")
    return RefundOutcome(True, f"{amount} are on their way back to {order.customer}.", receipt)


@mcp.resource(
    "orders://policy",
    title="Refund policy",
    description="What is refunded, and when.",
    mime_type="text/markdown",
    annotations=Annotations(audience=["user", "assistant"], priority=0.8),
    cache=CacheHint(ttl_ms=3_600_000, scope="public"),
)
def policy() -> str:
    return bundled("policy.md").decode()


@mcp.resource(
    "orders://{order_id}",
    name="order",
    title="Order",
    description="One order in full, as JSON.",
    mime_type="application/json",
    annotations=Annotations(audience=["assistant"]),
    cache=CacheHint(ttl_ms=0, scope="private"),
)
def order_resource(order_id: str) -> Order:
    order = book().get(order_id)
    if order is None:
        raise ResourceNotFoundError(f"orders://{order_id}")
    return order


Tone = Literal["polite", "warm", "firm", "formal"]


@mcp.prompt(title="Answer a complaint")
def complaint(
    order_id: Annotated[str, msgspec.Meta(description="The order that the customer complains about.")],
    tone: Annotated[Tone, msgspec.Meta(description="How the answer should sound.")] = "polite",
) -> str:
    """Write an answer to a customer who complains about an order."""
    order = book().get(order_id)
    if order is None:
        raise InvalidParamsError(f"There is no order {order_id!r}")
    articles = ", ".join(f"{line.quantity} x {line.title}" for line in order.lines)
    return (
        f"{order.customer} complains about order {order.id} of {order.placed_on:%d %B %Y} ({articles}), "
        f"which is {order.status}. Write an answer in a {tone} tone. Promise a refund only if the policy in "
        "orders://policy allows one."
    )


@mcp.completion()
def complete(
    ref: PromptReference | ResourceTemplateReference,
    argument: CompletionArgument,
    context: CompletionContext | None,
) -> Completion | None:
    if argument.name == "order_id":
        ids = list(book().ids(argument.value))
        return Completion(values=ids[:100], total=len(ids), has_more=len(ids) > 100)
    if argument.name == "tone":
        typed = argument.value.casefold()
        return Completion(values=[tone for tone in get_args(Tone) if tone.startswith(typed)])
    return None


handler = mcp.lambda_handler()
