"""``LambdaClient``: calls a Lambda handler with the events that an AWS front end sends it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Self

import msgspec

from lambent.hosts.aws_lambda.handler import LambdaHandler
from lambent.testing.answers import GivenAnswers, OnQuestion
from lambent.testing.client import McpClient
from lambent.testing.events import FrontEnd, FrontEndServer, lambda_context, message_event
from lambent.testing.http import HttpReply, OnMessage, close_with
from lambent.testing.options import ClientOptions

LambdaFunction = Callable[[dict[str, Any], Any], Any]
"""A handler, as Lambda calls it."""


class LambdaClient(McpClient):
    """Calls a Lambda handler: requests become events of a front end, and what it returns the response.

    The handler is used as it is: with its settings, its table, and the real time.

    Args:
        handler: what ``mcp.lambda_handler()`` makes, or any other handler that answers MCP requests.
        front_end: ``http-api``, ``rest``, ``function-url`` or ``alb``.
        path: of the MCP endpoint.
        authorizer: what the front end's authorizer has found out, such as ``{"jwt": {"claims": {…}}}``.
        context: makes the context object of an invocation.
        queue_url: the queue of tasks, from which they are run.
        worker: the handler that runs tasks; default: the same one.
        queue_wait: seconds to wait for a message of the queue, as retries of tasks are delayed.
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
        super().__init__(
            options, GivenAnswers(answers, on_question), _LambdaTransport(self._function, options)
        )

    def event(self, event: Mapping[str, Any]) -> Any:
        """What the handler returns for any event."""
        return self._function.handler(dict(event), self._function.context())

    def _derive(self, options: ClientOptions, answers: GivenAnswers) -> Self:
        made = object.__new__(type(self))
        made._function = self._function
        McpClient.__init__(made, options, answers, _LambdaTransport(self._function, options))
        return made


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
        returned = self._function.handler(self._front_end.event(request), self._function.context())
        self.last = self._front_end.reply(request, returned)
        return self.last

    def run_next_task(self) -> bool:
        """Receive the next message of the queue, run it, and remove it once it is done."""
        function, queue_url = self._function, self._function.queue_url
        if queue_url is None:
            raise ValueError("Tasks run from a queue: LambdaClient(handler, queue_url=...)")
        from lambent.stores.aws import client  # loads boto3, which few tests need

        sqs, wait = client("sqs"), min(function.queue_wait, 20)
        received = sqs.receive_message(QueueUrl=queue_url, MaxNumberOfMessages=1, WaitTimeSeconds=wait)
        for message in received.get("Messages", ()):
            made = message_event(message["Body"], queue_url=queue_url)
            answer = function.worker(made, function.context())
            receipt = {"QueueUrl": queue_url, "ReceiptHandle": message["ReceiptHandle"]}
            if answer["batchItemFailures"]:
                sqs.change_message_visibility(**receipt, VisibilityTimeout=0)
            else:
                sqs.delete_message(**receipt)
            return True
        return False
