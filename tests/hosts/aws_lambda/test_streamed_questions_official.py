"""The official client of 2025-11-25 on streams of Lambda that ask: each request meets another environment."""

import asyncio
import json
import threading
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest
from mcp import ClientSession, types
from mcp.client.streamable_http import streamable_http_client
from tests.hosts.aws_lambda.events import Sent, function_url
from tests.hosts.aws_lambda.test_streamed_questions import NO_TIME, asking, environment
from tests.hosts.aws_lambda.test_streaming import Parts, context_of

from lambent.cli.gateway.streaming import ResponseParts
from lambent.execution.rounds import legacy_questions
from lambent.stores.memory import MemoryStore


class ToldParts(Parts):
    """Tells a client of each part when it is written."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self._loop = loop
        self.told = ResponseParts()

    def write(self, data: bytes) -> bool:
        self._loop.call_soon_threadsafe(self.told.take, data)
        return super().write(data)


class Body(httpx2.AsyncByteStream):
    """A body that comes in parts."""

    def __init__(self, parts: ResponseParts) -> None:
        self._parts = parts

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for part in self._parts.body():
            yield part


class FunctionUrlTransport(httpx2.AsyncBaseTransport):
    """A function URL in front of environments that share a table; each invocation has so many seconds."""

    def __init__(self, seconds: float) -> None:
        self.resumed = 0
        self.ended = asyncio.Event()
        """The stream of the call has."""
        self.threads: list[threading.Thread] = []
        self._seconds = seconds
        self._store = MemoryStore()

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        self.resumed += "last-event-id" in request.headers
        headers = tuple((name.lower(), value) for name, value in request.headers.items())
        sent = Sent(method=request.method, path="/mcp", headers=headers, body=await request.aread())
        is_call = b'"tools/call"' in sent.body
        loop = asyncio.get_running_loop()
        parts = ToldParts(loop)

        def run() -> None:
            handler = environment(asking(), self._store)
            handler(function_url(sent), context_of(parts, self._seconds))
            handler.close()
            loop.call_soon_threadsafe(parts.told.end)
            if is_call:
                loop.call_soon_threadsafe(self.ended.set)

        self.threads.append(threading.Thread(target=run))
        self.threads[-1].start()
        head = json.loads(await parts.told.head)
        return httpx2.Response(head["statusCode"], headers=head["headers"], stream=Body(parts.told))


@pytest.mark.parametrize(("seconds", "resumes"), [(30.0, False), (NO_TIME, True)])
@pytest.mark.parametrize("tool", ["ask", "ask_async"])
def test_it_is_asked_once(monkeypatch: pytest.MonkeyPatch, tool: str, seconds: float, resumes: bool) -> None:
    monkeypatch.setattr(legacy_questions, "_LOOK_SECONDS", 0.02)
    asked: list[str] = []

    async def main() -> tuple[Any, FunctionUrlTransport]:
        transport = FunctionUrlTransport(seconds)

        async def answer(context: Any, params: Any) -> types.ElicitResult:
            asked.append(params.message)
            if resumes:
                await transport.ended.wait()
            return types.ElicitResult(action="accept", content={"euros": 5})

        async with (
            httpx2.AsyncClient(transport=transport) as http,
            streamable_http_client("http://function/mcp", http_client=http) as streams,
            ClientSession(streams[0], streams[1], elicitation_callback=answer) as session,
        ):
            found = await session.initialize()
            assert found.protocol_version == "2025-11-25"
            result = await session.call_tool(tool, {})
        await asyncio.gather(*(asyncio.to_thread(thread.join, 20) for thread in transport.threads))
        return result, transport

    result, transport = asyncio.run(asyncio.wait_for(main(), 60))
    assert result.content[0].text == "accept 5"
    assert asked == ["How much?"]
    assert bool(transport.resumed) is resumes
