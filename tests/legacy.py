"""A client of the legacy era for tests: it answers what it is asked, and resumes streams that have ended."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from tests.support import Reply, dumps, http_api

from lambent.execution.call import Services
from lambent.execution.endpoint import Endpoint
from lambent.execution.execute import Executor
from lambent.execution.middleware import Observer
from lambent.hosts.aws_lambda.events import write
from lambent.hosts.aws_lambda.handler import LambdaHandler
from lambent.hosts.settings import Settings
from lambent.server import MCPServer
from lambent.wire.payloads import ResponseLimit

NEWEST = "2025-11-25"
VERSIONS = (NEWEST, "2025-06-18", "2025-03-26", "2024-11-05")
BOTH = "application/json, text/event-stream"
ABLE: dict[str, Any] = {"elicitation": {"form": {}, "url": {}}, "sampling": {"tools": {}}, "roots": {}}
"""What the client can do."""


class Stream(NamedTuple):
    """A stream as a client reads it.

    Attributes:
        event_id: the last event id, from which it is resumed.
        retry: milliseconds after which it is resumed.
        messages: the JSON-RPC messages, in their order.
    """

    event_id: str | None
    retry: int | None
    messages: list[dict[str, Any]]

    @property
    def questions(self) -> list[dict[str, Any]]:
        """The requests of the server."""
        return [message for message in self.messages if "method" in message and "id" in message]

    @property
    def response(self) -> dict[str, Any]:
        """The response to the client's request, the last message."""
        last = self.messages[-1]
        assert "method" not in last, last
        return last

    @property
    def text(self) -> str:
        """The text of a tool's result."""
        (block,) = self.response["result"]["content"]
        return str(block["text"])


def read_stream(body: bytes) -> Stream:
    """Read server-sent events as the HTML standard says, as far as they are used."""
    event_id, retry, messages = None, None, []
    for event in body.decode().split("\n\n"):
        fields = [line.partition(":")[::2] for line in event.split("\n") if line]
        data = [value.removeprefix(" ") for name, value in fields if name == "data"]
        for name, value in fields:
            if name == "id":
                event_id = value.removeprefix(" ")
            elif name == "retry":
                retry = int(value)
        if data and data != [""]:
            messages.append(json.loads("\n".join(data)))
    return Stream(event_id, retry, messages)


class LegacyClient:
    """Speaks a version of the legacy era; ``handler`` gives the handler that takes the next request."""

    def __init__(
        self,
        handler: Callable[[], Callable[[dict[str, Any], Any], dict[str, Any]]],
        version: str = NEWEST,
        capabilities: Mapping[str, Any] | None = None,
    ) -> None:
        self.handler = handler
        self.version = version
        self.session: str | None = None
        self.headers: dict[str, str] = {}
        self.opened = self.request(
            "initialize",
            protocolVersion=version,
            capabilities=dict(ABLE if capabilities is None else capabilities),
            clientInfo={"name": "tests", "version": "1"},
        )
        self.session = self.opened.headers.get("mcp-session-id")

    def send(self, body: Any = None, method: str = "POST", **headers: str | None) -> Reply:
        """Send a body with the headers of the era; ``headers`` replaces some, with ``_`` for ``-``."""
        given: dict[str, str | None] = {
            "content-type": "application/json",
            "accept": BOTH,
            "mcp-protocol-version": self.version if self.version >= "2025-06-18" else None,
            "mcp-session-id": self.session,
            **self.headers,
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        kept = {name: value for name, value in given.items() if value is not None}
        text = body if isinstance(body, str | None) else dumps(body)
        return Reply(self.handler()(http_api(text, kept, method=method), None))

    def request(self, method: str, /, *, request_id: Any = 1, **params: Any) -> Reply:
        """Send a request."""
        return self.send({"jsonrpc": "2.0", "id": request_id, "method": method, "params": params})

    def call(self, tool: str, arguments: Any = None, **more: Any) -> Reply:
        """Call a tool."""
        return self.request("tools/call", name=tool, arguments=arguments or {}, **more)

    def answer(self, question: Mapping[str, Any], result: Any = None, error: Any = None) -> Reply:
        """Answer a question."""
        said = {"error": error} if error is not None else {"result": result}
        return self.send({"jsonrpc": "2.0", "id": question["id"], **said})

    def resume(self, event_id: str | None, **headers: str | None) -> Stream:
        """Resume a stream."""
        reply = self.send(None, "GET", last_event_id=event_id, **headers)
        assert reply.status == 200, reply.body
        return read_stream(reply.body)


def environments(
    server: MCPServer,
    settings: Settings,
    store: Any,
    clock: Callable[[], float],
    observers: Sequence[Observer] = (),
    **services: Any,
) -> Callable[[], LambdaHandler]:
    """Makes handlers that share nothing but the store, as execution environments do."""

    def make() -> LambdaHandler:
        found = Services(
            catalog=server.freeze(),
            audience="legacy",
            keys=settings.keys,
            state_ttl=settings.state_ttl,
            changes=None,
            listen_seconds=0.0,
            clock=clock,
            store=store,
            response_limit=ResponseLimit(write),
            **services,
        )
        return LambdaHandler(Endpoint(Executor(found, server._middleware, observers), settings.http_policy))

    return make
