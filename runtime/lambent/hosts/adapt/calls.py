"""One call of an application: sent as a request, and its answer read to the end or to a question."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec

from lambent.auth.principal import key_of
from lambent.errors import InternalError
from lambent.execution.call import Call
from lambent.execution.handshakes import SESSION_HEADER, Handshake, make_handshake
from lambent.hosts.adapt.messages import AppMessage
from lambent.hosts.adapt.questions import Questions
from lambent.hosts.adapt.reading import StreamEndedError, ending, finish
from lambent.hosts.adapt.replies import ErrorReplied, Replied, judged
from lambent.hosts.adapt.scopes import Sender, Site
from lambent.hosts.adapt.sessions import (
    OPENING,
    AppSession,
    AppSessions,
    SessionRefused,
    begin,
)
from lambent.wire import jsonrpc
from lambent.wire.eras import LEGACY_VERSIONS
from lambent.wire.http import SSE_TYPE
from lambent.wire.results import Result

_LISTEN = "subscriptions/listen"
_SUBSCRIPTION = "io.modelcontextprotocol/subscriptionId"

_BOTH = {"accept": OPENING["accept"]}
"""What is accepted here, whatever the client can read: its response is made of it."""

_TOGETHER_SECONDS = 0.01
"""How long questions may come one after the other and still go out together."""

_RESUME_SECONDS = 0.05
"""After which a stream is resumed that an application has ended before the response."""


class Calls:
    """Passes calls on to an application."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._sessions = AppSessions()

    async def leave(self) -> None:
        """Read nothing any more, before the application ends."""
        await self._sessions.leave()

    async def call(self, call: Call) -> Result:
        """The result that the application has given; its notifications are with the invocation.

        Raises:
            ErrorReplied: its answer is an error.
            InternalError: 504, it has not answered in time.
        """
        limit = call.invocation.time_limit()
        result: Result | None = None
        listens = call.rpc.method == _LISTEN and call.handshake is None
        if listens:
            seconds = call.services.listen_seconds
            limit = seconds if limit is None else min(seconds, limit)
        try:
            async with asyncio.timeout(limit) as scope:
                if call.handshake is None:
                    exchange = await self._site.message(call.request, call.principal, _BOTH)
                    async with ending(exchange):
                        result = await finish(call, exchange)
                elif call.rpc.method == "initialize":
                    result = await self._initialize(call)
                else:
                    result = await self._legacy(call, call.handshake)
        except TimeoutError:
            if not scope.expired():
                raise
            if result is None and listens:
                result = _ended_subscription(call)
            if result is None:  # else only what comes after the response took longer
                raise InternalError("The server has not answered in time", status=504) from None
        return result

    async def _initialize(self, call: Call) -> Result:
        """Start a session: the client's is a token, the application's is this environment's own."""
        send = self._sender(call)
        exchange = await send("POST", OPENING, _message_of(call))
        async with ending(exchange):
            result = await finish(call, exchange)
        assert isinstance(result, Replied)  # noqa: S101 - it is no tool's
        handshake = _negotiated(call, result)
        token = call.services.handshakes.seal(handshake, call.caller) or ""
        if token:
            result.reply.headers[SESSION_HEADER] = token
        session = await begin(exchange, handshake.version, send)
        if token:
            await self._sessions.keep(token, session)
        else:
            await session.close()
        return result

    async def _legacy(self, call: Call, handshake: Handshake) -> Result:
        if call.resumed is not None and call.resumed.principal != key_of(call.principal):
            call.resumed.is_foreign = True
            raise InternalError("The stream is another caller's")
        send = self._sender(call)
        token = call.headers.get(SESSION_HEADER, "") if handshake.is_known else ""
        for _ in range(2):  # the application may have ended the session in the meantime
            try:
                session = await self._sessions.of(token, handshake, send)
            except SessionRefused as error:
                raise error.refusal from error
            talk = _Talk(call, session, send)
            try:
                result = await talk.run()
            finally:
                if not token or talk.is_over:
                    await self._sessions.drop(token, session)
            if result is not None:
                if token and call.rpc.method == "logging/setLevel":
                    self._keep_level(call, handshake, token, result)
                return result
        raise InternalError("The server does not keep its session")

    def _keep_level(self, call: Call, handshake: Handshake, token: str, result: Result) -> None:
        """Give the client a token with the level of log messages, for other environments to read."""
        assert isinstance(result, Replied)  # noqa: S101 - it is no tool's
        levelled = msgspec.structs.replace(handshake, log_level=call.rpc.params.level)
        if (new := call.services.handshakes.seal(levelled, call.caller)) is not None:
            result.reply.headers[SESSION_HEADER] = new
            self._sessions.rename(token, new)

    async def end(self, token: str) -> None:
        """End what this environment has of a client's session."""
        await self._sessions.end(token)

    def _sender(self, call: Call) -> Sender:
        return Sender(self._site, call.request, call.principal)


class _Talk:
    """A call within a session, in which the application may ask.

    Attributes:
        is_over: the session cannot be used any more.
    """

    def __init__(self, call: Call, session: AppSession, send: Sender) -> None:
        self.is_over = True  # until the call has ended as it should
        self._call = call
        self._session = session
        self._send = send
        self._questions = Questions(call)
        self._asked: asyncio.Queue[AppMessage] = asyncio.Queue()

    async def run(self) -> Result | None:
        """The result; None where the application does not know the session.

        Raises:
            ErrorReplied: the application has answered with an error.
        """
        self._session.stray = self._take
        reading = asyncio.ensure_future(self._read())
        try:
            while (asked := await self._next(reading)) is not None:
                if not await self._answer(asked):
                    return await self._suspended()
            return await self._ended(reading)
        finally:
            self._session.stray = None
            reading.cancel()
            await asyncio.wait({reading})

    async def _read(self) -> Result | None:
        exchange = await self._send("POST", self._session.headers, _message_of(self._call))
        if self._session.is_gone(exchange):
            await exchange.leave()
            return None
        try:
            async with ending(exchange):
                return await finish(self._call, exchange, self._asked.put_nowait)
        except StreamEndedError as ended:
            if not ended.last_id:
                raise
            return await self._resume(ended.last_id)

    async def _resume(self, last_id: str) -> Result:
        """Come back for the rest of a stream that has sent its client away in the middle (SEP-1699)."""
        while True:
            await asyncio.sleep(_RESUME_SECONDS)
            resuming = {**self._session.headers, "accept": SSE_TYPE, "last-event-id": last_id}
            exchange = await self._send("GET", resuming, b"")
            try:
                return await finish(self._call, exchange, self._asked.put_nowait)
            except StreamEndedError as ended:
                last_id = ended.last_id or last_id
            finally:
                await exchange.leave()  # the stream may stay open behind the response

    def _take(self, message: AppMessage) -> None:
        """Take what comes on the application's own stream: it belongs to the only call that runs."""
        if message.is_request:
            self._asked.put_nowait(message)
        elif not message.is_response:
            self._call.invocation.emit(message.raw)

    async def _next(self, reading: asyncio.Future[Result | None]) -> AppMessage | None:
        """The next question; None where the call has ended."""
        if not self._asked.empty():
            return self._asked.get_nowait()
        getting = asyncio.create_task(self._asked.get())
        try:
            ends: set[asyncio.Future[Any]] = {getting, reading}
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            return getting.result() if getting.done() else None
        finally:
            getting.cancel()

    async def _ended(self, reading: asyncio.Future[Result | None]) -> Result | None:
        try:
            result = await reading
        except ErrorReplied:
            self.is_over = False
            raise
        self.is_over = result is None
        return result

    async def _answer(self, asked: AppMessage) -> bool:
        """Answer a question; False where the client has yet to do so."""
        answer = self._questions.answer(asked)
        if answer is None:
            return False
        await (await self._send("POST", self._session.headers, answer)).read()
        return True

    async def _suspended(self) -> Result:
        """Stop the call, and let the client be asked."""
        await asyncio.sleep(_TOGETHER_SECONDS)
        while not self._asked.empty():
            await self._answer(self._asked.get_nowait())
        cancelled = jsonrpc.notification("notifications/cancelled", {"requestId": self._call.rpc.id})
        await (await self._send("POST", self._session.headers, cancelled)).read()
        return self._questions.suspended()


def _message_of(call: Call) -> bytes:
    """The message of a call, which a resumed one has not come with."""
    return jsonrpc.request(call.rpc.id, call.rpc.method, call.rpc.raw)


class _Initialized(msgspec.Struct, rename="camel"):
    protocol_version: str = LEGACY_VERSIONS[0]


def _negotiated(call: Call, result: Replied) -> Handshake:
    """What an ``initialize`` has come to, by the answer of the application."""
    params = call.rpc.params
    try:
        body = msgspec.json.decode(result.reply.body, type=dict[str, msgspec.Raw])
        version = msgspec.json.decode(body["result"], type=_Initialized).protocol_version
    except (msgspec.DecodeError, KeyError):
        version = ""
    known = version if version in LEGACY_VERSIONS else LEGACY_VERSIONS[0]
    return make_handshake(
        known, params.capabilities, params.client_info, params.capabilities.extensions or ()
    )


def _ended_subscription(call: Call) -> Result:
    """The end of a subscription that the host does not hold open any longer."""
    result = {"resultType": "complete", "_meta": {_SUBSCRIPTION: call.rpc.id}}
    return judged(AppMessage(id=call.rpc.id, raw=jsonrpc.success(call.rpc.id, result)), 200, [])
