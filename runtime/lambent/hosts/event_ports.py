"""What the events of a server use of its deployment, and who delivers to endpoints.

================================  ==============================  =====================================
settings                          occurrences and subscriptions   deliveries
================================  ==============================  =====================================
``LAMBENT_TABLE`` and             the table                       the function to which the queue is an
``LAMBENT_EVENTS_QUEUE_URL``                                      event source, for every host
``LAMBENT_TABLE``                 the table; no subscriptions     nobody
``LAMBENT_STORE``: a Redis        Redis                           the same function where there is a queue;
                                                                  else threads of all processes that stay
``memory:``; none, in a process   the process                     its threads
that stays
================================  ==============================  =====================================
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal, Protocol, TypeVar

import msgspec

from lambent.errors import ConfigurationError
from lambent.execution.ports import Store, Topics

if TYPE_CHECKING:
    from lambent.execution.events.ports import (
        CallbackResponse,
        Callbacks,
        EventLog,
        MessageQueue,
    )
    from lambent.execution.ports import Clock
    from lambent.features.catalog import Catalog
    from lambent.hosts.delivery_threads import DeliveryThreads
    from lambent.hosts.events_settings import EventSettings
    from lambent.hosts.settings import Settings
    from lambent.hosts.shared_work import SharedWork


T = TypeVar("T")


class TopicStore(Store, Topics, Protocol):
    """A store that also finds items by their topics."""


class EventPorts(msgspec.Struct, frozen=True, kw_only=True):
    """What the events of a server need from outside.

    Attributes:
        log: keeps occurrences.
        queue: takes what there is to deliver; None where nobody delivers.
        store: keeps subscriptions; None where endpoints cannot be subscribed on this host.
        callbacks: sends requests to endpoints; None as for the store.
        threads: the queue, where threads of this process work it.
        shared: the queue, where threads of several processes work it.
    """

    log: EventLog
    queue: MessageQueue | None = None
    store: TopicStore | None = None
    callbacks: Callbacks | None = None
    threads: DeliveryThreads | None = None
    shared: SharedWork | None = None


def event_ports(
    catalog: Catalog,
    settings: Settings,
    clock: Clock,
    store: TopicStore | None,
    *,
    in_lambda: bool | None = None,
) -> EventPorts:
    """What a deployment has for events.

    Args:
        catalog: the declarations.
        settings: of the deployment.
        clock: the time.
        store: where subscriptions are kept; None where there is nothing, or nobody who could subscribe.
        in_lambda: the process is one of many execution environments; default: as the settings say.

    Raises:
        ConfigurationError: occurrences would be lost, or an event type could not be delivered at all.
    """
    given = settings.events
    queue_url = None if given is None else given.queue_url
    delivers = any("webhook" in event.definition.delivery for event in catalog.events.values())
    if settings.in_lambda and not settings.in_memory:
        _require_resources(catalog, has_table=settings.has_store, has_queue=queue_url is not None)
    if settings.table is not None:
        from lambent.stores.event_logs import DynamoLog

        log = DynamoLog(settings.table)
        if queue_url is None or not delivers:
            return EventPorts(log=log)
        from lambent.stores.aws import SqsQueue

        return EventPorts(log=log, queue=SqsQueue(queue_url), store=store, callbacks=LateCallbacks(given))
    if settings.redis is not None:
        from lambent.hosts.redis_ports import redis_event_ports  # loaded where there is one

        server = settings.audience or catalog.info.name
        in_lambda = settings.in_lambda if in_lambda is None else in_lambda
        return redis_event_ports(
            settings.redis, server, given, store if delivers else None, in_lambda=in_lambda
        )
    from lambent.stores.event_logs import MemoryLog

    if store is None or not delivers:
        return EventPorts(log=MemoryLog(clock))
    from lambent.hosts.delivery_threads import DeliveryThreads

    threads, callbacks = DeliveryThreads(), LateCallbacks(given)
    return EventPorts(log=MemoryLog(clock), queue=threads, store=store, callbacks=callbacks, threads=threads)


def _require_resources(catalog: Catalog, *, has_table: bool, has_queue: bool) -> None:
    """Tell of what an event type needs before the first occurrence.

    Raises:
        ConfigurationError: it is missing; the message names the event types and the settings.
    """
    emitted = [name for name, event in catalog.events.items() if event.has_log]
    if emitted and not has_table:
        names = ", ".join(map(repr, emitted))
        raise ConfigurationError(f"The table keeps occurrences of {names}: set LAMBENT_TABLE")
    sent = [name for name, event in catalog.events.items() if event.definition.delivery == ("webhook",)]
    if sent and not (has_table and has_queue):
        missing = ["LAMBENT_EVENTS_QUEUE_URL"] if has_table else ["LAMBENT_TABLE", "LAMBENT_EVENTS_QUEUE_URL"]
        names = ", ".join(map(repr, sent))
        raise ConfigurationError(
            f"A queue brings deliveries of {names}, and there is no other way to get these events: set "
            f"{' and '.join(missing)}"
        )


class LateCallbacks:
    """Loads what sends requests with the first one: most environments of Lambda send none.

    Attributes:
        made: what sends them; None before the first one.
    """

    def __init__(self, given: EventSettings | None) -> None:
        self._local = given is not None and given.local_callbacks
        self.made: Callbacks | None = None

    def send(
        self,
        method: Literal["GET", "POST"],
        url: str,
        headers: Mapping[str, str],
        body: bytes,
        *,
        seconds: float,
        most: int = 0,
    ) -> CallbackResponse:
        """See ``Callbacks.send``."""
        if self.made is None:
            from lambent.stores.callbacks import HttpsCallbacks

            self.made = HttpsCallbacks(local=self._local)
        return self.made.send(method, url, headers, body, seconds=seconds, most=most)
