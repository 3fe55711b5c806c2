"""A process dies, or a port fails, at every single place at which it can. The task ends well all the same."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from tests.execution.durable.tasks.harness import Died, Environment, Watch, World, task_server, worlds
from tests.support import accept

from lambent import Context, RetryableError, StoreError, TaskPolicy

world = pytest.fixture(worlds)
Worlds = Callable[..., World]

VISIBILITY = 120.0
"""Seconds after which a message that was not dealt with is delivered again."""


@dataclass
class Ok:
    ok: bool


class Failed(StoreError):  # noqa: N818 - beside Died
    """What a port raises that does not answer."""


@dataclass
class Trap:
    """Counts everything that is done, and strikes once.

    Attributes:
        at: which one to strike at; -1 for none.
        strike: what is raised.
    """

    at: int
    strike: type[BaseException]
    places: list[str] = field(default_factory=list)

    def __call__(self, place: str) -> None:
        self.places.append(place)
        if len(self.places) - 1 == self.at:
            raise self.strike(place)


class Scene:
    """A client and its task, from the call to its end, whatever strikes meanwhile."""

    def __init__(self, world: Worlds, trap: Trap, tool: Callable[..., Any] | None = None) -> None:
        self.trap = trap
        self.retried: set[str] = set()
        mcp = task_server()
        mcp.tool("work", task=TaskPolicy(max_attempts=20))(tool if tool is not None else self.work)
        self.world = world(mcp)
        self.watch = Watch(self.world)
        self.world.store.before = lambda call: trap(f"before {call}")
        self.world.store.after = lambda call: trap(f"after {call}")
        self.world.queue.before = lambda: trap("before send")
        self.world.queue.after = lambda: trap("after send")
        self.environment: Environment = self.world.environment()

    def step(self, task_id: str, name: str) -> str:
        try:
            self.trap(f"before {name}")
            self.watch.effect(task_id, name)
            self.trap(f"after {name}")
        except Failed as error:
            raise ValueError("the step itself failed") from error
        return name

    def work(self, ctx: Context) -> str:
        task_id = str(ctx.request_id)
        first = ctx.step("first", self.step, task_id, "first").result()
        if task_id not in self.retried:
            self.retried.add(task_id)
            raise RetryableError("later")
        ctx.report_progress(1, 2)
        answer = ctx.elicit("ok?", Ok, key="ok").result()
        second = ctx.step("second", self.step, task_id, "second").result()
        return f"{first} {answer.action} {second}"

    def play(self) -> tuple[str, dict[str, Any]]:
        """The task and its end, as its client sees it."""
        task_id = ""
        for _ in range(200):
            try:
                task_id, shown = self.ask(task_id)
                if shown.get("status") in ("completed", "failed", "cancelled"):
                    self.watch.check()
                    return task_id, shown
                self.deliver()
            except Died:
                self.environment = self.world.environment()  # another one takes over
        raise AssertionError(f"it never ends: {self.trap.places}")

    def ask(self, task_id: str) -> tuple[str, dict[str, Any]]:
        client = self.environment.client
        if not task_id:
            result = client.call("work").response.get("result", {})
            return result.get("taskId", ""), {}
        shown = client.get(task_id).response.get("result", {})
        if shown.get("status") == "input_required":
            client.update(task_id, {key: accept(ok=True) for key in shown["inputRequests"]})
        return task_id, shown

    def deliver(self) -> None:
        clock, queue = self.world.clock, self.world.queue
        due = [message for message in queue.messages if message.due <= clock.now]
        if not due:
            clock.advance(10)
            return
        message = due[0]
        message.due = clock.now + VISIBILITY
        try:
            failed = self.environment.invoke(message.task_id)
        finally:
            message.receives += 1
        if not failed:
            queue.messages.remove(message)


def test_nothing_strikes(world: Worlds) -> None:
    scene = Scene(world, Trap(-1, Died))
    _, shown = scene.play()
    assert shown["result"]["content"][0]["text"] == "first accept second"
    expected = {"before insert TASK", "after replace TASK", "after send", "before second"}
    assert expected <= set(scene.trap.places)
    assert len(scene.trap.places) > 40


@pytest.mark.parametrize("strike", [Died, Failed])
def test_a_task_ends_well_whatever_strikes_wherever(world: Worlds, strike: type[BaseException]) -> None:
    at = 0
    while True:
        trap = Trap(at, strike)
        scene = Scene(world, trap)
        task_id, shown = scene.play()
        if len(trap.places) <= at:
            return
        check(scene, task_id, shown, strike, f"{trap.places[at]}, number {at}")
        at += 1


def check(scene: Scene, task_id: str, shown: dict[str, Any], strike: type[BaseException], place: str) -> None:
    if strike is Failed and place.partition(",")[0] in [f"{when} {step}" for when in WHEN for step in STEPS]:
        assert shown["result"]["isError"] is True  # the tool's own failure
        return
    assert shown["status"] == "completed", (place, shown)
    assert "isError" not in shown["result"], (place, shown)
    assert shown["result"]["content"][0]["text"] == "first accept second"
    for step in STEPS:
        # Only a process that dies between the effect and its note does it twice.
        twice = strike is Died and place.startswith((f"after {step}", "before replace TASK"))
        assert scene.watch.effects[task_id, step] <= 1 + twice, place


WHEN, STEPS = ("before", "after"), ("first", "second")
