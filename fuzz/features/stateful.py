"""Tools that need a store: tasks, sessions, idempotent calls, and single-use states."""

from dataclasses import dataclass, field
from typing import Any

from fuzz.features.questions import Consent, Size
from fuzz.recorder import IDEMPOTENCY_META_KEY, EffectRecorder
from lambent import Context, Idempotency, MCPServer, Session, TaskPolicy


@dataclass
class Cart:
    """What a session keeps."""

    items: list[str] = field(default_factory=list)


def add(mcp: MCPServer, recorder: EffectRecorder) -> None:
    """Declare them."""
    _add_tasks(mcp, recorder)
    _add_sessions(mcp, recorder)
    _add_once(mcp, recorder)


def _add_tasks(mcp: MCPServer, recorder: EffectRecorder) -> None:
    @mcp.tool(task=True)
    def report(month: str, ctx: Context) -> str:
        gathered = ctx.step("gather", recorder.effect, "report/gather").result()
        ctx.report_progress(1, 2, "half")
        answer = ctx.elicit("Publish?", Consent, key="consent").result()
        written = ctx.step("write", recorder.effect, "report/write").result()
        return f"{month} {gathered} {answer.action} {written}"

    @mcp.tool(task=TaskPolicy(support="required", max_attempts=2))
    async def archive(ctx: Context, what: Any = None) -> str:
        return await ctx.step("archive", recorder.effect_async, "archive/archive")


def _add_sessions(mcp: MCPServer, recorder: EffectRecorder) -> None:
    @mcp.tool()
    def cart_open(ctx: Context) -> str:
        return ctx.sessions.create(Cart)

    @mcp.tool()
    def cart_add(cart: Session[Cart], item: str) -> int:
        cart.items.append(item[:50])
        return len(cart.items)

    @mcp.tool()
    def cart_pay(cart: Session[Cart], ctx: Context) -> str:
        reserved = ctx.step("reserve", recorder.effect, "cart_pay/reserve").result()
        size = ctx.elicit(f"Pay for {len(cart.items)}?", Size, key="size").result()
        return f"{reserved} {size.action} " + ctx.step("pay", recorder.effect, "cart_pay/pay").result()


def _add_once(mcp: MCPServer, recorder: EffectRecorder) -> None:
    @mcp.tool(idempotency=Idempotency(key="order.id", meta_key=IDEMPOTENCY_META_KEY))
    def pay(order: dict[str, Any], ctx: Context) -> str:
        principal = ctx.principal.subject if ctx.principal is not None else ""
        given = ctx.meta.get(IDEMPOTENCY_META_KEY)
        key = order.get("id") if given is None else given
        recorder.payment(principal, "argument" if given is None else "meta", key)
        return "paid"

    @mcp.tool(single_use=True)
    def redeem(code: str, ctx: Context) -> str:
        noted = ctx.step("note", recorder.effect, "redeem/note").result()
        answer = ctx.elicit("Redeem?", Consent, key="consent").result()
        return f"{noted} {answer.action} " + ctx.step("redeem", recorder.effect, "redeem/redeem").result()
