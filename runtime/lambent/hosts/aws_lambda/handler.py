"""The function that Lambda calls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import UNSET

from lambent.errors import ConfigurationError, HttpRefusal
from lambent.execution.engine import Engine
from lambent.execution.loop import OwnLoop
from lambent.hosts.aws_lambda.events import Event, format_of
from lambent.hosts.aws_lambda.invocation import LambdaInvocation
from lambent.hosts.discovery import DiscoveryDocuments
from lambent.wire import jsonrpc
from lambent.wire.http import JSON_TYPE, HttpResponse

if TYPE_CHECKING:
    from lambent.execution.tasks.worker import Worker


class LambdaHandler:
    """What ``MCPServer.lambda_handler`` gives: call it with an event and a context.

    Args:
        engine: answers the requests.
        worker: runs tasks that a queue brings; None where no queue does.
        queue_url: that queue.
        documents: answers requests for documents, and publishes them; None where there are none.
    """

    def __init__(
        self,
        engine: Engine,
        worker: Worker | None = None,
        queue_url: str = "",
        documents: DiscoveryDocuments | None = None,
    ) -> None:
        self._engine = engine
        self._documents = documents
        self._worker = worker
        self._queue_url = queue_url
        self._run = OwnLoop()

    def close(self) -> None:
        """Close the event loop that ``async def`` features ran on, as tests do; Lambda never does."""
        self._run.close()

    def __call__(self, event: Event, context: Any) -> dict[str, Any]:
        """Answer one HTTP event, run the tasks of an SQS event, or publish cards for CloudFormation.

        Args:
            event: of API Gateway (HTTP API 2.0 or REST 1.0), a Function URL, a load balancer, SQS, or
                CloudFormation.
            context: Lambda's context object.

        Raises:
            UnknownEventError: the event is none of these.
            ConfigurationError: an SQS event has come to a function without tasks.
        """
        if "Records" in event:
            from lambent.hosts.aws_lambda.queue_events import is_queue_event, run_messages

            if is_queue_event(event):
                if self._worker is None:
                    raise ConfigurationError(
                        "This function has no tasks to run: set LAMBENT_TABLE and LAMBENT_TASK_QUEUE_URL, "
                        "and declare tools with task="
                    )
                invocation = LambdaInvocation(context, self._run)
                return run_messages(event, context, self._worker, self._queue_url, invocation)
        if "ResponseURL" in event and self._documents is not None:
            from lambent.hosts.aws_lambda.deploy_events import run_deploy_event

            return run_deploy_event(event, self._documents, LambdaInvocation(context, self._run))
        read, write = format_of(event)
        try:
            request = read(event)
        except HttpRefusal as refusal:
            body = jsonrpc.failure(UNSET, refusal.code, refusal.message)
            return write(event, HttpResponse(refusal.status, {"content-type": JSON_TYPE}, body))
        if request.method != "POST" and self._documents is not None:
            response = self._documents.answer(request)
            if response is not None:
                return write(event, response)
        return write(event, self._engine.handle(request, LambdaInvocation(context, self._run)))
