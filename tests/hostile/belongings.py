"""What belongs to a principal, each kind with how it is made, used, guessed, and used by its owner.

The kinds of the legacy era are in ``legacy_belongings``.
"""

from dataclasses import dataclass, field
from typing import Any

from tests.hostile.principals import Http, User, World, modern, tool
from tests.support import accept

from lambent import Context, Idempotency, MCPServer, Session, TaskPolicy
from lambent.execution.durable.records import random_id

LARGE = 3000
"""Random characters that no header takes."""


@dataclass
class Basket:
    """What a session keeps."""

    items: list[str] = field(default_factory=list)


@dataclass
class Consent:
    """What is asked for."""

    agree: bool


AGREED = {"consent": accept(agree=True)}


def server_of(effects: list[str], seen: list[User]) -> MCPServer:
    """A server with everything that can belong to somebody."""
    mcp = MCPServer("shop", version="1.2.3")

    def ask(ctx: Context) -> str:
        return str(ctx.elicit("Agreed?", Consent, key="consent").result().action)

    @mcp.tool()
    def order(ctx: Context) -> str:
        return ask(ctx)

    @mcp.tool()
    def large_order(ctx: Context) -> int:
        text = ctx.step("gather", lambda: "".join(random_id() for _ in range(LARGE // 32 * 3))).result()
        ask(ctx)
        return len(text)

    @mcp.tool(single_use=True)
    def redeem(ctx: Context) -> str:
        ask(ctx)
        effects.append("redeem")
        return "redeemed"

    @mcp.resource("vault://box")
    def vault(ctx: Context) -> str:
        return ask(ctx)

    @mcp.prompt()
    def interview(ctx: Context) -> str:
        return ask(ctx)

    @mcp.tool()
    def open_basket(ctx: Context) -> str:
        return ctx.sessions.create(Basket)

    @mcp.tool()
    def add(basket: Session[Basket], item: str) -> int:
        basket.items.append(item)
        return len(basket.items)

    @mcp.tool(idempotency=Idempotency(key="order"))
    def pay(order: str, amount: int = 1) -> str:
        effects.append(f"pay {amount}")
        return "paid"

    @mcp.tool(task=TaskPolicy(support="required"))
    def report(ctx: Context) -> str:
        answer = ask(ctx)
        effects.append("report")
        return answer

    @mcp.tool(task=TaskPolicy(support="required"))
    def who(ctx: Context) -> None:
        seen.append(ctx.principal)

    return mcp


def spoilt(token: str) -> str:
    """A token of the same form that was never given out."""
    at = len(token) - 10
    return token[:at] + ("B" if token[at] == "A" else "A") + token[at + 1 :]


class Belonging:
    """A kind of thing that belongs to a principal.

    Attributes:
        hosts: where there are such things.
        ways: where they belong to whom these ways of identification say.
        lifetime: seconds after which it has expired.
    """

    hosts: tuple[str, ...] = ("lambda", "asgi")
    ways: tuple[str, ...] = ("authenticator", "middleware")
    lifetime = 8 * 24 * 3600.0

    def make(self, world: World, owner: User) -> str:
        """Make one, and return what names it."""
        raise NotImplementedError

    def use(self, world: World, name: str, user: User) -> Http:
        """The request that uses it."""
        raise NotImplementedError

    def unknown(self, name: str) -> str:
        """A name of the same form that names nothing."""
        return random_id()

    def check(self, world: World, name: str, owner: User) -> None:
        """Its owner finds it as it was left."""
        raise NotImplementedError


class RequestState(Belonging):
    """The request state of a tool, a resource or a prompt."""

    def __init__(self, method: str, **params: Any) -> None:
        self._method, self._params = method, params

    def make(self, world: World, owner: User) -> str:
        return str(world.send(modern(self._method, self._params), owner).result["requestState"])

    def use(self, world: World, name: str, user: User) -> Http:
        return modern(self._method, {**self._params, "requestState": name, "inputResponses": AGREED})

    def unknown(self, name: str) -> str:
        return spoilt(name)

    def check(self, world: World, name: str, owner: User) -> None:
        assert world.send(self.use(world, name, owner), owner).result["resultType"] == "complete"


class UsedState(RequestState):
    """A request state that counts once, and has been used."""

    def make(self, world: World, owner: User) -> str:
        name = super().make(world, owner)
        super().check(world, name, owner)
        return name

    def check(self, world: World, name: str, owner: User) -> None:
        super().check(world, name, owner)
        assert world.effects == ["redeem"]


class Handle(Belonging):
    """A session's handle."""

    def make(self, world: World, owner: User) -> str:
        name = world.send(self.call(world, "open_basket", {}, owner), owner).text
        assert world.send(self.use(world, name, owner), owner).text == "1"
        return name

    def use(self, world: World, name: str, user: User) -> Http:
        return self.call(world, "add", {"basket": name, "item": "x"}, user)

    def check(self, world: World, name: str, owner: User) -> None:
        assert world.send(self.use(world, name, owner), owner).text == "2"

    def call(self, world: World, name: str, arguments: dict[str, Any], user: User) -> Http:
        """A request to call a tool."""
        return tool(name, arguments)


class IdempotentCall(Belonging):
    """A call with a key, which others may use for calls of their own."""

    def __init__(self, amount: int) -> None:
        self._amount = amount

    def make(self, world: World, owner: User) -> str:
        name = random_id()
        assert world.send(self.call(world, name, 1, owner), owner).text == "paid"
        return name

    def use(self, world: World, name: str, user: User) -> Http:
        return self.call(world, name, self._amount, user)

    def check(self, world: World, name: str, owner: User) -> None:
        before = list(world.effects)
        assert world.send(self.call(world, name, 1, owner), owner).text == "paid"
        assert world.effects == before

    def call(self, world: World, name: str, amount: int, user: User) -> Http:
        """A request to pay."""
        return tool("pay", {"order": name, "amount": amount})


class Task(Belonging):
    """A task, in a status, and a request that names it."""

    def __init__(self, method: str, status: str, **params: Any) -> None:
        self._method, self._status, self._params = method, status, params

    def make(self, world: World, owner: User) -> str:
        name = str(world.send(tool("report"), owner).result["taskId"])
        if self._status != "working":
            world.work()
        if self._status == "completed":
            self._update(world, name, owner)
            world.work()
        return name

    def use(self, world: World, name: str, user: User) -> Http:
        return modern(self._method, {"taskId": name, **self._params})

    def check(self, world: World, name: str, owner: User) -> None:
        shown = modern("tasks/get", {"taskId": name})
        assert world.send(shown, owner).result["status"] == self._status
        world.work()
        if self._status != "completed":
            self._update(world, name, owner)
            world.work()
        assert world.send(shown, owner).result["status"] == "completed"
        assert world.effects == ["report"]

    def _update(self, world: World, name: str, owner: User) -> None:
        world.send(modern("tasks/update", {"taskId": name, "inputResponses": AGREED}), owner)


class Subscription(Task):
    """A task, to whose changes somebody subscribes."""

    def __init__(self, status: str) -> None:
        super().__init__("subscriptions/listen", status)

    def use(self, world: World, name: str, user: User) -> Http:
        return modern("subscriptions/listen", {"notifications": {"taskIds": [name]}})


_STATUSES = ("working", "input_required", "completed")
MODERN_KINDS: dict[str, Belonging] = {
    "state of a tool": RequestState("tools/call", name="order", arguments={}),
    "state of a resource": RequestState("resources/read", uri="vault://box"),
    "state of a prompt": RequestState("prompts/get", name="interview", arguments={}),
    "state that counts once": RequestState("tools/call", name="redeem", arguments={}),
    "state that was used": UsedState("tools/call", name="redeem", arguments={}),
    "handle": Handle(),
    "idempotent call": IdempotentCall(1),
    "idempotent call, other arguments": IdempotentCall(2),
    **{f"tasks/get, {status}": Task("tasks/get", status) for status in _STATUSES},
    **{
        f"tasks/update, {status}": Task("tasks/update", status, inputResponses=AGREED) for status in _STATUSES
    },
    "tasks/update, no answer": Task("tasks/update", "input_required", inputResponses={"consent": 1}),
    **{f"tasks/cancel, {status}": Task("tasks/cancel", status) for status in _STATUSES},
    **{f"subscription, {status}": Subscription(status) for status in _STATUSES},
}
