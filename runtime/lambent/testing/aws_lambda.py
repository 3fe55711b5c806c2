"""``LambdaClient``: calls a Lambda handler with the events that an AWS front end sends it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Self

import msgspec

from lambent.cli.gateway.context import LambdaContext
from lambent.hosts.aws_lambda.handler import LambdaHandler
from lambent.hosts.event_ports import LateCallbacks
from lambent.hosts.events import Deliverer
from lambent.testing.answers import GivenAnswers, OnQuestion
from lambent.testing.client import McpClient
from lambent.testing.endpoints import MemoryEndpoints
from lambent.testing.event_calls import EndpointEvents
from lambent.testing.event_results import DeliveredEvent
from lambent.testing.events import FrontEnd, FrontEndServer, lambda_context, message_event
from lambent.testing.http import HttpReply, OnMessage, asked_in, close_with
from lambent.testing.options import ClientOptions

LambdaFunction = Callable[[dict[str, Any], Any], Any]
"""A handler, as Lambda calls it."""


class LambdaClient(McpClient):
    """Calls a Lambda handler: requests become events of a front end, and what it returns the response.

    The handler is used as it is: with its settings, its table, and the real time.

    Args:
        handler: what ``mcp.lambda_handler()`` makes, or any other handler that answers MCP requests.
        front_end: ``http-api``, ``rest``, ``function-url`` or ``alb``. With ``LAMBENT_RESPONSE_MODE=stream``,
            ``rest`` and ``function-url`` take responses in parts.
        path: of the MCP endpoint.
        authorizer: what the front end's authorizer has found out, such as ``{"jwt": {"claims": {…}}}``.
        context: makes the context object of an invocation; one of another type than ``lambda_context`` gives
            is used as it is, so responses are whole unless it has ``open_response_stream``.
        queue_url: the queue of tasks, from which they are run.
        worker: the handler that runs tasks; default: the same one.
        queue_wait: seconds to wait for a message of a queue, as retries are delayed.
        deliveries_url: the queue of deliveries of events; with it nothing is sent over a network, and
            `events` has what endpoints get.
        version: see ``TestClient``; so for the others.
    """

    __test__ = False

    def __init__(
        self,
        handler: LambdaFunction,
        *,
        front_end: FrontEnd = "http-api",
        path: str = "/mcp",
        authorizer: Mapping[str, Any] | None = None,
        context: Callable[[], Any] = lambda_context,
        queue_url: str | None = None,
        worker: LambdaFunction | None = None,
        queue_wait: int = 1,
        deliveries_url: str | None = None,
        version: str | None = None,
        answers: Iterable[Any] = (),
        on_question: OnQuestion | None = None,
        capabilities: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] = {},
        client_address: str = "203.0.113.7",
    ) -> None:
        options = ClientOptions(
            version=version, capabilities=capabilities, headers=headers, client_address=client_address
        )
        self._function = _Function(
            handler, front_end, path, authorizer, context, queue_url, worker or handler, queue_wait
        )
        self._deliveries = _LambdaDeliveries(self._function, deliveries_url)
        super().__init__(
            options, GivenAnswers(answers, on_question), _LambdaTransport(self._function, options)
        )

    @property
    def events(self) -> LambdaEvents:
        """Polls for events, subscribes endpoints, and has what happens delivered to them."""
        return LambdaEvents(self, self._deliveries)

    def event(self, event: Mapping[str, Any]) -> Any:
        """What the handler returns for any event."""
        return self._function.handler(dict(event), self._function.context())

    def _derive(self, options: ClientOptions, answers: GivenAnswers) -> Self:
        made = object.__new__(type(self))
        made._function, made._deliveries = self._function, self._deliveries
        McpClient.__init__(made, options, answers, _LambdaTransport(self._function, options))
        return made


class LambdaEvents(EndpointEvents):
    """Events of a handler, whose deliveries a queue brings."""

    def __init__(self, client: McpClient, deliveries: _LambdaDeliveries) -> None:
        super().__init__(client, deliveries.endpoints)
        self._run = deliveries.run

    def deliver(self) -> list[DeliveredEvent]:
        """Give the messages of the queue to the handler, until none has come for ``queue_wait`` seconds.

        Returns:
            What was sent to endpoints by this, failed attempts too.

        Raises:
            ValueError: the client knows no queue.
        """
        before = len(self.deliveries)
        self._run()
        return self.deliveries[before:]


class _LambdaDeliveries:
    """The queue of deliveries, and the endpoints, which take the place of all others.

    Raises:
        ValueError: the handler is another one, or delivers nothing.
    """

    def __init__(self, function: _Function, url: str | None) -> None:
        self.endpoints = MemoryEndpoints()
        self._function = function
        self._url = url
        if url is not None:
            for handler in {function.handler, function.worker}:
                _late_callbacks(handler).made = self.endpoints

    def run(self) -> None:
        """Receive messages, run them, and remove those that are done."""
        function, url = self._function, self._url
        if url is None:
            raise ValueError("A queue brings deliveries: LambdaClient(handler, deliveries_url=...)")
        while received := _receive(url, 10, function.queue_wait):
            made = message_event(*(one["Body"] for one in received), queue_url=url)
            sent = {record["messageId"]: one for record, one in zip(made["Records"], received, strict=True)}
            answer = function.worker(made, function.context())
            failed = {one["itemIdentifier"] for one in answer["batchItemFailures"]}
            for name, one in sent.items():
                _settle(url, one["ReceiptHandle"], is_done=name not in failed)


def _late_callbacks(handler: LambdaFunction) -> LateCallbacks:
    """What a handler sends requests to endpoints by."""
    events = handler.deliveries if isinstance(handler, LambdaHandler) else None
    deliver = None if events is None else events.deliver
    callbacks = deliver.ports.callbacks if isinstance(deliver, Deliverer) else None
    if not isinstance(callbacks, LateCallbacks):
        raise ValueError(
            "The handler delivers nothing to endpoints: make it by mcp.lambda_handler(), with LAMBENT_TABLE, "
            'LAMBENT_EVENTS_QUEUE_URL, and events with delivery=["webhook"]'
        )
    return callbacks


def _receive(url: str, most: int, wait: int) -> list[dict[str, Any]]:
    from lambent.stores.aws import client  # loads boto3, which few tests need

    received = client("sqs").receive_message(
        QueueUrl=url, MaxNumberOfMessages=most, WaitTimeSeconds=min(wait, 20)
    )
    messages: list[dict[str, Any]] = received.get("Messages", [])
    return messages


def _settle(url: str, handle: str, *, is_done: bool) -> None:
    """Remove a message that is done; another one comes again at once."""
    from lambent.stores.aws import client

    if is_done:
        client("sqs").delete_message(QueueUrl=url, ReceiptHandle=handle)
    else:
        client("sqs").change_message_visibility(QueueUrl=url, ReceiptHandle=handle, VisibilityTimeout=0)


class _Function(msgspec.Struct, frozen=True, weakref=True):
    """What a client calls; see ``LambdaClient``."""

    handler: LambdaFunction
    front_end: FrontEnd
    path: str
    authorizer: Mapping[str, Any] | None
    context: Callable[[], Any]
    queue_url: str | None
    worker: LambdaFunction
    queue_wait: int

    def __post_init__(self) -> None:
        """Have the event loops of handlers closed with the last client that uses them."""
        for handler in (self.handler, self.worker):
            if isinstance(handler, LambdaHandler):
                close_with(self, handler.close)


class _LambdaTransport:
    """Makes events of requests; see ``Transport``."""

    def __init__(self, function: _Function, options: ClientOptions) -> None:
        self.last: HttpReply | None = None
        self._function = function
        self._front_end = FrontEndServer(
            function.front_end, function.path, function.authorizer, options.client_address
        )

    def send(
        self, method: str, headers: dict[str, str], body: bytes = b"", on_message: OnMessage | None = None
    ) -> HttpReply:
        request = self._front_end.request(method, headers, body)
        context, parts = self._function.context(), list[bytes]()

        def take(part: bytes) -> None:
            parts.append(part)
            if on_message is not None:
                for message in asked_in(part):
                    on_message(message)

        if isinstance(context, LambdaContext):
            context.stream_to(take)
        returned = self._function.handler(self._front_end.event(request), context)
        self.last = self._front_end.reply(request, returned, b"".join(parts))
        return self.last

    def run_next_task(self) -> bool:
        """Receive the next message of the queue, run it, and remove it once it is done."""
        function, queue_url = self._function, self._function.queue_url
        if queue_url is None:
            raise ValueError("Tasks run from a queue: LambdaClient(handler, queue_url=...)")
        for message in _receive(queue_url, 1, function.queue_wait):
            made = message_event(message["Body"], queue_url=queue_url)
            answer = function.worker(made, function.context())
            _settle(queue_url, message["ReceiptHandle"], is_done=not answer["batchItemFailures"])
            return True
        return False
