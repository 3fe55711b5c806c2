"""Tools that ask questions, with steps between them."""

from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypedDict

import msgspec

from fuzz.recorder import EffectRecorder
from lambent import Context, Elicit, ElicitationResult, MCPServer, Resolve


class Address(TypedDict, total=False):
    """A typed dictionary, of which unknown keys are skipped."""

    street: str
    zip: str


@dataclass
class Size:
    """A form."""

    size: Literal["S", "M", "L"]
    gift: bool = False


class Consent(msgspec.Struct):
    """A form with every kind of primitive field."""

    agree: bool
    note: Annotated[str, msgspec.Meta(max_length=200)] = ""
    times: Annotated[int, msgspec.Meta(ge=0, le=9)] = 1
    rate: float = 0.5
    colors: list[Literal["red", "blue"]] = []


FLAT_FORM: dict[str, Any] = {
    "type": "object",
    "properties": {
        "city": {"type": "string", "minLength": 1, "maxLength": 80},
        "nights": {"type": "integer", "minimum": 1, "maximum": 30},
        "budget": {"type": "number"},
        "window": {"type": "boolean"},
        "class": {
            "type": "string",
            "oneOf": [{"const": "eco", "title": "E"}, {"const": "biz", "title": "B"}],
        },
        "meals": {"type": "array", "items": {"type": "string", "enum": ["veg", "fish"]}, "maxItems": 2},
    },
    "required": ["city"],
}


def add(mcp: MCPServer, recorder: EffectRecorder) -> None:
    """Declare them."""
    _add_plain(mcp, recorder)
    _add_async(mcp, recorder)


def _add_plain(mcp: MCPServer, recorder: EffectRecorder) -> None:
    @mcp.tool()
    def order(item: str, ctx: Context, quantity: int = 1, note: Any = None) -> dict[str, Any]:
        seen = [ctx.step("reserve", recorder.effect, "order/reserve").result()]
        size = ctx.elicit("Which size?", Size, key="size").result()
        if size.action != "accept":
            return {"steps": seen, "size": None, "word": None}
        seen.append(ctx.step("pay", recorder.effect, "order/pay").result())
        word = ctx.sample("Thank the customer", max_tokens=50, key="word").result()
        seen.append(ctx.step("ship", recorder.effect, "order/ship").result())
        return {"steps": seen, "size": size.data.size, "word": word.text}

    @mcp.tool()
    def refund(item: str, ctx: Context, quantity: int = 1, note: Any = None) -> dict[str, Any]:
        size = ctx.elicit("Which size?", Size, key="size").result()
        paid = ctx.step("pay", recorder.effect, "refund/pay").result()
        return {"steps": [paid], "size": size.action, "word": ctx.list_roots(key="word").result()[:1]}

    @mcp.tool()
    def visit(ctx: Context, where: Address | None = None) -> str:
        done = ctx.step("draft", recorder.effect, "visit/draft").result()
        there = ctx.elicit_url("Please sign", "https://sign.example.com/", key="url").result()
        return f"{done} {there.action}"


def _add_async(mcp: MCPServer, recorder: EffectRecorder) -> None:
    @mcp.tool()
    async def travel(ctx: Context, to: str = "here") -> dict[str, Any]:
        trip = ctx.elicit("Where to?", FLAT_FORM)
        roots = ctx.list_roots()
        answer = await trip
        booked = await ctx.step("book", recorder.effect_async, "travel/book")
        consent = await ctx.elicit("Agreed?", Consent)
        paid = await ctx.step("settle", recorder.effect_async, "travel/settle")
        places = [root.uri for root in await roots]
        return {"trip": answer.action, "consent": consent.action, "steps": [booked, paid], "roots": places}

    async def customer(ctx: Context) -> str:
        return await ctx.step("look up", recorder.effect_async, "approve/look up")

    def consent(customer: Annotated[str, Resolve(customer)], amount: int) -> Elicit[Consent]:
        return Elicit(f"{customer} pays {amount}?", Consent)

    def size(amount: int) -> Elicit[Size] | Size:
        return Elicit("Which size?", Size) if amount > 10 else Size("S")

    @mcp.tool()
    def approve(
        amount: int,
        ctx: Context,
        consent: Annotated[Consent, Resolve(consent)],
        size: Annotated[ElicitationResult[Size], Resolve(size)],
    ) -> str:
        return ctx.step("approve", recorder.effect, "approve/approve").result()
