"""One Lambda invocation."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeVar

from lambent.errors import DeadlineReached
from lambent.execution.invocation import Invocation
from lambent.execution.ports import AsyncRunner
from lambent.execution.rounds.journal import Journal

T = TypeVar("T")


class LambdaInvocation(Invocation):
    """An invocation that ends when Lambda says so.

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

        self._deadline = time.monotonic() + limit
        try:
            return call_with_time_limit(
                function,
                kwargs,
                limit,
                lambda: journal is not None and journal.in_step > 0,
                self.seconds_for_steps(),
            )
        except DeadlineReached:
            self.expired = time.monotonic() >= self._deadline
            raise
