"""The server of a run: uvicorn serves it, and workers run its tasks."""

import asyncio
import os
import uuid
from dataclasses import dataclass, field
from pathlib import Path

from tests.chaos.short_times import hurry

from lambent import Context, Idempotency, MCPServer, Session, StepInterrupted, TaskPolicy
from lambent.hosts import lease_renewal, live

# What a killed process holds is free after two seconds, and not after a minute.
hurry(allowance=0.5, unbounded=1.5)
live.leases = lease_renewal.LeaseRenewal(0.5)

mcp = MCPServer("balanced")


@dataclass
class Cart:
    items: list[str] = field(default_factory=list)


@dataclass
class Answer:
    word: str


@mcp.tool()
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


@mcp.tool()
async def slow(seconds: float) -> str:
    """Take some time."""
    await asyncio.sleep(seconds)
    return "done"


@mcp.tool()
async def ask(ctx: Context) -> str:
    """Ask for a word."""
    answer = await ctx.elicit("Which word?", Answer)
    return answer.data.word if answer.action == "accept" else ""


@mcp.tool(idempotency=Idempotency(key="order"))
def pay(order: str, ctx: Context) -> str:
    """Take effect once, also where a process is killed between the effect and its record."""
    try:
        return ctx.step("pay", _pay, order, at_most_once=True).result()
    except StepInterrupted:
        done = [line.split()[1] for line in _ledger().read_text().splitlines() if line.split()[0] == order]
        return done[0] if done else ctx.step("pay again", _pay, order).result()


@mcp.tool()
def new_cart(ctx: Context) -> str:
    """Begin to shop."""
    return ctx.sessions.create(Cart)


@mcp.tool()
def put(cart: Session[Cart], item: str) -> list[str]:
    """Put something into a cart; a second time it is there already."""
    if item not in cart.items:
        cart.items.append(item)
    return cart.items


@mcp.tool(task=TaskPolicy(support="required"))
async def report(number: int, ctx: Context) -> str:
    """Work in steps."""
    total = 0
    for step in range(3):
        await asyncio.sleep(0.1)
        total += await ctx.step(f"step {step}", _times, number, step)
    return str(total)


def _pay(order: str) -> str:
    value = uuid.uuid4().hex
    with _ledger().open("a") as opened:
        opened.write(f"{order} {value}\n")
    return value


def _times(number: int, step: int) -> int:
    return number * step


def _ledger() -> Path:
    return Path(os.environ["LEDGER"])
