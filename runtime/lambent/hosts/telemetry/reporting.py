"""What all kinds of telemetry share: names of which there are few, and observers that fail no call."""

from __future__ import annotations

import time
from collections.abc import Callable

from lambent.execution.call import Call
from lambent.execution.log_records import logger
from lambent.execution.middleware import Observer
from lambent.execution.outcome_kinds import OutcomeKind, kind_of
from lambent.wire.results import Outcome

OTHER = "_OTHER"
"""Stands for every method that the protocol does not have: a client may send any number of them."""

log = logger("lambent.telemetry")


def method_of(call: Call) -> str:
    """The method of a call, or ``OTHER``."""
    return call.method if call.method in call.rpc.era.methods else OTHER


def tool_of(call: Call) -> str | None:
    """The tool that is called; None where the server has none of that name."""
    if call.method != "tools/call":
        return None
    name: str = call.rpc.params.name
    return name if name in call.services.catalog.tools else None


def prompt_of(call: Call) -> str | None:
    """The prompt that is got; None where the server has none of that name."""
    if call.method != "prompts/get":
        return None
    name: str = call.rpc.params.name
    return name if name in call.services.catalog.prompts else None


def timed(report: Callable[[Call, OutcomeKind, float], None]) -> Observer:
    """An observer that reports each call once it has ended, with its kind and how many milliseconds it took.

    What the report raises is logged, and fails no call.
    """

    def observe(call: Call, execute: Callable[[Call], Outcome]) -> Outcome:
        began = time.perf_counter()
        ended: Outcome | BaseException
        try:
            ended = execute(call)
        except BaseException as error:
            ended = error
            raise
        finally:
            elapsed = (time.perf_counter() - began) * 1000
            latest = call.invocation.latest or call  # whose principal middleware may have found out
            attempt(lambda: report(latest, kind_of(ended), elapsed))
        return ended

    return observe


def attempt(work: Callable[[], None]) -> None:
    """Do what no call may fail for; a failure is logged."""
    try:
        work()
    except Exception as error:
        log.warning("Telemetry of a call is lost: %s", type(error).__name__)
