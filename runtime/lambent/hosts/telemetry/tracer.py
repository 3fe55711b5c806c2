"""``LAMBENT_TRACER``: an X-Ray subsegment for each call, by Powertools Tracer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from aws_lambda_powertools.tracing import Tracer

from lambent.execution.call import Call
from lambent.execution.middleware import Observer
from lambent.execution.outcome_kinds import FAILURES, kind_of
from lambent.hosts.telemetry.reporting import attempt, method_of, tool_of
from lambent.wire.results import Outcome


def subsegment_observer(server: str) -> Observer:
    """Record each call with annotations for its method, tool and outcome; nothing of arguments or results.

    Powertools also records the calls of AWS clients, unless the application has made a ``Tracer`` that does
    not. Outside of Lambda it records nothing.

    Raises:
        ImportError: the X-Ray SDK is missing.
    """
    recorder: Any = Tracer(service=server).provider

    def observe(call: Call, execute: Callable[[Call], Outcome]) -> Outcome:
        method, tool = method_of(call), tool_of(call)
        begun: list[Any] = []
        attempt(lambda: begun.append(recorder.begin_subsegment(f"{method} {tool}" if tool else method)))
        ended: Outcome | BaseException
        try:
            ended = execute(call)
        except BaseException as error:
            ended = error  # its text and frames stay out of the trace: they may tell arguments
            raise
        finally:
            if begun and begun[0] is not None:
                attempt(lambda: _annotate(begun[0], method, tool, ended))
                attempt(recorder.end_subsegment)
        return ended

    return observe


def _annotate(subsegment: Any, method: str, tool: str | None, ended: Outcome | BaseException) -> None:
    kind = kind_of(ended)
    subsegment.put_annotation("method", method)
    if tool is not None:
        subsegment.put_annotation("tool", tool)
    subsegment.put_annotation("outcome", kind)
    # What X-Ray calls a fault is the server's; an error is the caller's, a throttled call among them.
    if kind == "limited":
        subsegment.add_throttle_flag()
    if isinstance(ended, Outcome) and 400 <= ended.status < 499:
        subsegment.add_error_flag()
    elif kind in FAILURES:
        subsegment.add_fault_flag()
