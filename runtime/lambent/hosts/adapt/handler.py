"""The function that Lambda calls for an adapted application."""

from __future__ import annotations

import contextlib
from typing import Any
from urllib.parse import unquote

from lambent.errors import ConfigurationError
from lambent.execution.log_records import logger
from lambent.hosts.adapt.documents import AppDocuments
from lambent.hosts.adapt.forwarding import AppEndpoint
from lambent.hosts.adapt.others import Others
from lambent.hosts.adapt.scopes import Site
from lambent.hosts.adapt.servers import Adapted
from lambent.hosts.aws_lambda.events import Event, format_of, write
from lambent.hosts.aws_lambda.handler import LambdaHandler, LambdaInvocation
from lambent.wire.http import Request

_log = logger("lambent")


class AdaptedHandler(LambdaHandler):
    """What ``adapt`` gives: call it with an event and a context.

    Messages for the MCP endpoint go the way of those of Lambent's own servers; requests for other paths are
    the application's.
    """

    takes_messages = False  # an application takes HTTP requests

    def __init__(self, endpoint: AppEndpoint, documents: AppDocuments, site: Site, adapted: Adapted) -> None:
        super().__init__(endpoint, documents=documents)
        self._site = site
        self._calls = endpoint.executor.calls
        self._adapted = adapted
        self._others = Others(endpoint, site)
        self._own_documents = documents
        documents.site, documents.run = site, self._run_coroutine

    def __call__(self, event: Event, context: Any) -> Any:
        """Answer an HTTP event of API Gateway, a Function URL or a load balancer.

        Raises:
            UnknownEventError: it is another event, and none that keeps the function warm.
        """
        try:
            request = format_of(event)[0](event, context)
        except Exception:  # which says what is wrong with it, or that it is no HTTP event
            return super().__call__(event, context)
        if self._is_for_endpoint(request):
            return super().__call__(event, context)
        documents = self._own_documents
        response = documents.health(request.method, request.path)
        if response is None:
            with contextlib.suppress(ConfigurationError):  # an application that is no MCP server
                response = documents.answer(request)
        if response is not None and response.status != 404:
            return write(event, response)
        return self._others.answer(event, request, LambdaInvocation(context, self._run_coroutine))

    def close(self) -> None:
        """Leave the lifespan of the application, and close the event loop."""
        if "_run" in vars(self):
            self._run(self._leave())
        super().close()

    async def _leave(self) -> None:
        await self._calls.leave()
        await self._site.app.stop()

    def _is_for_endpoint(self, request: Request) -> bool:
        """Whether a request is for the MCP endpoint.

        Front ends may put something in front of its path, or take it away. Of an application that has other
        paths, only that path itself is the endpoint, and those below it where the endpoint is mounted there.
        """
        path, short = self._site.path, unquote(request.path).rstrip("/")
        if "/.well-known/" in request.path and request.method != "POST":
            return False
        if not self._adapted.is_server:
            return short == path.rstrip("/") or (
                request.method == "POST" and self._adapted.is_endpoint(unquote(request.path))
            )
        if short.endswith(path):
            return True
        is_message = request.method == "POST" or "mcp-session-id" in request.headers
        # Older releases of the SDKs take messages at every path below that of the endpoint too.
        return is_message and (path.endswith(short) or f"{path.rstrip('/')}/" in f"{short}/")
