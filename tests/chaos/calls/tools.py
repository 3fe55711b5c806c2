"""The tools of a run: each does three steps, and gives what they gave."""

import asyncio
import random
import time
import uuid
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from tests.chaos import ledger as ledgers
from tests.chaos.calls.records import Journals, has_step
from tests.chaos.ledger import Ledger

from lambent import Context, Idempotency, MCPServer, StepInterrupted

FORM = {"type": "object", "properties": {"ok": {"type": "boolean"}}, "required": ["ok"]}
STEPS = ("s0", "s1", "s2")
KINDS = ("idempotent", "single-use")
FORMS = ("plain", "async")
GUARDS = ("", "-once")
NAMES = tuple(f"{kind}-{form}{guard}" for kind in KINDS for form in FORMS for guard in GUARDS)
"""``-once``: its steps may run at most once."""


class Act:
    """The steps of one run of a tool.

    Args:
        call: the call, as its client names it.
        ctx: of the run.
        pace: seconds that each half of a step takes, at most.
        tools: the tools.
    """

    def __init__(self, call: str, ctx: Context, pace: float, tools: "Tools") -> None:
        self._call = call
        self._ctx = ctx
        self._pace = pace
        self._tools = tools
        self._passed: list[str] = []

    def passed(self, name: str, value: str) -> str:
        """Note that the tool goes on behind a step."""
        self._passed.append(name)
        return value

    def plain(self, name: str, intent: str = "") -> str:
        """Take effect; a step that may run at most once has written down its intent before."""
        value = self._begin(name, intent)
        time.sleep(self._pause())
        self._tools.ledger.write("effect", task=self._call, name=name, value=value)
        time.sleep(self._pause())
        return self._end(name, value)

    async def coroutine(self, name: str, intent: str = "") -> str:
        """The same, as a coroutine."""
        value = self._begin(name, intent)
        await asyncio.sleep(self._pause())
        self._tools.ledger.write("effect", task=self._call, name=name, value=value)
        await asyncio.sleep(self._pause())
        return self._end(name, value)

    def once(self, name: str) -> str:
        """A step that may run at most once; where it was interrupted, look whether it took effect."""
        for number in range(1000):
            this = f"{name}.{number}"
            try:
                step = self._ctx.step(this, self.plain, name, this, at_most_once=True)
                return self.passed(name, step.result())
            except StepInterrupted:
                done = self._look(name)
                if done is not None:
                    return done
        raise AssertionError("interrupted a thousand times")

    async def async_once(self, name: str) -> str:
        """The same, as a coroutine."""
        for number in range(1000):
            this = f"{name}.{number}"
            try:
                step = self._ctx.step(this, self.coroutine, name, this, at_most_once=True)
                return self.passed(name, await step)
            except StepInterrupted:
                done = self._look(name)
                if done is not None:
                    return done
        raise AssertionError("interrupted a thousand times")

    def _begin(self, name: str, intent: str) -> str:
        lease, record = self._tools.journals.look(self._ctx)
        missing = [each for each in self._passed if not has_step(record, each)]
        if intent and (record is None or intent not in record.state.intents):
            missing.append(f"the intent of {intent}")
        value = uuid.uuid4().hex
        left = lease.until - time.time()
        self._tools.ledger.write(
            "begun",
            task=self._call,
            name=name,
            owner=lease.owner,
            value=value,
            until=time.monotonic_ns() + int(left * 1e9),
            recorded=has_step(record, name),
            steps=tuple(missing),
        )
        return value

    def _pause(self) -> float:
        """Seconds to wait; now and then the process ends here."""
        self._tools.die()
        return self._tools.dice.uniform(0, self._pace)

    def _end(self, name: str, value: str) -> str:
        self._tools.ledger.write("ended", task=self._call, name=name, value=value)
        return value

    def _look(self, name: str) -> str | None:
        self._tools.ledger.write("interrupted", task=self._call, name=name)
        found = [line.value for line in ledgers.of_call(self._tools.path, self._call) if line.what == "effect"
                 and line.name == name]  # fmt: skip
        return found[0] if found else None


class Tools:
    """What the tools of a process share.

    Args:
        ledger: where steps take effect.
        path: its path.
        journals: reads what is kept.
        dice: decides how long steps take.
        die: is called in the middle of steps; may kill the process.
    """

    def __init__(
        self,
        ledger: Ledger,
        path: Path,
        journals: Journals,
        dice: random.Random,
        die: Callable[[], None],
    ) -> None:
        self.ledger = ledger
        self.path = path
        self.journals = journals
        self.dice = dice
        self.die = die

    def add_to(self, mcp: MCPServer) -> None:
        """Declare them all."""
        for kind in KINDS:
            options: dict[str, Any] = (
                {"idempotency": Idempotency(key="call")} if kind == "idempotent" else {"single_use": True}
            )
            for guard in GUARDS:
                mcp.tool(f"{kind}-plain{guard}", **options)(self._plain(at_most_once=bool(guard)))
                mcp.tool(f"{kind}-async{guard}", **options)(self._async(at_most_once=bool(guard)))

    def _plain(self, *, at_most_once: bool) -> Callable[..., list[str]]:
        def tool(call: str, pace: float, asks: list[int], ctx: Context) -> list[str]:
            act = Act(call, ctx, pace, self)
            done: list[str] = []
            for number, name in enumerate(STEPS):
                if number in asks:
                    ctx.elicit(f"{number}?", FORM, key=f"q{number}").result()
                if at_most_once:
                    done.append(act.once(name))
                elif number == 1:
                    done.append(act.passed(name, ctx.step(name, act.coroutine, name).result()))
                else:
                    done.append(act.passed(name, ctx.step(name, act.plain, name).result()))
                ctx.report_progress(number, len(STEPS))
            return done

        return tool

    def _async(self, *, at_most_once: bool) -> Callable[..., Coroutine[Any, Any, list[str]]]:
        async def tool(call: str, pace: float, asks: list[int], ctx: Context) -> list[str]:
            act = Act(call, ctx, pace, self)
            for number in asks:
                if number < 2:
                    await ctx.elicit(f"{number}?", FORM, key=f"q{number}")
            if at_most_once:
                first = await act.async_once("s0")
            else:
                first = act.passed("s0", ctx.step("s0", act.plain, "s0").result())
            await ctx.report_progress(1, 3)
            if 2 in asks:
                await ctx.elicit("2?", FORM, key="q2")
            begin = act.async_once if at_most_once else lambda name: ctx.step(name, act.coroutine, name)
            if len(call) % 2:  # one after the other, or at the same time
                return [first, await begin("s1"), await begin("s2")]
            return [first, *await asyncio.gather(begin("s1"), begin("s2"))]

        return tool
