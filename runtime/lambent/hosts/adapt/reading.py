"""Reading what an application answers a call with, to the end of the exchange."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable

from lambent.errors import InternalError
from lambent.execution.call import Call
from lambent.hosts.adapt.messages import AppMessage, EventStream, is_stream, read_message
from lambent.hosts.adapt.replies import judged, refused
from lambent.hosts.adapt.running_app import Exchange
from lambent.wire.results import Result


class StreamEndedError(InternalError):
    """A stream has ended before the response; ``last_id`` has its last event, if that has an id."""

    def __init__(self, last_id: str) -> None:
        super().__init__("The server has ended its stream before the response")
        self.last_id = last_id


async def finish(
    call: Call, exchange: Exchange, ask: Callable[[AppMessage], None] = lambda message: None
) -> Result:
    """Read an answer to its end; ``ask`` takes what the application asks meanwhile.

    Raises:
        ErrorReplied: it is an error.
        StreamEndedError: it ends before the response.
    """
    if is_stream(exchange):
        stream = EventStream(exchange)
        async for message in stream:
            if message.is_request:
                ask(message)
            elif not message.is_response:
                call.invocation.emit(message.raw)
            elif message.id == call.rpc.id:
                return judged(message, exchange.status, exchange.headers)
        raise StreamEndedError(stream.last_id)
    body = await exchange.read()
    final = read_message(body)
    if final is None or not final.is_response:
        raise refused(exchange.status, exchange.headers, body)
    return judged(final, exchange.status, exchange.headers)


@contextlib.asynccontextmanager
async def ending(exchange: Exchange) -> AsyncIterator[None]:
    """Let an application end when its answer is read; what is read no further, it is told to give up."""
    try:
        yield
    except BaseException:
        await exchange.leave()
        raise
    await exchange.finished()
