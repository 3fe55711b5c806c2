"""Sessions of the legacy era that this environment has with an application, for those of its clients.

A client's session is a token that every environment can read (``lambent.execution.handshakes``). Whichever
environment gets a message of it opens a session with its own copy of the application, with what the client
has said in ``initialize``, and keeps it for the next messages: nothing else depends on its being there.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import OrderedDict
from collections.abc import Callable

import msgspec

from lambent.execution.handshakes import SESSION_HEADER, VERSION_HEADER, Handshake
from lambent.hosts.adapt.messages import AppMessage, EventStream, is_stream, read_message
from lambent.hosts.adapt.replies import ErrorReplied, refused
from lambent.hosts.adapt.running_app import Exchange
from lambent.hosts.adapt.scopes import Sender
from lambent.wire import jsonrpc
from lambent.wire.http import JSON_TYPE, SSE_TYPE

_KEPT = 16
"""Sessions that are kept open, each with the objects that its client made the application make."""

OPENING = {
    "accept": f"{JSON_TYPE}, {SSE_TYPE}",
    "content-type": JSON_TYPE,
    SESSION_HEADER: "",
    VERSION_HEADER: "",
    "last-event-id": "",
}
"""The headers of a message that opens a session, in place of those of the client's request."""

_GONE = 404

_DEFAULT_LEVEL = Handshake("").log_level
"""Of log messages, where the client has not set one."""


class SessionRefused(Exception):  # noqa: N818 - says what happened
    """The application does not open a session; ``refusal`` has its answer."""

    def __init__(self, refusal: ErrorReplied) -> None:
        super().__init__(f"initialize was answered with status {refusal.status}")
        self.refusal = refusal


class AppSession:
    """A session with the application, which belongs to who has opened it.

    Args:
        session_id: the application's; empty where it keeps no sessions.
        version: of the protocol.
        send: sends the messages that open and end it.

    Attributes:
        stray: takes the messages that come on the application's own stream while a call runs.
    """

    def __init__(self, session_id: str, version: str, send: Sender) -> None:
        self.stray: Callable[[AppMessage], None] | None = None
        self._id = session_id
        self._version = version
        self._send = send.lasting()
        self._listening: asyncio.Task[None] | None = None

    @property
    def headers(self) -> dict[str, str]:
        """What names the session in further requests."""
        return {**OPENING, VERSION_HEADER: self._version, SESSION_HEADER: self._id}

    def is_gone(self, exchange: Exchange) -> bool:
        """Whether the application does not know the session any more."""
        return bool(self._id) and exchange.status == _GONE

    def listen(self) -> None:
        """Read the application's own stream, on which it asks what is not about one call."""
        if self._id:
            self._listening = asyncio.ensure_future(self._listen())

    async def leave(self) -> None:
        """Read the application's own stream no longer."""
        if self._listening is not None:
            self._listening.cancel()
            await asyncio.wait({self._listening})

    async def close(self) -> None:
        """End the session."""
        await self.leave()
        if self._id:
            with contextlib.suppress(Exception):  # it is dropped, whatever the application says
                await (await self._send("DELETE", self.headers, b"")).read()

    async def _listen(self) -> None:
        with contextlib.suppress(Exception):  # an application need not have such a stream
            exchange = await self._send("GET", {**self.headers, "accept": SSE_TYPE}, b"")
            try:
                if is_stream(exchange):
                    async for message in EventStream(exchange):
                        if self.stray is not None:
                            self.stray(message)
            finally:
                await exchange.leave()


class AppSessions:
    """The sessions that are open, by the tokens of the clients."""

    def __init__(self) -> None:
        self._open: OrderedDict[str, AppSession] = OrderedDict()

    async def of(self, token: str, handshake: Handshake, send: Sender) -> AppSession:
        """The session for a token; without one, a new session that nobody else has.

        Raises:
            SessionRefused: the application does not open one.
        """
        session = self._open.get(token) if token else None
        if session is None:
            session = await open_session(handshake, send)
            await self.keep(token, session)
        else:
            self._open.move_to_end(token)
        return session

    async def keep(self, token: str, session: AppSession) -> None:
        """Keep a session for further messages with a token."""
        if token:
            self._open[token] = session
        if len(self._open) > _KEPT:
            _, oldest = self._open.popitem(last=False)
            await oldest.close()

    def rename(self, token: str, new: str) -> None:
        """Keep the session of a token for another one, which takes its place."""
        if (session := self._open.pop(token, None)) is not None:
            self._open[new] = session

    async def drop(self, token: str, session: AppSession) -> None:
        """End a session, and forget it."""
        if self._open.get(token) is session:
            del self._open[token]
        await session.close()

    async def end(self, token: str) -> None:
        """End the session of a token, if this environment has one."""
        if (session := self._open.pop(token, None)) is not None:
            await session.close()

    async def leave(self) -> None:
        """Let the application end its sessions itself."""
        for session in self._open.values():
            await session.leave()
        self._open.clear()


async def open_session(handshake: Handshake, send: Sender) -> AppSession:
    """Open a session with what a client has said of itself.

    Raises:
        SessionRefused: the application does not open one.
    """
    info = {"name": "unknown", "version": "0", **(handshake.client_info or {})}
    params = {
        "protocolVersion": handshake.version,
        "capabilities": handshake.capabilities,
        "clientInfo": info,
    }
    exchange = await send("POST", OPENING, jsonrpc.request(0, "initialize", params))
    answer, body = await response_of(exchange)
    if answer is None or answer.error is not msgspec.UNSET:
        raise SessionRefused(refused(exchange.status, exchange.headers, body))
    session = await begin(exchange, handshake.version, send)
    if handshake.log_level != _DEFAULT_LEVEL:
        params = {"level": handshake.log_level}
        await response_of(await send("POST", session.headers, jsonrpc.request(0, "logging/setLevel", params)))
    return session


async def begin(exchange: Exchange, version: str, send: Sender) -> AppSession:
    """Begin the session whose ``initialize`` was answered."""
    session = AppSession(exchange.header(SESSION_HEADER), version, send)
    notification = jsonrpc.notification("notifications/initialized", {})
    await (await send("POST", session.headers, notification)).read()
    session.listen()
    return session


async def response_of(exchange: Exchange) -> tuple[AppMessage | None, bytes]:
    """The response in what an application answers, if there is one; and its body, where that is no stream."""
    if is_stream(exchange):
        found = [message async for message in EventStream(exchange) if message.is_response]
        await exchange.finished()
        return (found[0] if found else None), b""
    body = await exchange.read()
    message = read_message(body)
    return (message if message is not None and message.is_response else None), body
