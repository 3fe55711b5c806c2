"""Workers, clients and deliveries in any order, each stopped at every single thing that it does.

Every request and every delivery is a thread that waits at each call of a port, and inside each step, until it
is told to go on. Which one goes on, dies, or comes anew is drawn at random, as is the time that passes.
"""

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from tests.execution.durable.tasks.harness import (
    DEAD_ARN,
    INVOCATION,
    TERMINAL,
    Died,
    Environment,
    Sent,
    Watch,
    World,
    stored,
    task_server,
)
from tests.support import accept

from lambent import Context, InvalidParamsError, RetryableError, TaskPolicy
from lambent.execution import execute
from lambent.execution.durable.records import is_leased
from lambent.execution.handlers import tools
from lambent.execution.ports import Item

TIMEOUT_SECONDS = 30.0
VISIBILITY = 90.0
SKEWS = (-15.0, 15.0)
"""Two clocks are up to half a minute apart: as much as the library allows for."""

FORM = {"type": "object", "properties": {"ok": {"type": "boolean"}}, "required": ["ok"]}
ANSWER, NONSENSE = accept(ok=True), accept(ok="perhaps")

_here = threading.local()


class Actor:
    """A process that does one thing at a time, when it is told to.

    Attributes:
        deadline: when Lambda kills it.
        works: it is a worker, not a request.
        skew: how wrong its clock is.
        late: it was not killed at its deadline, though it should have been.
        died: it was killed.
        ended: it has nothing more to do.
        error: what it ended with, if that is anything but its death.
    """

    def __init__(self, work: Callable[[], Any], deadline: float, works: bool, skew: float) -> None:
        self.deadline = deadline
        self.works = works
        self.skew = skew
        self.late = False
        self.died = False
        self.ended = False
        self.result: Any = None
        self.error: BaseException | None = None
        self._dying = False
        self._go, self._stands = threading.Semaphore(0), threading.Semaphore(0)
        self._thread = threading.Thread(target=self._run, args=(work,), daemon=True)
        self._thread.start()

    def _run(self, work: Callable[[], Any]) -> None:
        _here.actor = self
        try:
            self.wait()
            self.result = work()
        except Died:
            self.died = True
        except BaseException as error:
            self.error = error
        self.ended = True
        self._stands.release()

    def wait(self) -> None:
        """Stand still until told to go on; within its own thread."""
        if not self._dying:
            self._stands.release()
            self._go.acquire()
        if self._dying:  # whatever it would clean up
            raise Died

    def ready(self) -> "Actor":
        """Wait until it stands at its beginning."""
        assert self._stands.acquire(timeout=TIMEOUT_SECONDS)
        return self

    def go(self) -> None:
        """Let it do the next thing."""
        if not self.ended:
            self._go.release()
            assert self._stands.acquire(timeout=TIMEOUT_SECONDS)
            if self.error is not None:
                raise self.error

    def finish(self) -> None:
        """Let it do everything that is left."""
        while not self.ended:
            self.go()

    def kill(self) -> None:
        """Let it do nothing any more."""
        self._dying = True
        self.go()
        assert self.ended


def current() -> Any:
    """The actor whose thread this is, if it is one's."""
    return getattr(_here, "actor", None)


def stand(place: str) -> None:
    """Where an actor stands still."""
    actor = current()
    if actor is not None:
        actor.wait()


STEPS = ["step"] * 4 + ["ask", "ask two", "retry", "progress", "progress"]
PLANS = st.lists(st.sampled_from([*STEPS, "fail"]), min_size=1, max_size=5)
WHERE = st.sampled_from(range(2))
ANY = st.integers(0, 7)
THINGS = st.sampled_from([0, 2, 2, 3, 3, 4, 5, 8, 99])
"""How many things one does before another's turn comes: a worker has read its task after two."""


class Tasks(RuleBasedStateMachine):
    """One server, two environments, any number of requests and deliveries at once."""

    def __init__(self) -> None:
        super().__init__()
        # Its processes are threads, and they die: none of them may take that for a failure of a tool.
        self._dying = pytest.MonkeyPatch()
        for module in (execute, tools):
            self._dying.setattr(module, "is_interrupt", lambda error: isinstance(error, KeyboardInterrupt))
        mcp = task_server()
        mcp.tool("work", task=TaskPolicy(max_attempts=50, ttl=timedelta(days=9)))(self.work)
        self.world = World(mcp)
        self.environments = [self.world.environment(skew) for skew in SKEWS]
        self.watch = Watch(self.world)
        self.watch.alive = self.is_alive
        self.world.store.before = stand
        self.world.queue.before = lambda: stand("send")
        self.owners: dict[str, Actor] = {}
        self.actors: list[Actor] = []
        self.acknowledged: list[str] = []
        self.tried: set[tuple[str, int]] = set()
        self.did: dict[tuple[str, str], Actor] = {}
        self._watched = self.world.store.written
        self.world.store.written = self.written

    @initialize(plan=PLANS)
    def begin(self, plan: list[str]) -> None:
        self.call(plan, 1).finish()

    def written(self, old: Item | None, new: Item) -> None:
        self._watched(old, new)
        me, before, after = current(), old and stored(old), stored(new)
        if me is None or before is None or not me.works:
            return
        if after.lease is not None:
            self.owners.setdefault(after.lease.owner, me)
        if before.lease is None or self.owners[before.lease.owner] is me:
            return
        if after.lease == before.lease or is_leased(before.lease, self.world.clock.now + me.skew):
            self.watch.wrong.append("a worker wrote under another's lease")

    def is_alive(self, owner: str) -> bool:
        actor = self.owners[owner]
        return not actor.ended and actor is not current() and self.world.clock.now < actor.deadline

    def work(self, plan: list[str], ctx: Context) -> str:
        """The tool: does as its arguments say."""
        task_id = str(ctx.request_id)
        for number, what in enumerate(plan):
            match what:
                case "step":
                    ctx.step(f"step {number}", self.effect, task_id, f"step {number}").result()
                case "ask":
                    ctx.elicit(f"{number}?", FORM, key=f"q{number}").result()
                case "ask two":
                    pending = [ctx.elicit(f"{number}{side}?", FORM, key=f"q{number}{side}") for side in "ab"]
                    for each in pending:
                        each.result()
                case "retry":
                    if (task_id, number) not in self.tried:
                        self.tried.add((task_id, number))
                        raise RetryableError("later")
                case "progress":
                    ctx.report_progress(number)
                case _:
                    raise InvalidParamsError("no")
        return "done"

    def effect(self, task_id: str, step: str) -> str:
        stand("effect")
        if current() is not None and current().late:
            return step  # against whoever should be dead, there are leases for what is kept, and no more
        self.watch.effect(task_id, step)
        before = self.did.setdefault((task_id, step), current())
        if before is not current() and before.ended and not before.died and not before.late:
            self.watch.wrong.append(f"{step} is run again, though its worker had time to note it")
        self.did[task_id, step] = current()
        stand("effect done")
        return step

    def start(self, work: Callable[[], Any], worker: Environment | None = None) -> Actor:
        skew = SKEWS[self.environments.index(worker)] if worker is not None else 0.0
        actor = Actor(work, self.world.clock.now + INVOCATION, worker is not None, skew).ready()
        self.actors.append(actor)
        return actor

    def call(self, plan: list[str], where: int) -> Actor:
        def work() -> None:
            result = self.environments[where].client.call("work", {"plan": plan}).result
            if result["resultType"] == "task":
                self.acknowledged.append(result["taskId"])

        return self.start(work)

    def task(self, number: int) -> str:
        return self.acknowledged[number % len(self.acknowledged)]

    # What clients do.

    @precondition(lambda self: len(self.acknowledged) < 3)
    @rule(plan=PLANS, where=WHERE, things=THINGS)
    def call_a_tool(self, plan: list[str], where: int, things: int) -> None:
        self.advance(self.call(plan, where), things)

    @rule(number=ANY, where=WHERE)
    def get(self, number: int, where: int) -> None:
        task_id = self.task(number)
        self.start(lambda: self.environments[where].client.get(task_id).result)

    @rule(number=ANY, where=WHERE, sure=st.sampled_from([True, False, False, False]))
    def cancel(self, number: int, where: int, sure: bool) -> None:
        task_id = self.task(number)
        if sure:
            self.start(lambda: self.environments[where].client.cancel(task_id).result)

    @precondition(lambda self: any(self.asked(task_id) for task_id in self.acknowledged))
    @rule(number=ANY, where=WHERE, take=st.integers(1, 2), right=st.sampled_from([True, True, True, False]))
    def update(self, number: int, where: int, take: int, right: bool) -> None:
        asking = [task_id for task_id in self.acknowledged if self.asked(task_id)]
        task_id = asking[number % len(asking)]
        # What is asked now may be answered by another when this one's turn comes.
        keys = [*self.asked(task_id)[:take], "q0", "never"]
        answers = dict.fromkeys(keys, ANSWER if right else NONSENSE)
        self.start(lambda: self.environments[where].client.update(task_id, answers))

    def asked(self, task_id: str) -> list[str]:
        return list(self.world.record(task_id).questions)

    # What the queue does.

    @precondition(lambda self: self.world.queue.messages)
    @rule(number=ANY, where=WHERE, things=THINGS)
    def deliver(self, number: int, where: int, things: int) -> None:
        """In any order, and again while it is being worked on."""
        messages = self.world.queue.messages
        actor = self.start_delivery(messages[number % len(messages)], self.environments[where])
        self.advance(actor, things)

    def start_delivery(self, message: Sent, environment: Environment) -> Actor:
        message.due = self.world.clock.now + VISIBILITY
        deadline = self.world.clock.now + INVOCATION

        def work() -> None:
            failed = environment.invoke(message.task_id, seconds=deadline - self.world.clock.now)
            if not failed and message in self.world.queue.messages:
                self.world.queue.messages.remove(message)

        return self.start(work, environment)

    @rule(number=ANY, sure=st.sampled_from([True, False, False, False]))
    def fail_undelivered(self, number: int, sure: bool) -> None:
        task_id = self.task(number)
        if sure:
            self.start(lambda: self.environments[1].invoke(task_id, arn=DEAD_ARN), self.environments[1])

    # What time does.

    @rule(seconds=st.sampled_from([0.5, 31.0, 31.0, 61.0, 95.0]), mercy=st.sampled_from([False, False, True]))
    def pass_time(self, seconds: float, mercy: bool) -> None:
        """What is past its deadline is killed, as Lambda does; or is forgotten, and goes on much too late."""
        self.world.clock.advance(seconds)
        for actor in self.standing():
            if self.world.clock.now >= actor.deadline:
                actor.late = True
                if not mercy:
                    actor.kill()

    def standing(self) -> list[Actor]:
        return [actor for actor in self.actors if not actor.ended]

    def advance(self, actor: Actor, things: int) -> None:
        for _ in range(things):
            actor.go()

    @precondition(lambda self: self.standing())
    @rule(number=ANY, things=THINGS)
    def go_on(self, number: int, things: int) -> None:
        standing = self.standing()
        self.advance(standing[number % len(standing)], things)

    @precondition(lambda self: self.standing())
    @rule(number=ANY)
    def finish(self, number: int) -> None:
        standing = self.standing()
        standing[number % len(standing)].finish()

    @precondition(lambda self: self.standing())
    @rule(number=ANY)
    def kill(self, number: int) -> None:
        standing = self.standing()
        standing[number % len(standing)].kill()

    @invariant()
    def nothing_is_wrong(self) -> None:
        self.watch.check()

    def teardown(self) -> None:
        try:
            for actor in self.standing():
                actor.finish()
            self.settle()
            self.watch.check()
        finally:
            for actor in self.standing():
                actor.kill()
            self._dying.undo()
            self.world.close()

    def settle(self) -> None:
        """Nothing dies any more, and time passes: every task that a client knows of comes to its end."""
        client = self.environments[1].client
        for _ in range(300):
            open_ = [task_id for task_id in self.acknowledged if self.status(task_id) not in TERMINAL]
            if not open_:
                return
            for task_id in open_:
                asked = client.get(task_id).result.get("inputRequests", {})
                if asked:
                    client.update(task_id, dict.fromkeys(asked, ANSWER))
            for message in [each for each in self.world.queue.messages if each.due <= self.world.clock.now]:
                self.start_delivery(message, self.environments[1]).finish()
            self.world.clock.advance(10)
        raise AssertionError(f"{len(open_)} tasks never end")

    def status(self, task_id: str) -> str:
        return self.world.record(task_id).status


TestInterleavings = Tasks.TestCase
TestInterleavings.settings = settings(settings.get_profile("quick"), max_examples=80, stateful_step_count=40)
