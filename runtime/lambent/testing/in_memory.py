"""``TestClient``: calls a server in memory, without HTTP."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Any, Self

import msgspec

from lambent.auth.principal import Principal
from lambent.hosts.settings import Settings
from lambent.server import MCPServer
from lambent.testing.answers import GivenAnswers, OnQuestion
from lambent.testing.client import McpClient
from lambent.testing.clock import Clock
from lambent.testing.event_calls import MemoryEvents
from lambent.testing.http import HttpReply, OnMessage
from lambent.testing.memory import MemoryHost, TestedRequest
from lambent.testing.options import ClientOptions
from lambent.wire.eras import era_of_version


class TestClient(McpClient):
    """Calls a server as a client would: the same bytes, on stores in memory, and a clock that tests move.

    Middleware, observers, limits, audit and authentication are the server's own. It behaves as in Lambda:
    handlers that ask are run again with the answers. With versions of the protocol that cannot do that, it
    behaves as a host that keeps streams open.

    Args:
        mcp: the server.
        version: of the protocol; default: the newest.
        principal: who calls; default: as the server finds out by ``headers``.
        answers: answers to questions, in the order in which they are asked; see `answer_to`.
        on_question: gives the answer to a question; None where the next one of ``answers`` is.
        capabilities: what the client declares; default: everything, tasks included.
        headers: sent with every request, such as ``{"authorization": "Bearer …"}``.
        client_address: from where the requests come; limits of callers that nobody identifies count by it.
        seconds: that each invocation has, of a request or of a task; default: any time.
        settings: of the deployment; default: those of a server that has everything it needs.
        clock: the clock; default: one that stands still at the time now.

    Attributes:
        clock: the clock: ``client.clock.advance(3600)``.
    """

    __test__ = False

    def __init__(
        self,
        mcp: MCPServer,
        *,
        version: str | None = None,
        principal: Principal | None = None,
        answers: Iterable[Any] = (),
        on_question: OnQuestion | None = None,
        capabilities: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] = {},
        client_address: str = "203.0.113.7",
        seconds: float | None = None,
        settings: Settings | None = None,
        clock: Clock | None = None,
    ) -> None:
        options = ClientOptions(
            version=version,
            capabilities=capabilities,
            headers=headers,
            principal=principal,
            client_address=client_address,
            seconds=seconds,
        )
        host = MemoryHost(mcp._parts(), settings or Settings(), clock or Clock())
        self._set_up(host, options, GivenAnswers(answers, on_question))

    def _set_up(self, host: MemoryHost, options: ClientOptions, answers: GivenAnswers) -> None:
        self._host = host
        self.clock = host.clock
        super().__init__(options, answers, _MemoryTransport(host, options))

    def as_(self, principal: Principal | None) -> Self:
        """The same client as another principal, or as nobody."""
        return self._derive(msgspec.structs.replace(self._options, principal=principal), self.answers)

    @property
    def events(self) -> MemoryEvents:
        """Polls for events, subscribes endpoints, and has what happens delivered to them."""
        return MemoryEvents(self, self._host)

    @property
    def changes(self) -> list[str]:
        """What subscribers would have been told so far: notification methods, and URIs of resources."""
        return self._host.published()

    def close(self) -> None:
        """Close the event loop of ``async def`` features; needed only where they leave tasks behind."""
        self._host.close()

    def __enter__(self) -> Self:
        """The client, which is closed in the end."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        self.close()

    def _derive(self, options: ClientOptions, answers: GivenAnswers) -> Self:
        made = object.__new__(type(self))
        made._set_up(self._host, options, answers)
        return made


class _MemoryTransport:
    """Hands requests to the endpoint; see ``Transport``."""

    def __init__(self, host: MemoryHost, options: ClientOptions) -> None:
        self.last: HttpReply | None = None
        self._host = host
        self._options = options
        # Clients of other versions cannot resume a stream that ends with a question.
        version = options.version
        self._is_live = version is not None and not getattr(era_of_version(version), "can_resume", True)

    def send(
        self, method: str, headers: dict[str, str], body: bytes = b"", on_message: OnMessage | None = None
    ) -> HttpReply:
        request = TestedRequest(
            method=method,
            path="/mcp",
            headers=headers,
            body=body,
            domain="mcp.example.com",
            client_address=self._options.client_address,
            principal=self._options.principal,
        )
        listener = on_message if self._is_live else None
        response = self._host.handle(request, seconds=self._options.seconds, on_message=listener)
        self.last = HttpReply(response.status, dict(response.headers), bytes(response.body))
        return self.last

    def run_next_task(self) -> bool:
        return self._host.run_next_task(self._options.seconds)
