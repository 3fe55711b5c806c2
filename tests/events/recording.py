"""Clients whose requests are noted as events on their way to a function."""

import asyncio
import contextlib
import json
import re
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any

import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from tests.events.front_ends import FrontEnd

from lambent.cli.gateway.messages import FrontEndRequest

Handler = Callable[[dict[str, Any], Any], dict[str, Any]]


class Recorder(httpx2.AsyncBaseTransport):
    """The way from a client to a function: what a front end does with a request and with a result.

    Args:
        front_end: the front end.
        handler: the function.
        names: of the requests to come, in their order; None for one that is not kept.
        stable: members of results that are different each time, and what the client reads in their place.
            The function gets its own words back.
    """

    def __init__(
        self,
        front_end: FrontEnd,
        handler: Handler,
        names: Iterable[str | None],
        stable: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self.events: dict[str, dict[str, Any]] = {}
        self._front_end = front_end
        self._handler = handler
        self._names = iter(names)
        self._stable = stable
        self._real: dict[str, str] = {}

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Pass one request on."""
        name = next(self._names, "")
        assert name != "", f"a request too many: {await request.aread()!r}"
        sent = await self._read(request)
        full_name = f"{self._front_end.name}-{name or 'unnamed'}"
        event = self._front_end.event(sent, full_name)
        if name is not None:
            self.events[full_name] = event
        result = json.dumps(
            await asyncio.to_thread(self._handler, self._as_the_function_knows_it(event), None)
        )
        for member, value in self._stable.items():
            # The body is text within the JSON of the result.
            for found in re.findall(rf'\\"{member}\\":\\"([\w=-]+)', result):
                self._real[value] = found
                result = result.replace(found, value)
        answer = self._front_end.kind.response(result.encode(), sent, self._front_end.api)
        return httpx2.Response(answer.status, headers=list(answer.headers), content=answer.body)

    def end(self) -> dict[str, dict[str, Any]]:
        """The events, once all that were expected have come."""
        assert next(self._names, self) is self, "a request was not made"
        return self.events

    def _as_the_function_knows_it(self, event: dict[str, Any]) -> dict[str, Any]:
        text = json.dumps(event)
        for value, found in self._real.items():
            text = text.replace(value, found)
        real: dict[str, Any] = json.loads(text)
        return real

    async def _read(self, request: httpx2.Request) -> FrontEndRequest:
        return FrontEndRequest(
            method=request.method,
            path=request.url.raw_path.decode().partition("?")[0].removeprefix(self._front_end.base),
            query=request.url.query.decode(),
            headers=tuple((name.decode(), value.decode()) for name, value in request.headers.raw),
            body=await request.aread(),
            source_ip="203.0.113.7",
            port=443,
            scheme="https",
        )


@contextlib.asynccontextmanager
async def http_client(recorder: Recorder) -> AsyncIterator[httpx2.AsyncClient]:
    """The HTTP client that the official SDK uses."""
    # What it offers by itself depends on what else is installed.
    headers = {"Accept-Encoding": "gzip, deflate"}
    async with httpx2.AsyncClient(transport=recorder, headers=headers) as client:
        yield client


@contextlib.asynccontextmanager
async def mcp_client(recorder: Recorder, front_end: FrontEnd, **options: Any) -> AsyncIterator[Client]:
    """The client of the official SDK."""
    async with http_client(recorder) as client:
        transport = streamable_http_client(front_end.url, http_client=client)
        async with Client(transport, **options) as session:
            yield session
