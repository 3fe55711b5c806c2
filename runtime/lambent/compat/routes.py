"""Custom routes in Lambda: a Starlette application answers their events on the loop of the features."""

from __future__ import annotations

from collections.abc import Coroutine, Iterable, MutableMapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from starlette.applications import Starlette
from starlette.routing import Match

from lambent.compat.http_app import starlette_routes
from lambent.errors import HttpRefusal
from lambent.execution.failures import report
from lambent.hosts.app_scopes import bytes_of, scope_of
from lambent.hosts.aws_lambda.app_responses import CollectedResponse, failed, written
from lambent.hosts.aws_lambda.events import Event, UnknownEventError, format_of
from lambent.hosts.aws_lambda.handler import LambdaHandler
from lambent.wire.http import HttpResponse, Request

if TYPE_CHECKING:
    from lambent.compat.hosting import Route

T = TypeVar("T")

_Message = MutableMapping[str, Any]


class RoutedHandler(LambdaHandler):
    """A handler that answers the events of custom routes, and passes every other one on.

    Args:
        handler: the server's own.
        routes: the custom ones.
        own_paths: the server's own, which no custom route takes unless it names one of them.
        debug: show tracebacks.
    """

    def __init__(
        self, handler: LambdaHandler, routes: Sequence[Route], own_paths: Iterable[str], *, debug: bool
    ) -> None:
        super().__init__(handler._endpoint, handler._worker, handler._queue_url, handler._documents)
        self._handler = handler
        self._own = frozenset(own_paths) - {one.path for one in routes}
        self._routes = starlette_routes(routes)
        self._app = Starlette(debug=debug, routes=self._routes)

    def _run_coroutine(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return self._handler._run_coroutine(coroutine)

    def close(self) -> None:
        """See ``LambdaHandler.close``."""
        self._handler.close()

    def __call__(self, event: Event, context: Any) -> Any:
        """See ``LambdaHandler.__call__``."""
        if self._handler.is_of_gateway(context):
            return self._handler(event, context)
        try:
            request = format_of(event)[0](event, context)
        except (UnknownEventError, HttpRefusal, AttributeError, TypeError, ValueError):
            return self._handler(event, context)  # which says what is wrong with it
        scope = scope_of(request)
        if scope["path"] in self._own or all(
            route.matches(scope)[0] is not Match.FULL for route in self._routes
        ):
            return self._handler(event, context)
        response: HttpResponse
        try:
            response = self._run_coroutine(self._respond(scope, request))
        except Exception as error:  # the lifespan cannot be entered
            response = failed(error)
        result = written(event, response, self._endpoint.executor.services.response_limit, request)
        return self._handler.finish(event, context, result)

    async def _respond(self, scope: _Message, request: Request) -> CollectedResponse:
        """The response; a failure is in the log, and a response too."""
        if (lifespan := self._endpoint.executor.services.lifespan) is not None:
            await lifespan.start()
        body = bytes_of(request.body)
        received: list[_Message] = [{"type": "http.request", "body": body, "more_body": False}]
        sent: list[_Message] = []

        async def receive() -> _Message:
            return received.pop() if received else {"type": "http.disconnect"}

        async def send(message: _Message) -> None:
            sent.append(message)

        try:
            await self._app(scope, receive, send)
        except Exception as error:  # Starlette has answered already, and lets its host log it
            report(error)
        start, *parts = sent
        pairs = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in start["headers"]]
        return CollectedResponse.of(start["status"], pairs, b"".join(part.get("body", b"") for part in parts))
