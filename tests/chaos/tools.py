"""The tools of a run: steps with effects, questions, failures that may pass."""

import asyncio
import random
import time
from collections.abc import Sequence
from typing import Any

from tests.chaos.ledger import Ledger

from lambent import Context, MCPServer, RetryableError, TaskPolicy

FORM = {"type": "object", "properties": {"ok": {"type": "boolean"}}, "required": ["ok"]}
POLICY = TaskPolicy(max_attempts=40)


def make_tools(ledger: Ledger, dice: random.Random) -> MCPServer:
    """A server whose tools do as their arguments say."""
    mcp = MCPServer("chaos")

    def effect(task: str, name: str, pace: float) -> str:
        time.sleep(dice.uniform(0, pace))
        ledger.write("effect", task=task, name=name)
        time.sleep(dice.uniform(0, pace))
        return name

    async def async_effect(task: str, name: str, pace: float) -> str:
        await asyncio.sleep(dice.uniform(0, pace))
        ledger.write("effect", task=task, name=name)
        await asyncio.sleep(dice.uniform(0, pace))
        return name

    @mcp.tool("plain", task=POLICY)
    def plain(plan: list[str], pace: float, ctx: Context) -> list[str]:
        done: list[str] = []
        for number, what in enumerate(plan):
            if what == "ask":
                ctx.elicit(f"{number}?", FORM, key=f"q{number}").result()
            elif what == "stumble":
                stumble(dice)
            else:
                done.append(ctx.step(f"s{number}", effect, str(ctx.request_id), f"s{number}", pace).result())
                ctx.report_progress(number, len(plan))
        return done

    @mcp.tool("async", task=POLICY)
    async def asynchronous(plan: list[str], pace: float, ctx: Context) -> list[str]:
        done: list[str] = []
        for number, what in enumerate(plan):
            if what == "ask":
                await ctx.elicit(f"{number}?", FORM, key=f"q{number}")
            elif what == "stumble":
                stumble(dice)
            else:
                step = ctx.step(f"s{number}", async_effect, str(ctx.request_id), f"s{number}", pace)
                done.append(await step)
                await ctx.report_progress(number, len(plan))
        return done

    return mcp


def stumble(dice: random.Random) -> None:
    """Fail for now, every other time."""
    if dice.random() < 0.5:
        raise RetryableError("later")


def plans(dice: random.Random) -> dict[str, Any]:
    """The arguments of a call."""
    steps: Sequence[str] = ["step"] * dice.randint(1, 5)
    more = [what for what, odds in (("ask", 0.25), ("stumble", 0.3)) if dice.random() < odds]
    plan = [*steps, *more]
    dice.shuffle(plan)
    return {"plan": plan, "pace": dice.choice((0.005, 0.02, 0.06))}


def result_of(plan: Sequence[str]) -> list[str]:
    """What a call with this plan gives."""
    return [f"s{number}" for number, what in enumerate(plan) if what == "step"]
