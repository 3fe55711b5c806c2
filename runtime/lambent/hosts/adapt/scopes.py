"""Where requests to an application are sent, and with what the platform says of them."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

import msgspec

from lambent.auth.principal import Principal
from lambent.hosts.adapt.principals import tell
from lambent.hosts.adapt.running_app import Exchange, RunningApp
from lambent.hosts.app_scopes import bytes_of, scope_of
from lambent.wire.http import Request

_MOVED = (307, 308)


class Site:
    """Sends requests to an application, with what the platform says of them.

    Args:
        app: the application.
        path: of its MCP endpoint.
    """

    def __init__(self, app: RunningApp, path: str) -> None:
        self.app = app
        self.path = path
        self._sent = path

    async def message(
        self,
        request: Request,
        principal: Principal | None,
        headers: Mapping[str, str] | None = None,
        method: str = "POST",
        body: bytes | None = None,
    ) -> Exchange:
        """Send a message to the endpoint, on account of a request.

        Args:
            request: whose headers the application sees.
            principal: who is calling.
            headers: in place of those of the request; empty ones are left out.
            method: of HTTP.
            body: in place of that of the request.
        """
        merged = {**request.headers, **(headers or {})}
        content = bytes_of(request.body) if body is None else body
        while True:
            scope = scope_of(request, method, merged, len(content))
            tell(scope, principal, merged.get("authorization", ""))
            scope["path"], scope["raw_path"] = self._sent, self._sent.encode()
            scope["root_path"], scope["query_string"] = "", b""
            exchange = await self.app.request(scope, content)
            if exchange.status not in _MOVED or self._sent.endswith("/"):
                return exchange
            if urlsplit(exchange.header("location")).path != f"{self._sent}/":
                return exchange
            # Older releases of the SDK 1.x have the endpoint there, and clients follow.
            await exchange.read()
            self._sent += "/"

    async def pass_on(self, request: Request, principal: Principal | None) -> Exchange:
        """Send a request for another path as it is."""
        scope = scope_of(request)
        tell(scope, principal, request.headers.get("authorization", ""))
        return await self.app.request(scope, bytes_of(request.body))


class Sender:
    """Sends messages to the endpoint of an application on account of one request.

    Args:
        site: the application.
        request: whose headers the application sees.
        principal: who is calling.
    """

    def __init__(self, site: Site, request: Request, principal: Principal | None) -> None:
        self._site = site
        self._request = request
        self._principal = principal

    async def __call__(self, method: str, headers: Mapping[str, str], body: bytes) -> Exchange:
        """Send a request: method, headers in place of those of the request, body."""
        return await self._site.message(self._request, self._principal, headers, method, body)

    def lasting(self) -> Sender:
        """One that can be kept: it does not hold the body of the request."""
        request = msgspec.structs.replace(self._request, body=b"", event=None, context=None)
        return Sender(self._site, request, self._principal)
