"""What belongs to a principal in the legacy era; see ``belongings``."""

from typing import Any

from tests.hostile.belongings import AGREED, Belonging, Handle, IdempotentCall, spoilt
from tests.hostile.principals import Http, User, World
from tests.legacy import ABLE, BOTH, NEWEST, read_stream
from tests.support import dumps


def rpc(body: Any, method: str = "POST", **headers: str | None) -> Http:
    """A request of the legacy era."""
    given = {"content-type": "application/json", "accept": BOTH, "mcp-protocol-version": NEWEST}
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    kept = {name: value for name, value in {**given, **named}.items() if value is not None}
    return Http(method, kept, None if body is None else dumps(body))


def ping(request_id: Any = 1) -> dict[str, Any]:
    """The smallest request."""
    return {"jsonrpc": "2.0", "id": request_id, "method": "ping"}


def initialize() -> Http:
    """The first request of the legacy era."""
    params = {"protocolVersion": NEWEST, "capabilities": ABLE, "clientInfo": {"name": "t", "version": "1"}}
    return rpc({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params})


def initialized(world: World, owner: User) -> str:
    """The token of a new session of the legacy era."""
    return dict(world.send(initialize(), owner).headers)["mcp-session-id"]


def legacy_tool(name: str, arguments: Any, session: str, request_id: int = 7) -> Http:
    """A call of a tool in the legacy era."""
    params = {"name": name, "arguments": arguments}
    body = {"jsonrpc": "2.0", "id": request_id, "method": "tools/call", "params": params}
    return rpc(body, mcp_session_id=session)


class LegacySession(Belonging):
    """A session of the legacy era: a token."""

    ways = ("authenticator",)

    def __init__(self, body: Any, method: str = "POST", **headers: str | None) -> None:
        self._body, self._method, self._headers = body, method, headers

    def make(self, world: World, owner: User) -> str:
        return initialized(world, owner)

    def use(self, world: World, name: str, user: User) -> Http:
        return rpc(self._body, self._method, mcp_session_id=name, **self._headers)

    def unknown(self, name: str) -> str:
        return spoilt(name)

    def check(self, world: World, name: str, owner: User) -> None:
        assert world.send(rpc(ping(), mcp_session_id=name), owner).status == 200


class LegacyHandle(Handle):
    """A session's handle, in the legacy era."""

    def call(self, world: World, name: str, arguments: dict[str, Any], user: User) -> Http:
        return legacy_tool(name, arguments, initialized(world, user))


class LegacyCall(IdempotentCall):
    """A call with a key, in the legacy era."""

    def call(self, world: World, name: str, amount: int, user: User) -> Http:
        return legacy_tool("pay", {"order": name, "amount": amount}, initialized(world, user))


class EventId(Belonging):
    """The id from which the stream of a call is resumed that has asked something."""

    hosts = ("lambda",)
    ways = ("authenticator",)

    def __init__(self, name: str, *, is_answered: bool) -> None:
        self._name, self._is_answered = name, is_answered

    def make(self, world: World, owner: User) -> str:
        session = initialized(world, owner)
        self.stream = read_stream(world.send(legacy_tool(self._name, {}, session), owner).body)
        if self._is_answered:
            self.answer(world, owner)
        return self.stream.event_id or ""

    def answer(self, world: World, owner: User) -> None:
        """Answer what the call has asked."""
        said = {"jsonrpc": "2.0", "id": self.stream.questions[0]["id"], "result": AGREED["consent"]}
        assert world.send(rpc(said), owner).status == 202

    def use(self, world: World, name: str, user: User) -> Http:
        return rpc(None, "GET", last_event_id=name)

    def unknown(self, name: str) -> str:
        return spoilt(name)

    def check(self, world: World, name: str, owner: User) -> None:
        if not self._is_answered:
            self.answer(world, owner)
        assert read_stream(world.send(self.use(world, name, owner), owner).body).text


class Question(EventId):
    """A question that a call waits for."""

    def __init__(self, *, is_error: bool = False) -> None:
        super().__init__("order", is_answered=False)
        self._said = {"error": {"code": 1, "message": "no"}} if is_error else {"result": {"action": "cancel"}}

    def make(self, world: World, owner: User) -> str:
        super().make(world, owner)
        return str(self.stream.questions[0]["id"])

    def use(self, world: World, name: str, user: User) -> Http:
        return rpc({"jsonrpc": "2.0", "id": name, **self._said})

    def check(self, world: World, name: str, owner: User) -> None:
        self.answer(world, owner)
        resumed = rpc(None, "GET", last_event_id=self.stream.event_id)
        assert read_stream(world.send(resumed, owner).body).text == "accept"


LEGACY_KINDS: dict[str, Belonging] = {
    "legacy session": LegacySession(ping()),
    "legacy session, no version": LegacySession(ping(), mcp_protocol_version=None),
    "legacy session, a batch": LegacySession([ping()], mcp_protocol_version=None),
    "legacy session, its end": LegacySession(None, "DELETE"),
    "legacy session, an answer": LegacySession({"jsonrpc": "2.0", "id": 1, "result": {}}),
    "legacy handle": LegacyHandle(),
    "legacy idempotent call": LegacyCall(1),
    "event id": EventId("order", is_answered=False),
    "event id, answered": EventId("order", is_answered=True),
    "event id, in the table": EventId("large_order", is_answered=False),
    "event id, in the table, answered": EventId("large_order", is_answered=True),
    "question": Question(),
    "question, an error": Question(is_error=True),
}
