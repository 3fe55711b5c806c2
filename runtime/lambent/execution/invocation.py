"""The invocation that a request came in: hosts subclass this."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

from lambent.errors import Cancelled, DeadlineReached, Signal

if TYPE_CHECKING:
    from lambent.execution.audit.trail import Trail
    from lambent.execution.call import Call
    from lambent.execution.handshakes import Handshake
    from lambent.execution.open_streams import OpenStream
    from lambent.execution.ports import AsyncRunner
    from lambent.execution.rounds.journal import Journal
    from lambent.execution.rounds.pending import Pending

T = TypeVar("T")

MARGIN_SECONDS = 2.0
"""The time before the end of an invocation that a write, a message and the response take, at most."""


class Invocation:
    """Keeps the notifications of one request for its response, and never ends.

    Attributes:
        notifications: encoded notifications, oldest first, that the response will carry.
        may_stream: the client reads streams, so hosts that can may send notifications at once.
        streamed: notifications have already been sent, so the response has begun.
        cancelled: the client does not want the result any more.
        detached: the call runs to its end also when its client leaves: its result is kept for a retry.
        ending: the process is to end, so a subscription ends too.
        expired: the time limit of the handler was reached.
        buffers: the response leaves when it is whole, so a call that waits for its client waits in vain.
        shares_loop: coroutines run on an event loop that other calls share; what waits for a store is done in
            ``write`` then.
        attempt: counts the attempts at a task; 0 elsewhere.
        latest: where there are observers, the call as it was passed on last; see ``note``.
        trail: what the audit records of the call share, where it is audited.
        lease_seconds: where the host renews leases, how long one lasts; see ``renewing``.
    """

    may_stream = False
    streamed = False
    cancelled = False
    detached = False
    ending = False
    expired = False
    buffers = False
    shares_loop = False
    attempt = 0
    latest: Call | None = None
    trail: Trail | None = None
    lease_seconds: float | None = None
    _deadline: float | None = None

    def __init__(self, runner: AsyncRunner) -> None:
        self._runner = runner
        self.notifications: list[bytes] = []

    def emit(self, notification: bytes) -> Pending[None] | None:
        """Take one encoded notification: keep it, or send it and say so in ``streamed``.

        Returns:
            What a coroutine waits for where its client reads slowly.
        """
        self.notifications.append(notification)
        return None

    def keep_alive(self) -> None:
        """Keep an idle stream open, where there is one."""

    def follow(self, stream: OpenStream) -> bool:
        """Deliver a stream behind the handler and in front of its result; False where the host cannot."""
        return False

    def check(self) -> None:
        """Stop the handler if nobody wants its result or its time is up.

        Raises:
            Cancelled: the client is gone.
            DeadlineReached: the limit of ``call`` or ``run`` has passed.
        """
        if self.cancelled and not self.detached:
            raise Cancelled
        if self._deadline is not None and time.monotonic() >= self._deadline:
            self.expired = True
            raise DeadlineReached

    def has_sent(self, signal: Signal) -> bool:
        """Whether this invocation has raised a signal, and not the handler itself."""
        if isinstance(signal, Cancelled):
            return self.cancelled and not self.detached
        return not isinstance(signal, DeadlineReached) or self.expired

    def idle(self, *, at_once: bool = False) -> contextlib.AbstractContextManager[None]:
        """While the call waits within this, hosts that stay let another one run.

        ``at_once``: see ``CallThreads.idle``.

        Raises:
            OverloadedError: too many calls wait already.
        """
        return contextlib.nullcontext()

    def renewing(self, renew: Callable[[], object]) -> contextlib.AbstractContextManager[None]:
        """Within this, hosts without a deadline call ``renew`` again and again, on another thread.

        It may raise whatever the store raises, and ends before this does.
        """
        return contextlib.nullcontext()

    def agree(self, handshake: Handshake) -> bool:
        """Keep what a client of the legacy era has negotiated, where its connection lasts; else False."""
        return False

    def stop(self) -> None:
        """Cancel the call also if it holds a claim, which it gives back."""
        self.cancelled, self.detached = True, False

    def sleep(self, seconds: float) -> None:
        """Wait for something that another call or process does; see ``idle``."""
        time.sleep(seconds)

    def may_retry(self, error: BaseException) -> bool:
        """Whether the call is run again after a failure, which is not its outcome then."""
        return False

    def remaining_ms(self) -> int | None:
        """Milliseconds until the host stops the invocation; None where it never does."""
        return None

    def may_listen(self, default: float) -> float:
        """Seconds for which a subscription is held open, so that its end can be written."""
        remaining = self.remaining_ms()
        return default if remaining is None else max(0.0, min(default, remaining / 1000 - MARGIN_SECONDS / 2))

    def time_limit(self) -> float | None:
        """Seconds that a handler may take, so that its end can still be written; None: any time."""
        remaining = self.remaining_ms()
        return None if remaining is None else max(0.1, remaining / 1000 - MARGIN_SECONDS)

    def seconds_for_steps(self) -> float | None:
        """Seconds until steps that are still running must be cancelled; None where they need not be."""
        if self.cancelled and not self.detached:
            return 0.0
        remaining = self.remaining_ms()
        return None if remaining is None else max(0.0, remaining / 1000 - MARGIN_SECONDS / 2)

    def progressed(self, progress: float, total: float | None, message: str | None) -> None:
        """Take note of how far the handler is, where that is for anybody but its client."""

    def run(self, coroutine: Coroutine[Any, Any, T], limit: float | None = None) -> T:
        """Run a coroutine to its end; ``DeadlineReached`` where that takes more than ``limit`` seconds."""
        return self._runner(coroutine if limit is None else self._limited(coroutine, limit))

    def finish(
        self,
        coroutine: Coroutine[Any, Any, T],
        journal: Journal | None = None,
        limit: float | None = None,
        *,
        closes: bool = False,
    ) -> T:
        """Run a coroutine that a function has returned, and the steps that it begins; see ``Journal.run``."""
        steps = coroutine if journal is None else journal.run(coroutine, self, closes=closes)
        try:
            return self.run(steps, limit)
        finally:
            coroutine.close()  # where it never began; else it has ended

    async def write(self, work: Callable[[], T]) -> T:
        """Do work that waits for a store; hosts that stay do not block their event loop with it."""
        return work()

    def call(
        self,
        function: Callable[..., T],
        kwargs: dict[str, Any],
        limit: float | None = None,
        journal: Journal | None = None,
    ) -> T:
        """Call a plain function, which may take ``limit`` seconds.

        Hosts that cannot interrupt it stop it at its next ``check``. While a step of the journal runs, it is
        not interrupted before the invocation ends.

        Raises:
            DeadlineReached: it took longer.
        """
        if limit is not None:
            self._deadline = time.monotonic() + limit
        return function(**kwargs)

    async def _limited(self, coroutine: Coroutine[Any, Any, T], limit: float) -> T:
        import asyncio

        self._deadline = time.monotonic() + limit
        try:
            async with asyncio.timeout(limit) as scope:
                return await coroutine
        except TimeoutError:
            if scope.expired():
                self.expired = True
                raise DeadlineReached from None
            raise
