"""A call: a valid request, and everything that running it needs."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec

from lambent.auth.principal import Principal
from lambent.execution.invocation import Invocation
from lambent.execution.rounds.pending import DONE, Pending
from lambent.features.catalog import Catalog
from lambent.wire.eras import RpcRequest
from lambent.wire.http import Request
from lambent.wire.values import ClientCapabilities, LogLevel

if TYPE_CHECKING:
    from lambent.auth.resource_server import ResourceServer
    from lambent.execution.context import Context
    from lambent.execution.durable.resumption import Resumed
    from lambent.execution.durable.tasks.service import Tasks
    from lambent.execution.events.service import Events
    from lambent.execution.handshakes import Handshake, Handshakes
    from lambent.execution.lifespan import Lifespan
    from lambent.execution.ports import Changes, Clock, Keys, Store
    from lambent.execution.rounds.journal import Journal
    from lambent.execution.rounds.live_calls import LiveCalls
    from lambent.execution.rounds.sealing import Sealer
    from lambent.wire.payloads import ResponseLimit


class Services(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """What every call of a server shares.

    Attributes:
        catalog: the declarations.
        audience: names the server; see ``Sealer``.
        keys: the secrets that seal request state.
        state_ttl: seconds for which a request state can be used.
        changes: the feed that subscriptions deliver; None where nothing can be delivered.
        listen_seconds: how long a subscription may hold an invocation open.
        clock: the time.
        store: keeps what outlives a call; None where there is nothing to keep it in.
        tasks: the tasks; None without a store and a queue.
        response_limit: how large a response may be; None where it may have any size.
        live: the calls that wait for answers of their clients; None where no call can wait for one.
        guard: tells a caller that may not do something what it needs; None where nobody is identified.
        is_local: the caller is the user of this machine, as on stdio.
        lifespan: what the server has opened in this environment; None where it opens nothing.
        context: makes the context of a handler, where the server has one of its own.
        events: what happened; None where no event is declared.
    """

    catalog: Catalog
    audience: str
    keys: Keys
    state_ttl: int
    changes: Changes | None
    listen_seconds: float
    clock: Clock
    store: Store | None = None
    tasks: Tasks | None = None
    response_limit: ResponseLimit | None = None
    live: LiveCalls | None = None
    guard: ResourceServer | None = None
    is_local: bool = False
    lifespan: Lifespan | None = None
    context: Callable[[Call, Journal], Context] | None = None
    events: Events | None = None

    @functools.cached_property
    def sealer(self) -> Sealer:
        """Seals and opens request state."""
        from lambent.execution.rounds.sealing import Sealer  # loaded where something is asked

        return Sealer(self.keys, self.clock, self.state_ttl, self.audience)

    @functools.cached_property
    def handshakes(self) -> Handshakes:
        """Signs and reads what clients of the legacy era have negotiated."""
        from lambent.execution.handshakes import Handshakes  # loaded by the first of them

        return Handshakes(self.keys, self.clock, self.audience)

    @functools.cached_property
    def views(self) -> dict[Any, Services]:
        """The same as mounted servers see it; see ``lambent.execution.mounting.inside``."""
        return {}


class Call(msgspec.Struct, frozen=True):
    """One call, as handlers and middleware see it.

    Attributes:
        rpc: what the client wants, typed.
        request: what the platform says of the request: HTTP method, path, query, headers, client address,
            authorizer, Lambda event and context.
        invocation: takes its notifications, knows how much time is left, runs its coroutines.
        services: what it shares with every other call.
        principal: who is calling; None where nobody is identified.
        journal: the journal of a task; None where the call is not an attempt at one.
        resumed: the state and the answers with which a stream of the legacy era is resumed; else None.
        handshake: what ``initialize`` has negotiated; None in the modern era, which has no handshake.
        caller: who is calling, as the authenticator of the host says. Sessions of the legacy era and answers
            to questions are this one's, because middleware does not see the messages that bring them.
    """

    rpc: RpcRequest
    request: Request
    invocation: Invocation
    services: Services
    principal: Principal | None = None
    journal: Journal | None = None
    handshake: Handshake | None = None
    resumed: Resumed | None = None
    caller: Principal | None = None

    @property
    def client(self) -> ClientCapabilities:
        """What the client can do, as it has declared with the request or when it was initialized."""
        return self.rpc.client if self.handshake is None else self.handshake.capabilities

    @property
    def log_level(self) -> LogLevel | None:
        """The least severe level that the client wants of log messages; None where it wants none."""
        return self.rpc.meta.log_level if self.handshake is None else self.handshake.log_level

    def notify(self, method: str, params: dict[str, Any]) -> Pending[None]:
        """Send a notification to the client, or keep it for the response."""
        room = self.invocation.emit(self.rpc.era.notification(method, params))
        return DONE if room is None else room

    @property
    def method(self) -> str:
        """The JSON-RPC method."""
        return self.rpc.method

    @property
    def name(self) -> str | None:
        """The tool's or prompt's name or the resource's URI, for methods that have one."""
        params = self.rpc.params
        name = getattr(params, "name", None)
        return name if name is not None else getattr(params, "uri", None)

    @property
    def is_task(self) -> bool:
        """It is an attempt at a task, for the principal that has made the task."""
        return self.journal is not None

    @property
    def headers(self) -> dict[str, str]:
        """The HTTP headers, names in lower case; empty on stdio and in tasks."""
        return self.request.headers

    def as_principal(self, principal: Principal | None) -> Call:
        """The same call of another principal, or of none: for middleware that finds out who is calling."""
        return msgspec.structs.replace(self, principal=principal)


Handler = Callable[[Call], Any]
"""Answers a call with a result of ``lambent.wire.results``, or raises."""
