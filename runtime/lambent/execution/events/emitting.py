"""Emitting: keeping what happened, so that clients get it."""

from __future__ import annotations

import functools
from collections.abc import Callable, Generator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from lambent.errors import ConfigurationError, InvalidParamsError
from lambent.execution.events.service import Events
from lambent.execution.failures import report
from lambent.execution.rounds.pending import Pending
from lambent.features.codecs import ValidationError

if TYPE_CHECKING:
    from asyncio import Task

    from lambent.auth.principal import Principal
    from lambent.execution.call import Call
    from lambent.execution.invocation import Invocation
    from lambent.execution.rounds.journal import Journal


class Emitter:
    """Emits what happened: ``ctx.events`` in handlers, ``mcp.events()`` in other code."""

    def __init__(self, events: Events) -> None:
        self._events = events

    def emit(
        self, name: str, payload: Any, *, event_id: str | None = None, timestamp: datetime | None = None
    ) -> Pending[str]:
        """Keep an occurrence of an event type: it is in the store when this returns.

        In a coroutine function on a host that stays it is there once this is waited for, and in any case
        before the call is over: the event loop, which other calls share, does not wait for the store.

        A handler that asks or works in steps is run again from the top, and a task or a source may be
        repeated: give an ``event_id`` then, so that it is one occurrence whatever happens.

        Args:
            name: of the event type.
            payload: of its payload type.
            event_id: what the upstream calls it. Within the retention of the event type it occurs once: to
                emit it again changes nothing. At most 256 characters of ASCII without spaces. Default: a new
                one.
            timestamp: when it happened, with a zone; default: now.

        Returns:
            The event id.

        Raises:
            ConfigurationError: no such event type is declared, or it has a ``check`` function.
            ItemTooLargeError: it has more than 256 KiB.
            StoreError: the store cannot be reached.
            ValidationError: the payload is not of its type, or the event id is none.
        """
        occurrence = self._events.check(name, payload, event_id=event_id, timestamp=timestamp)
        return self._do(functools.partial(self._events.keep, occurrence), name)

    def _do(self, work: Callable[[], str], name: str) -> Pending[str]:
        """Do work that waits for a store."""
        found = work()
        return Pending(lambda: found)

    def confirm_endpoint(
        self, url: str, principal: Principal, *, lasts: timedelta = timedelta(days=365)
    ) -> None:
        """Say that an endpoint takes deliveries of a principal's subscriptions: it is not asked then.

        For endpoints whose owner has confirmed that in another way, such as in a dashboard of yours.

        Args:
            url: of the endpoint, as its clients will send it.
            principal: whose subscriptions these are; its issuer and its subject count.
            lasts: for how long this holds. Subscriptions that were made meanwhile go on afterwards.

        Raises:
            ConfigurationError: nothing is delivered to endpoints here.
            StoreError: the store cannot be reached.
            ValidationError: the URL is none that deliveries are sent to.
        """
        from lambent.execution.events.callback_urls import check_callback_url  # loaded by those who confirm

        subscriptions = self._events.subscriptions
        if subscriptions is None:
            raise ConfigurationError("Nothing is delivered to endpoints here: set LAMBENT_EVENTS_QUEUE_URL")
        try:
            check_callback_url(url, local=subscriptions.grants.local)
        except InvalidParamsError as error:
            raise ValidationError(error.message.partition(": ")[2]) from None
        until = self._events.clock() + lasts.total_seconds()
        subscriptions.verification.confirm(url, principal, until)


class _LiveEmitter(Emitter):
    """Emits within a call that shares an event loop with others."""

    def __init__(self, events: Events, invocation: Invocation, journal: Journal) -> None:
        super().__init__(events)
        self._invocation = invocation
        self._journal = journal

    def _do(self, work: Callable[[], str], name: str) -> Pending[str]:
        import asyncio  # loaded already

        if asyncio._get_running_loop() is None:
            return super()._do(work, name)
        task = asyncio.create_task(self._invocation.write(work), name=f"emit {name}")
        self._journal.running.add(task)  # the call does not end before it
        return _Emitting(task)


class _Emitting(Pending[str]):
    """Waits until an occurrence is in the store."""

    __slots__ = ("_is_awaited", "_task")

    def __init__(self, task: Task[str]) -> None:
        super().__init__(self._known)
        self._task = task
        self._is_awaited = False
        task.add_done_callback(self._end)

    def __await__(self) -> Generator[Any, None, str]:
        """See ``Pending``."""
        import asyncio

        self._is_awaited = True
        return (yield from asyncio.shield(self._task).__await__())

    def _known(self) -> str:
        if not self._task.done():
            raise RuntimeError("Waiting here would block the event loop: await ctx.events.emit(...)")
        return self._task.result()

    def _end(self, task: Task[str]) -> None:
        error = None if task.cancelled() else task.exception()
        if isinstance(error, Exception) and not self._is_awaited:
            report(error)


def emitter_of(call: Call, journal: Journal) -> Emitter:
    """What emits within a call.

    Raises:
        ConfigurationError: the server declares no events.
    """
    events = call.services.events
    if events is None:
        raise ConfigurationError("The server declares no events: write @mcp.event")
    return _LiveEmitter(events, call.invocation, journal) if call.invocation.shares_loop else Emitter(events)
