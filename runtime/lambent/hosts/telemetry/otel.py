"""``LAMBENT_OTEL``: an OpenTelemetry span for each call.

By the API only: the SDK is the application's, or a layer's. Without one a span costs little and goes nowhere.

Names and attributes are those of the semantic conventions for MCP
(https://github.com/open-telemetry/semantic-conventions-genai/blob/main/docs/gen-ai/mcp.md).
"""

from __future__ import annotations

from collections.abc import Callable

from opentelemetry import context, propagate, trace
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.context import Context
from opentelemetry.trace import Link, Span, SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from lambent.execution.call import Call
from lambent.execution.middleware import Observer
from lambent.execution.outcome_kinds import FAILURES, kind_of
from lambent.hosts.telemetry.reporting import attempt, method_of, prompt_of, tool_of
from lambent.wire.results import Outcome

_ID_LENGTH = 128
"""Characters of a request id that a span shows: the client chooses it."""


def span_observer() -> Observer:
    """Make a span of each call; what a handler starts is within it."""
    tracer = trace.get_tracer("lambent")

    def observe(call: Call, execute: Callable[[Call], Outcome]) -> Outcome:
        spans: list[Span] = []
        tokens = []

        def begin() -> None:
            parent, links = _parent(call)
            method, target = method_of(call), tool_of(call) or prompt_of(call)
            span = tracer.start_span(
                f"{method} {target}" if target else method,
                parent,
                SpanKind.CONSUMER if call.is_task else SpanKind.SERVER,
                _attributes(call, method),
                links,
            )
            spans.append(span)
            tokens.append(context.attach(trace.set_span_in_context(span, parent)))

        attempt(begin)
        ended: Outcome | BaseException
        try:
            ended = execute(call)
        except BaseException as error:
            ended = error  # its text and frames stay out of the trace: they may tell arguments
            raise
        finally:
            for token in tokens:
                attempt(lambda token=token: context.detach(token))  # type: ignore[misc]
            for span in spans:
                attempt(lambda span=span: _end(span, ended))  # type: ignore[misc]
        return ended

    return observe


def _parent(call: Call) -> tuple[Context | None, list[Link]]:
    """The context that a call belongs to, and links to the one of its transport.

    The context in ``_meta`` (SEP-414) comes first, then the one that an instrumentation of the host has
    begun, then the one in the HTTP headers, as the configured propagators read it.
    """
    meta, around = call.rpc.meta, trace.get_current_span().get_span_context()
    if meta.trace_parent is not None:
        carrier = {"traceparent": meta.trace_parent, "tracestate": meta.trace_state or ""}
        parent = TraceContextTextMapPropagator().extract(carrier, Context())
        if trace.get_current_span(parent).get_span_context().is_valid:
            if meta.baggage is not None:
                parent = W3CBaggagePropagator().extract({"baggage": meta.baggage}, parent)
            return parent, [Link(around)] if around.is_valid else []
    if around.is_valid:
        return context.get_current(), []
    return propagate.extract(call.headers), []


def _attributes(call: Call, method: str) -> dict[str, str]:
    handshake = call.handshake
    attributes = {
        "mcp.method.name": method,
        "mcp.protocol.version": call.rpc.era.version if handshake is None else handshake.version,
        "jsonrpc.request.id": str(call.rpc.id)[:_ID_LENGTH],
    }
    if (tool := tool_of(call)) is not None:
        attributes["gen_ai.tool.name"] = tool
        attributes["gen_ai.operation.name"] = "execute_tool"
    if (prompt := prompt_of(call)) is not None:
        attributes["gen_ai.prompt.name"] = prompt
    # Only what the server declares: the URI of a template may have somebody's data in it.
    if method == "resources/read" and call.rpc.params.uri in call.services.catalog.resources:
        attributes["mcp.resource.uri"] = call.rpc.params.uri
    if call.request.method:
        attributes["network.transport"] = "tcp"
        attributes["network.protocol.name"] = "http"
    elif not call.is_task:
        attributes["network.transport"] = "pipe"
    return attributes


def _end(span: Span, ended: Outcome | BaseException) -> None:
    kind = kind_of(ended)
    span.set_attribute("lambent.outcome", kind)
    # Without the error's message, which may quote what a client has sent.
    if isinstance(ended, Outcome) and ended.error is not None:
        span.set_attribute("error.type", str(ended.error.code))
        span.set_attribute("rpc.response.status_code", str(ended.error.code))
        span.set_status(Status(StatusCode.ERROR))
    elif kind in FAILURES:
        cause = kind if isinstance(ended, Outcome) else type(ended.__cause__ or ended).__name__
        span.set_attribute("error.type", cause)
        span.set_status(Status(StatusCode.ERROR))
    span.end()
