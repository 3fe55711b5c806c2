"""The MCP server of the shop's book-keeping: reports that take longer than a request may."""

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Annotated
from uuid import uuid4

import msgspec

from lambent import Context, MCPServer, RetryableError, TaskPolicy, ToolAnnotations, ToolError
from sales import Cents
from stages import Part, by_category, by_region, month_total, take_stock

mcp = MCPServer(
    "reports",
    version="1.0.0",
    title="Shop reports",
    description="Reports over the orders of a shop, built in the background.",
    instructions=(
        "build_report takes several seconds and asks the user one question: clients that declare the tasks "
        "extension get a task for it. compare_months answers at once for a few months, and becomes a task "
        "for many."
    ),
)

mcp.skills(Path(__file__).parent / "skills")

READ_ONLY = ToolAnnotations(read_only_hint=True, open_world_hint=False)

Month = Annotated[
    str, msgspec.Meta(pattern=r"^20\d\d-(0[1-9]|1[0-2])$", description="A month, such as 2026-03.")
]


@dataclass(frozen=True)
class Scope:
    """What the user is asked in the middle of a report."""

    include: Annotated[
        bool, msgspec.Meta(title="Count cancelled orders", description="As if they had been delivered.")
    ]


class Report(msgspec.Struct, frozen=True):
    """A month's sales."""

    month: str
    orders: int
    cents: Cents
    with_cancelled: bool
    regions: list[Part]
    categories: list[Part]


@mcp.tool(
    title="Build a report",
    annotations=READ_ONLY,
    task=TaskPolicy(
        support="optional", ttl=timedelta(hours=6), poll_interval=timedelta(seconds=1), max_attempts=3
    ),
)
async def build_report(
    month: Month,
    ctx: Context,
    stumble: Annotated[
        bool, msgspec.Meta(description="Fail once on the way, as a database that restarts would.")
    ] = False,
) -> Report:
    """Build the report of a month: its sales by region and by category."""
    await ctx.report_progress(0, 4, f"counting the orders of {month}")
    volume = await ctx.step("volume", take_stock, month)

    with_cancelled = await _asked(month, volume.cancelled, ctx)

    await ctx.report_progress(1, 4, "adding up the regions")
    regions = await ctx.step("regions", by_region, month, with_cancelled)
    if stumble:
        await _stumble(ctx)

    await ctx.report_progress(2, 4, "adding up the categories")
    categories = await ctx.step("categories", by_category, month, with_cancelled)

    await ctx.report_progress(3, 4, "writing the report")
    return Report(
        month=month,
        orders=sum(part.orders for part in regions),
        cents=sum(part.cents for part in regions),
        with_cancelled=with_cancelled,
        regions=regions,
        categories=categories,
    )


async def _asked(month: str, cancelled: int, ctx: Context) -> bool:
    if not cancelled or ctx.client_capabilities.elicitation is None:
        return False
    question = f"{cancelled} orders of {month} were cancelled. Shall the report count them?"
    answer = await ctx.elicit(question, Scope, key="scope")
    if answer.action == "cancel":
        raise ToolError(
            "The question was dismissed, so there is no report. Ask the user whether to try again."
        )
    return answer.action == "accept" and answer.data.include


async def _stumble(ctx: Context) -> None:
    # Only the attempt in which the step really ran gets its own mark back.
    mark = uuid4().hex
    if await ctx.step("first attempt", lambda: mark) == mark:
        raise RetryableError("The database is restarting. Try again in a moment.")


class Comparison(msgspec.Struct, frozen=True):
    """Months side by side."""

    months: list[Part]
    best: str


@mcp.tool(
    title="Compare months",
    annotations=READ_ONLY,
    task=TaskPolicy(support="auto", inline=timedelta(seconds=2), poll_interval=timedelta(milliseconds=500)),
)
async def compare_months(
    year: Annotated[int, msgspec.Meta(ge=2000, le=2099, description="The year.")],
    ctx: Context,
    first: Annotated[int, msgspec.Meta(ge=1, le=12, description="The first month.")] = 1,
    last: Annotated[int, msgspec.Meta(ge=1, le=12, description="The last month.")] = 12,
) -> Comparison:
    """Compare the months of a year."""
    if first > last:
        raise ToolError("The first month comes after the last one. Swap them.")
    totals = []
    for number in range(first, last + 1):
        month = f"{year}-{number:02}"
        await ctx.report_progress(number - first, last - first + 1, f"adding up {month}")
        totals.append(await ctx.step(month, month_total, month))
    return Comparison(months=totals, best=max(totals, key=lambda part: part.cents).name)


handler = mcp.lambda_handler()
