"""The function that Lambda calls, and one invocation of it."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Coroutine, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from lambent.errors import ConfigurationError, DeadlineReached, HttpRefusal
from lambent.execution.endpoint import Endpoint
from lambent.execution.invocation import Invocation
from lambent.hosts.aws_lambda.events import (
    Event,
    UnknownEventError,
    format_of,
    is_message,
    is_warm_up,
    of_gateway,
    unreadable,
    write_v2,
)
from lambent.hosts.discovery import DiscoveryDocuments
from lambent.wire.http import JSON_TYPE, HttpResponse, error_response

if TYPE_CHECKING:
    from lambent.execution.durable.tasks.worker import Worker
    from lambent.execution.event_loop import CallerLoop
    from lambent.execution.ports import AsyncRunner
    from lambent.execution.rounds.journal import Journal
    from lambent.hosts.aws_lambda.delivery_events import DeliveryEvents
    from lambent.hosts.aws_lambda.source_events import SourceEvents

T = TypeVar("T")


class LambdaHandler:
    """What ``MCPServer.lambda_handler`` gives: call it with an event and a context.

    The worker runs the tasks that the queue of ``queue_url`` brings, ``deliveries`` takes what is to be
    delivered to endpoints, and ``sources`` has the functions for events of AWS.

    Attributes:
        deliveries: see there.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        worker: Worker | None = None,
        queue_url: str = "",
        documents: DiscoveryDocuments | None = None,
        deliveries: DeliveryEvents | None = None,
        sources: SourceEvents | None = None,
    ) -> None:
        self._endpoint = endpoint
        self._documents = documents
        self._worker = worker
        self._queue_url = queue_url
        self.deliveries = deliveries
        self._sources = sources

    @functools.cached_property
    def _run(self) -> CallerLoop:
        from lambent.execution.event_loop import CallerLoop  # loaded by a first coroutine

        return CallerLoop()

    def _run_coroutine(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """See ``AsyncRunner``."""
        return self._run(coroutine)

    def is_of_gateway(self, context: Any) -> bool:
        """Whether an invocation is a call of an AgentCore gateway, whatever its event looks like."""
        return False

    def close(self) -> None:
        """Leave the lifespan and close the event loop, as tests do, and SIGTERM where there is a lifespan."""
        if "_run" in vars(self):
            if (lifespan := self._endpoint.executor.services.lifespan) is not None:
                self._run(lifespan.leave())
            self._run.close()
        if self.deliveries is not None:
            self.deliveries.close()

    takes_messages = True
    """JSON-RPC messages are events too."""

    def __call__(self, event: Event, context: Any) -> Any:
        """Answer one HTTP event, do as messages of an SQS event say, publish cards, or run sources.

        HTTP events are those of API Gateway (HTTP API 2.0, REST 1.0), Function URLs and load balancers. An
        event that is a JSON-RPC message gets its answer, and a notification None.
        Events that keep the function warm get ``{"warm": true}`` as the body of a response. A schedule sends
        ``{"lambent": "sweep"}``, which does deliveries that are overdue, and ``{"lambent": "check"}``, which
        asks upstreams for what happened.

        Raises:
            UnknownEventError: the event is none of these.
            CheckFailedError: an upstream could not be asked.
            ConfigurationError: an SQS event has come to a function without tasks, or a schedule to one that
                delivers nothing or has nothing to ask.
            SourceFailedError: an event of AWS was not taken, or not all of it: Lambda delivers it again.
        """
        invocation = LambdaInvocation(context, self._run_coroutine)
        try:
            read, write = format_of(event)
        except UnknownEventError as error:
            unknown = error
        else:
            try:
                request = read(event, context)
            except HttpRefusal as refusal:
                return write(event, error_response(refusal))
            except (AttributeError, TypeError, ValueError) as error:
                raise unreadable(event, error) from error
            try:
                if (documents := self._documents) is not None:
                    method = request.method
                    response = documents.health(method, request.path) if method != "POST" else None
                    if response is None:
                        response = documents.answer(request)
                    if response is not None:
                        return write(event, response)
                return write(event, self._endpoint.handle(request, invocation))
            except UnicodeEncodeError as error:  # of a lone surrogate, which no HTTP request has
                raise unreadable(event, error) from error
        # Outside of the clause above, so that what fails here has no other exception as its context.
        if self.takes_messages and is_message(event):
            from lambent.hosts.aws_lambda.direct import answer_message  # loaded by a first message

            return answer_message(event, context, self._endpoint, invocation)
        answer = self._other(event, context, invocation)
        if answer is None:
            raise self._unknown(event, context) or unknown
        return answer

    def _unknown(self, event: Any, context: Any) -> UnknownEventError | None:
        """The error for a call of an AgentCore gateway, which a function has to be allowed to take."""
        if not self.takes_messages:
            return None
        from lambent.hosts.aws_lambda.agentcore import is_call  # loaded by an unknown event

        return of_gateway(event) if is_call(context) else None

    def _other(self, event: Any, context: Any, invocation: LambdaInvocation) -> dict[str, Any] | None:
        """Answer an event that is not HTTP; None if it is none that the function takes."""
        if not isinstance(event, Mapping):
            return None
        if (sources := self._sources) is not None:
            answer = sources.answer(event, context, invocation)
            if answer is not None:
                return answer
        if "Records" in event:
            from lambent.hosts.aws_lambda.queue_events import is_queue_event, run_messages

            if is_queue_event(event):
                if self.deliveries is not None and self.deliveries.takes(event):
                    return self.deliveries.run(event)
                return run_messages(event, context, self._worker, self._queue_url, invocation)
        if "ResponseURL" in event and self._documents is not None:
            from lambent.hosts.aws_lambda.deploy_events import is_deploy_event, run_deploy_event

            if is_deploy_event(event):
                return run_deploy_event(event, self._documents, invocation)
        if event.get("lambent") == "sweep":
            return self._sweep()
        if event.get("lambent") == "check":
            from lambent.hosts.aws_lambda.check_events import run_checks  # loaded by a schedule

            return run_checks(event, self._endpoint.executor.services, invocation)
        if is_warm_up(event):
            return write_v2(event, HttpResponse(200, {"content-type": JSON_TYPE}, b'{"warm":true}'))
        return None

    def finish(self, event: Event, context: Any, written: dict[str, Any]) -> dict[str, Any]:
        """What to return for a response that something else than this server has written."""
        return written

    def _sweep(self) -> dict[str, Any]:
        if self.deliveries is None:
            raise ConfigurationError(
                "This function delivers nothing to endpoints: set LAMBENT_TABLE and "
                'LAMBENT_EVENTS_QUEUE_URL, and declare events with delivery=["webhook"]'
            )
        self.deliveries.sweep()
        return {}


class LambdaInvocation(Invocation):
    """An invocation that ends when Lambda's context object says so; tests may give anything else, or None.

    Attributes:
        sending: the handler's thread is sending a part of the response, which half of would spoil.
    """

    buffers = True
    sending = False

    def __init__(self, context: Any, runner: AsyncRunner) -> None:
        super().__init__(runner)
        self._context = context

    def remaining_ms(self) -> int | None:
        """See ``Invocation.remaining_ms``."""
        remaining = getattr(self._context, "get_remaining_time_in_millis", None)
        return int(remaining()) if remaining is not None else None

    def call(
        self,
        function: Callable[..., T],
        kwargs: dict[str, Any],
        limit: float | None = None,
        journal: Journal | None = None,
    ) -> T:
        """See ``Invocation.call``; here the limit also interrupts a function that waits."""
        if limit is None:
            return function(**kwargs)
        from lambent.hosts.aws_lambda.time_limit import call_with_time_limit

        def is_busy() -> bool:
            return self.sending or (journal is not None and bool(journal.in_step))

        self._deadline = time.monotonic() + limit
        try:
            return call_with_time_limit(function, kwargs, limit, is_busy, self.seconds_for_steps())
        except DeadlineReached:
            self.expired = time.monotonic() >= self._deadline
            raise
