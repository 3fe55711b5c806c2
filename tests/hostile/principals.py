"""What the tests of principals share: pairs of callers, and hosts that record what they do."""

import asyncio
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

from tests.hostile.recorders import RecordingKeys, RecordingQueue, RecordingStore
from tests.hosts.asgi.driving import Exchange, exchange
from tests.support import EVERYTHING, SECRET, dumps, headers_of, http_api, message

from lambent import Call, Handler, MCPServer, Principal, Settings
from lambent.execution.call import Services
from lambent.execution.durable.tasks.service import Tasks
from lambent.execution.durable.tasks.worker import Worker
from lambent.execution.endpoint import Endpoint
from lambent.execution.event_loop import CallerLoop
from lambent.execution.execute import Executor
from lambent.execution.invocation import Invocation
from lambent.execution.ports import Store
from lambent.execution.rounds.live_calls import LiveCalls
from lambent.hosts.asgi import AsgiApp
from lambent.hosts.aws_lambda.handler import LambdaHandler
from lambent.hosts.discovery import DiscoveryDocuments
from lambent.hosts.readiness import Readiness
from lambent.stores.memory import MemoryChanges, MemoryStore
from lambent.wire.http import HttpPolicy, Request

ISSUER = "https://id.example"
User = Principal | None

OTHERS: dict[str, tuple[User, User]] = {
    "two subjects": (Principal("ada", ISSUER), Principal("eve", ISSUER)),
    "two issuers": (Principal("ada", ISSUER), Principal("ada", "https://other.example")),
    "an issuer with a slash": (Principal("ada", ISSUER), Principal("ada", f"{ISSUER}/")),
    "no issuer": (Principal("ada", ISSUER), Principal("ada")),
    "nobody": (Principal("ada", ISSUER), None),
    "of nobody": (None, Principal("ada", ISSUER)),
    "of nobody, without a name": (None, Principal("")),
    "a prefix": (Principal("adam", ISSUER), Principal("ada", ISSUER)),
    "a longer issuer": (Principal("b", f"{ISSUER}a"), Principal("ab", ISSUER)),
    "a key as the subject": (Principal("x", "1234"), Principal("4:1234x")),
    "lengths in the subject": (Principal("b", "1:a"), Principal("1:ab")),
    "separators of keys": (Principal("a#b"), Principal("a")),
    "separators of names": (Principal("a.b"), Principal("a")),
    "a null character": (Principal("a\0"), Principal("a")),
    "upper case": (Principal("Ada", ISSUER), Principal("ada", ISSUER)),
    "two normal forms": (Principal("\u00e9", ISSUER), Principal("e\u0301", ISSUER)),
    "a client as the subject": (Principal("ada", ISSUER, client_id="app"), Principal("app", ISSUER)),
}
"""Pairs of principals: the first has something, which the other must not find."""

SAME: dict[str, tuple[User, User]] = {
    "another application": (Principal("ada", ISSUER, client_id="a"), Principal("ada", ISSUER, client_id="b")),
    "other scopes": (Principal("ada", ISSUER, frozenset({"x"})), Principal("ada", ISSUER)),
    "other claims": (Principal("ada", ISSUER, claims={"jti": "1"}), Principal("ada", ISSUER)),
}
"""Pairs that are the same principal: applications act for a subject, and tokens are renewed."""

HOSTS = ("lambda", "asgi")
WAYS = ("authenticator", "middleware")
"""How callers are identified."""

CAPABILITIES = {**EVERYTHING, "extensions": {"io.modelcontextprotocol/tasks": {}}}


class Http(NamedTuple):
    """A request, without who sends it."""

    method: str
    headers: dict[str, str]
    body: str | None


class Answer(NamedTuple):
    """All that a client sees of a response."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    @property
    def response(self) -> dict[str, Any]:
        """The JSON-RPC response."""
        text = self.body.decode()
        if text.startswith("event:"):
            text = text.rstrip("\n").rpartition("\n")[2].removeprefix("data: ")
        found: dict[str, Any] = json.loads(text)
        return found

    @property
    def result(self) -> dict[str, Any]:
        """The result of a call that succeeded."""
        assert "result" in self.response, self.response
        result: dict[str, Any] = self.response["result"]
        assert "isError" not in result, result
        return result

    @property
    def text(self) -> str:
        """The text of a tool's result."""
        return str(self.result["content"][0]["text"])


def modern(method: str, params: Mapping[str, Any]) -> Http:
    """A request of the modern era, from a client that can do everything."""
    body = message(method, params, capabilities=CAPABILITIES)
    headers = headers_of(body)
    if method.startswith("tasks/"):
        headers["mcp-name"] = params["taskId"]
    return Http("POST", headers, dumps(body))


def tool(name: str, arguments: Mapping[str, Any] | None = None, **also: Any) -> Http:
    """A call of a tool in the modern era."""
    return modern("tools/call", {"name": name, "arguments": dict(arguments or {}), **also})


def _given(user: Principal) -> str:
    return json.dumps([user.subject, user.issuer, sorted(user.scopes), user.client_id, user.claims])


def user_of(headers: Mapping[str, str]) -> User:
    """Who a header says is calling."""
    if (given := headers.get("x-user")) is None:
        return None
    subject, issuer, scopes, client_id, claims = json.loads(given)
    return Principal(subject, issuer, frozenset(scopes), claims, client_id)


class BelievingAuthenticator:
    """Believes what a header says of the caller."""

    def authenticate(self, request: Request) -> User:
        """See ``Authenticator.authenticate``."""
        return user_of(request.headers)


def believing(call: Call, following: Handler) -> Any:
    """Middleware that believes what a header says of the caller."""
    return following(call if call.is_task else call.as_principal(user_of(call.headers)))


class Observed(NamedTuple):
    """What a request brought about: the answer, and the work that was done for it."""

    answer: Answer
    done: list[tuple[str, str, bool]]
    key_reads: int
    touched: set[str]


class World:
    """One server on one host, whose callers are identified in one way.

    Attributes:
        effects: what tools have done.
        seen: the principals that tools have seen.
    """

    def __init__(
        self,
        make: Callable[[list[str], list[User]], MCPServer],
        host: str,
        way: str,
        store: Store | None = None,
        listen_seconds: float = 0.0,
    ) -> None:
        self.now = 1_800_000_000.0
        self.host = host
        self.effects: list[str] = []
        self.seen: list[User] = []
        mcp = make(self.effects, self.seen)
        self.store = RecordingStore(store or MemoryStore())
        self.queue = RecordingQueue()
        self.keys = RecordingKeys((SECRET,))
        is_live = host == "asgi"
        changes = MemoryChanges() if is_live else None
        self.tasks = Tasks(self.store, self.queue, None, self.clock, changes, "shop")
        services = Services(
            catalog=mcp.freeze(),
            audience="shop",
            keys=self.keys,
            state_ttl=900,
            changes=changes,
            listen_seconds=listen_seconds,
            clock=self.clock,
            store=self.store,
            tasks=self.tasks,
            live=LiveCalls(shared=True) if is_live else None,
        )
        executor = Executor(services, [believing] if way == "middleware" else [])
        authenticator = BelievingAuthenticator() if way == "authenticator" else None
        endpoint = Endpoint(executor, HttpPolicy(), authenticator)
        self.loop = CallerLoop()
        self.worker = Worker(executor, self.tasks)
        self.handler = LambdaHandler(endpoint, self.worker)
        self.app = AsgiApp(
            endpoint, DiscoveryDocuments(mcp.freeze(), Settings(), None), 1_000_000, Readiness(None, 0.0)
        )

    def clock(self) -> float:
        """The time."""
        return self.now

    def close(self) -> None:
        """End threads and loops."""
        self.app._threads.close()
        self.handler.close()
        self.loop.close()

    def send(self, http: Http, by: User) -> Answer:
        """Send a request as somebody."""
        if self.host == "lambda":
            got = self.handler(http_api(http.body, self._headers(http, by), method=http.method), None)
            return Answer(got["statusCode"], sorted(got["headers"].items()), got["body"].encode())
        return asyncio.run(self.send_here(http, by))

    async def send_here(self, http: Http, by: User) -> Answer:
        """Send a request as somebody to the live host, on the running loop."""
        body = (http.body or "").encode()
        start, *rest = await exchange(self.app, body, self._headers(http, by), method=http.method)
        shown = sorted((name.decode(), value.decode()) for name, value in start["headers"])
        return Answer(start["status"], shown, b"".join(each["body"] for each in rest))

    def exchange(self, http: Http, by: User) -> Exchange:
        """The same, message by message."""
        return Exchange(self.app, (http.body or "").encode(), self._headers(http, by), method=http.method)

    def _headers(self, http: Http, by: User) -> dict[str, str]:
        return http.headers if by is None else {**http.headers, "x-user": _given(by)}

    def observe(self, send: Callable[[], Answer]) -> Observed:
        """What a request brings about."""
        self.store.done, self.store.touched, self.keys.reads = [], set(), 0
        return Observed(send(), self.store.done, self.keys.reads, self.store.touched)

    def keys_of(self, make: Callable[[], str]) -> tuple[str, set[str]]:
        """What is made, and the keys of the records that were written or found for it."""
        self.store.touched = set()
        return make(), self.store.touched

    def work(self) -> None:
        """Run the tasks that wait in the queue."""
        while self.queue.messages:
            self.worker.run(self.queue.messages.pop(0)[0], Invocation(self.loop))


@contextmanager
def world_of(
    make: Callable[[list[str], list[User]], MCPServer], host: str, way: str, **options: Any
) -> Iterator[World]:
    """A world, which ends with the test."""
    world = World(make, host, way, **options)
    try:
        yield world
    finally:
        world.close()
