"""What hosts call of a server: the function of Lambda, the ASGI application, the endpoint of stdio."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec

from lambent.execution.call import Call
from lambent.execution.middleware import Middleware, Observer
from lambent.features.catalog import Catalog
from lambent.hosts.assembly import Assembly
from lambent.hosts.settings import Settings
from lambent.wire.http import HttpResponse

if TYPE_CHECKING:
    from lambent.auth.authenticator import AuthDeclaration
    from lambent.execution.audit.config import Audit
    from lambent.execution.context import Context
    from lambent.execution.endpoint import Endpoint
    from lambent.execution.lifespan import Lifespan
    from lambent.execution.rounds.journal import Journal
    from lambent.execution.subscription_bus import SubscriptionBus
    from lambent.features.limits import Limits
    from lambent.hosts.asgi import AsgiApp
    from lambent.hosts.aws_lambda.handler import LambdaHandler
    from lambent.hosts.aws_lambda.streaming import StreamingHandler

_ADDED_BYTES = 4096
"""Of headers and cookies that an application around the endpoint adds to its responses."""


class ServerParts(msgspec.Struct, frozen=True, kw_only=True):
    """What a server declares and was given, of which a host makes its entry point.

    Attributes:
        catalog: the declarations.
        middleware: around every call, outermost first.
        observers: around every call and its middleware, outermost first.
        authenticators: how callers are identified, in this order; none: as the settings say.
        limits: what one caller may do, unless the settings say otherwise.
        audit: what is recorded of calls; None: as the settings say; False: nothing.
        lifespan: entered by the first call, or by the host.
        context: makes the contexts of handlers; None: as usual.
        bus: brings changes that other processes publish; None: there are those of this process.
    """

    catalog: Catalog
    middleware: tuple[Middleware, ...] = ()
    observers: tuple[Observer, ...] = ()
    authenticators: tuple[AuthDeclaration, ...] = ()
    limits: Limits | None = None
    audit: Audit | bool | None = None
    lifespan: Lifespan | None = None
    context: Callable[[Call, Journal], Context] | None = None
    bus: SubscriptionBus | None = None


def lambda_handler(parts: ServerParts, settings: Settings) -> LambdaHandler:
    """The function that Lambda calls, with a worker for tasks where there can be any."""
    from lambent.hosts.aws_lambda.events import write

    streams = settings.response_mode == "stream"
    made = Assembly(parts, settings, write, in_lambda=True, streams=streams)
    worker = None
    if (tasks := made.executor.services.tasks) is not None:
        from lambent.execution.durable.tasks.worker import Worker

        worker = Worker(made.executor, tasks)
    deliveries = None
    if made.deliver is not None:
        # loaded where occurrences are delivered to endpoints
        from lambent.hosts.aws_lambda.delivery_events import DeliveryEvents

        deliveries_url = "" if settings.events is None else settings.events.queue_url or ""
        deliveries = DeliveryEvents(made.deliver, deliveries_url, made.deliver.close)
    sources = None
    if parts.catalog.sources:
        from lambent.hosts.aws_lambda.source_events import make_sources  # loaded where there are some

        sources = make_sources(made.executor.services)
    documents = made.documents(is_strict=True)
    given = made.endpoint(), worker, settings.task_queue_url or "", documents, deliveries, sources
    handler = _streaming_handler(settings, *given) if streams else _handler_type(settings)(*given)
    if parts.lifespan is not None and settings.in_lambda:
        from lambent.hosts.aws_lambda.shutdown import leave_at_end  # loaded where something is to be left

        leave_at_end(handler)
    return handler


def _handler_type(settings: Settings) -> type[LambdaHandler]:
    if settings.agentcore:
        from lambent.hosts.aws_lambda.agentcore import AgentCoreHandler  # loaded where a gateway calls

        return AgentCoreHandler
    from lambent.hosts.aws_lambda.handler import LambdaHandler

    return LambdaHandler


def _streaming_handler(settings: Settings, *given: Any) -> StreamingHandler:
    # loaded where a setting wants streams; not in artifacts that are not built for them
    from lambent.hosts.aws_lambda.streaming import StreamingHandler

    handler_type = StreamingHandler
    if settings.agentcore:
        from lambent.hosts.aws_lambda.agentcore import AgentCoreHandler  # as above

        class AgentCoreStreamingHandler(AgentCoreHandler, StreamingHandler):
            """Takes the calls of a gateway too; those are not streamed."""

        handler_type = AgentCoreStreamingHandler
    handler = handler_type(*given)
    if settings.listen_seconds is not None:
        handler.listen_seconds = settings.listen_seconds
    return handler


def asgi_app(parts: ServerParts, settings: Settings) -> AsgiApp:
    """The ASGI application: its process stays, or shares a table with others, as in Lambda behind Mangum."""
    from lambent.hosts.asgi import AsgiApp
    from lambent.hosts.readiness import Readiness

    made = Assembly(parts, settings, write_as_mangum, in_lambda=settings.in_lambda)
    readiness = Readiness(settings.ready_path, settings.shutdown_delay)
    given = made.endpoint(), made.documents(), settings.body_limit, readiness, settings.drain_seconds
    if made.shared and not settings.separate_workers:
        from lambent.hosts.asgi_workers import WorkingApp  # loaded where processes share their work

        return WorkingApp(*given, made.shared)
    for queue in made.shared:
        queue.leave()  # what is sent begins no work here
    return AsgiApp(*given)


def local_endpoint(parts: ServerParts, settings: Settings) -> Endpoint:
    """The endpoint of stdio, whose only client is the user of this machine."""
    made = Assembly(parts, settings, write_as_mangum, in_lambda=settings.in_lambda, is_local=True)
    return made.endpoint()


def write_as_mangum(event: Any, response: HttpResponse) -> Any:
    """What Mangum returns for a response, its body apart, with room for what the application adds."""
    written = {"statusCode": response.status, "headers": response.headers, "isBase64Encoded": False}
    return {**written, "body": "", "multiValueHeaders": {}, "cookies": [" " * _ADDED_BYTES]}
