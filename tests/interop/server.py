"""The server that the clients talk to, on Lambent's public API alone.

Every page of its lists is short, so that no client sees everything on the first one.
"""

import os
from base64 import b64decode
from dataclasses import dataclass
from typing import Annotated

from lambent import (
    Completion,
    CompletionArgument,
    CompletionContext,
    Context,
    McpHeader,
    MCPServer,
    PromptMessage,
    PromptReference,
    ResourceTemplateReference,
    ToolError,
    UserMessage,
)

TONES = ("cold", "courteous", "warm")
CITIES = {"graz": "Graz", "zürich": "Zürich", "köln": "Köln"}
RED_PIXEL = b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR42mP4z8AAAAMBAQD3A0FDAAAAAElFTkSuQmCC"
)

mcp = MCPServer(
    "lambent-interop",
    version="1.2.3",
    title="Interop",
    instructions="Call anything; nothing breaks.",
    page_size=3,
    compact_results=True,  # results of every kind, also those that are no objects
)


# Plain calls.


@mcp.tool()
def greet(name: str) -> str:
    """Greet somebody."""
    return f"Hello, {name}!"


@dataclass(frozen=True)
class Parcel:
    """A parcel on a scale."""

    grams: int
    label: str
    fragile: bool


@mcp.tool()
def weigh(label: str, items: list[int]) -> Parcel:
    """Weigh some items together."""
    return Parcel(sum(items), label, fragile=False)


@mcp.tool()
def divide(dividend: int, divisor: int) -> float:
    """Divide, unless it is by zero."""
    if divisor == 0:
        raise ToolError("Nothing can be divided by zero")
    return dividend / divisor


@mcp.tool()
async def countdown(start: int, ctx: Context) -> str:
    """Count down, report every step, and tell whether anybody wants to know."""
    for done in range(1, start + 1):
        await ctx.report_progress(done, start, f"{start - done} to go")
    return "Lift-off" if "progressToken" in ctx.meta else "Lift-off, unheard"


@mcp.tool(name="größe_in_字")
def size_in_characters(text: str) -> int:
    """Count the characters of a text; the name of the tool is not ASCII."""
    return len(text)


# Headers.


@dataclass(frozen=True)
class Mirrored:
    """What arrived in the body, and what in the headers."""

    body: dict[str, str | int | bool]
    headers: dict[str, str]


@mcp.tool()
def search(
    region: Annotated[str, McpHeader("Region")],
    limit: Annotated[int, McpHeader("Limit")],
    exact: Annotated[bool, McpHeader("Exact")],
    ctx: Context,
) -> Mirrored:
    """Tell which parameters came in headers too."""
    sent = {name: value for name, value in ctx.headers.items() if name.startswith("mcp-param-")}
    return Mirrored({"region": region, "limit": limit, "exact": exact}, sent)


# Questions.


@dataclass(frozen=True)
class Amount:
    """How much to pay back."""

    euros: int


@dataclass(frozen=True)
class Confirmation:
    """Whether to go on."""

    sure: bool


@dataclass(frozen=True)
class Name:
    """A name to be called by."""

    name: str


@mcp.tool()
async def refund(order: str, ctx: Context) -> str:
    """Ask two questions, the second one about the answer to the first, and tell how many processes ran."""
    processes = {await ctx.step("first", os.getpid)}
    amount = await ctx.elicit(f"How much of {order}?", Amount)
    if amount.action != "accept":
        return f"Nothing of {order}: {amount.action}"
    processes.add(await ctx.step("second", os.getpid))
    sure = await ctx.elicit(f"Really {amount.data.euros} euros of {order}?", Confirmation)
    if sure.action != "accept" or not sure.data.sure:
        return f"Nothing of {order} after all"
    processes.add(os.getpid())
    return f"{amount.data.euros} euros of {order} in {len(processes)} process(es)"


@mcp.tool()
def introduce(ctx: Context) -> str:
    """Ask the user, the client's model and the client, all in one round."""
    name = ctx.elicit("What is your name?", Name, key="name")
    motto = ctx.sample("Give me a motto.", max_tokens=20, key="motto")
    roots = ctx.list_roots(key="roots")
    answer = name.result()
    called = answer.data.name if answer.action == "accept" else "stranger"
    places = ", ".join(f"{root.name} at {root.uri}" for root in roots.result())
    return f"{called} says {motto.result().text!r} and works on {places}"


@mcp.tool()
def recall(ctx: Context) -> str:
    """Ask the client's model and the client: what there was to ask before there were forms."""
    motto = ctx.sample("Give me a motto.", max_tokens=20, key="motto")
    roots = ctx.list_roots(key="roots")
    return f"{motto.result().text!r} on {', '.join(str(root.uri) for root in roots.result())}"


# Resources.


@mcp.resource("interop://notes/welcome", mime_type="text/markdown")
def welcome() -> str:
    """A text."""
    return "# Welcome\n\nSchön, dass du da bist.\n"


@mcp.resource("interop://images/pixel.png", mime_type="image/png", size=len(RED_PIXEL))
def pixel() -> bytes:
    """A binary."""
    return RED_PIXEL


@mcp.resource("interop://städte/zürich")
def zurich() -> str:
    """A text whose URI is not ASCII."""
    return "Grüezi"


@mcp.resource("interop://notes/broken")
def broken() -> str:
    """A text that cannot be read: reading it is an internal error."""
    raise RuntimeError("The disk is on fire")


@mcp.resource("interop://cities/{city}/people/{number}")
def person(city: str, number: int, ctx: Context) -> dict[str, str | int]:
    """JSON about somebody who lives somewhere."""
    return {"city": CITIES.get(city, "nowhere"), "number": number, "protocol": ctx.protocol_version}


# Prompts and completion.


@mcp.prompt()
def letter(name: str, tone: str = "warm") -> list[PromptMessage]:
    """Have a letter written."""
    return [UserMessage(f"Write a {tone} letter to {name}."), UserMessage("Keep it short.")]


@mcp.completion()
def complete(
    ref: PromptReference | ResourceTemplateReference,
    argument: CompletionArgument,
    context: CompletionContext | None,
) -> Completion:
    """Tones of letters, and cities."""
    words = TONES if isinstance(ref, PromptReference) else tuple(CITIES)
    if context is not None and context.arguments and context.arguments.get("name") == "Graz":
        words = ("homely",)
    found = [word for word in words if word.startswith(argument.value)]
    return Completion(values=found, total=len(found), has_more=False)


handler = mcp.lambda_handler()
asgi = mcp.asgi()
