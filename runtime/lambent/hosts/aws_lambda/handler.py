"""The function that Lambda calls."""

from __future__ import annotations

from typing import Any

from msgspec import UNSET

from lambent.errors import HttpRefusal
from lambent.execution.engine import Engine
from lambent.execution.invocation import Invocation
from lambent.execution.loop import OwnLoop
from lambent.execution.ports import AsyncRunner
from lambent.hosts.aws_lambda.events import Event, dialect_of
from lambent.wire import jsonrpc
from lambent.wire.http import JSON_TYPE, HttpResponse


class LambdaInvocation(Invocation):
    """One Lambda invocation.

    Args:
        context: Lambda's context object; None and anything else where there is none, as in tests.
        runner: runs coroutines.
    """

    __slots__ = ("_context",)

    def __init__(self, context: Any, runner: AsyncRunner) -> None:
        super().__init__(runner)
        self._context = context

    def remaining_ms(self) -> int | None:
        """See ``Invocation.remaining_ms``."""
        remaining = getattr(self._context, "get_remaining_time_in_millis", None)
        return int(remaining()) if remaining is not None else None


class LambdaHandler:
    """What ``MCPServer.lambda_handler`` gives: call it with an event and a context.

    Args:
        engine: answers the requests.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._run = OwnLoop()

    def close(self) -> None:
        """Close the event loop that ``async def`` features ran on, as tests do; Lambda never does."""
        self._run.close()

    def __call__(self, event: Event, context: Any) -> dict[str, Any]:
        """Answer one HTTP event.

        Args:
            event: of API Gateway (HTTP API 2.0 or REST 1.0), a Function URL or a load balancer.
            context: Lambda's context object.

        Raises:
            UnknownEventError: the event is none of these.
        """
        read, write = dialect_of(event)
        try:
            request = read(event)
        except HttpRefusal as refusal:
            body = jsonrpc.failure(UNSET, refusal.code, refusal.message)
            return write(event, HttpResponse(refusal.status, {"content-type": JSON_TYPE}, body))
        return write(event, self._engine.handle(request, LambdaInvocation(context, self._run)))
