"""Requests for other paths than the MCP endpoint: custom routes, and whatever else an application has."""

from __future__ import annotations

import asyncio
from typing import Any

from lambent.auth.principal import Principal
from lambent.errors import HttpRefusal, ProtocolError
from lambent.execution.invocation import Invocation
from lambent.hosts.adapt.forwarding import AppEndpoint
from lambent.hosts.adapt.messages import is_stream
from lambent.hosts.adapt.running_app import Exchange
from lambent.hosts.adapt.scopes import Site
from lambent.hosts.aws_lambda.app_responses import CollectedResponse, failed, written
from lambent.hosts.aws_lambda.events import Event
from lambent.wire.http import HttpResponse, Request, error_response


class Others:
    """Passes requests on, and collects the responses."""

    def __init__(self, endpoint: AppEndpoint, site: Site) -> None:
        self._endpoint = endpoint
        self._services = endpoint.executor.services
        self._site = site

    def answer(self, event: Event, request: Request, invocation: Invocation) -> dict[str, Any]:
        """Answer a request, as the platform wants it written."""
        try:
            principal = self._caller(request)
            response = invocation.run(self._collect(request, principal, invocation.time_limit()))
        except ProtocolError as refusal:
            response = error_response(refusal)
        except Exception as error:
            response = failed(error)
        return written(event, response, self._services.response_limit, request)

    def _caller(self, request: Request) -> Principal | None:
        """Who is calling, where that has to be known; preflight requests of browsers have no credentials."""
        size = len(request.body)
        if size > self._endpoint.body_limit:
            raise HttpRefusal(413, f"The request body is larger than {self._endpoint.body_limit} bytes")
        guard = self._services.guard
        if guard is None or request.method == "OPTIONS":
            return None
        principal = self._endpoint.authenticate(request)
        base = guard.base_scopes(principal)
        if principal is not None and not principal.scopes.issuperset(base):
            raise guard.forbid(request, principal, base)
        return principal

    async def _collect(
        self, request: Request, principal: Principal | None, limit: float | None
    ) -> HttpResponse:
        """The whole response; of a stream of events by GET, which may never end, its beginning."""
        exchange: Exchange | None = None
        body = bytearray()
        try:
            async with asyncio.timeout(limit) as scope:
                exchange = await self._site.pass_on(request, principal)
                if request.method == "GET" and is_stream(exchange):
                    scope.reschedule(asyncio.get_running_loop().time() + self._services.listen_seconds)
                async for chunk in exchange.chunks():
                    body += chunk
                    self._check(len(body))
                await exchange.finished()
        except TimeoutError:
            if not scope.expired():
                raise
            if exchange is None or not is_stream(exchange):
                raise HttpRefusal(504, "The application has not answered in time") from None
        finally:
            if exchange is not None:
                await exchange.leave()
        return CollectedResponse.of(exchange.status, exchange.headers, bytes(body))

    def _check(self, size: int) -> None:
        limit = self._services.response_limit
        if limit is not None and size > limit.size:
            raise HttpRefusal(502, f"The response is larger than {limit.size} bytes")
