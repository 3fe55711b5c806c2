"""Events on a host: what keeps occurrences and subscriptions, and who delivers to endpoints.

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

import threading
from collections.abc import Coroutine, Mapping
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeVar

import msgspec

from lambent.errors import ConfigurationError
from lambent.execution.events.emitting import Emitter
from lambent.execution.events.service import Events
from lambent.execution.ports import Store, Topics

if TYPE_CHECKING:
    from lambent.execution.event_loop import LoopThread
    from lambent.execution.events.delivery import Deliveries
    from lambent.execution.events.ports import (
        CallbackResponse,
        Callbacks,
        DeliveryMeter,
        EventLog,
        MessageQueue,
    )
    from lambent.execution.events.subscriptions import Grants
    from lambent.execution.ports import AsyncRunner, Clock
    from lambent.features.catalog import Catalog
    from lambent.hosts.delivery_threads import DeliveryThreads
    from lambent.hosts.events_settings import EventSettings
    from lambent.hosts.settings import Settings
    from lambent.hosts.shared_queue import SharedQueue


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
    shared: SharedQueue | None = None


def make_emitter(catalog: Catalog, settings: Settings) -> Emitter:
    """What emits where no call is answered, such as a function that takes events of AWS.

    Raises:
        ConfigurationError: there is no table: what is in memory is seen by its own process alone.
    """
    import time

    store: TopicStore
    if settings.table is not None:
        from lambent.stores.dynamodb import DynamoStore

        store = DynamoStore(settings.table)
    elif settings.redis is not None:
        from lambent.stores.redis_store import RedisStore

        store = RedisStore(settings.redis)
    else:
        raise ConfigurationError("Occurrences that others read are kept in a table: set LAMBENT_TABLE")
    ports = event_ports(catalog, settings, time.time, store)
    server = settings.audience or catalog.info.name
    return Emitter(make_events(catalog, server, settings, time.time, ports))


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


def make_events(catalog: Catalog, server: str, settings: Settings, clock: Clock, ports: EventPorts) -> Events:
    """The events of a server, which is known by this name in its store."""
    events = Events(catalog.events, ports.log, server, clock)
    events.queue = ports.queue
    events.has_schedule = settings.table is not None or (settings.redis is not None and settings.in_lambda)
    if ports.queue is None or ports.store is None or ports.callbacks is None:
        return events
    from lambent.execution.events.subscriptions import Subscriptions  # loaded where there are endpoints
    from lambent.execution.events.verification import Verification

    allowed = () if settings.events is None else settings.events.allowed_callbacks
    verification = Verification(ports.store, clock, server, ports.callbacks, allowed)
    # What never expires has to outlive the process that has granted it.
    is_durable = ports.threads is None or settings.in_memory
    grants = _grants(settings.events, is_durable=is_durable)
    events.modes = (*events.modes, "webhook")
    events.subscriptions = Subscriptions(
        ports.store, clock, server, events, verification, grants, ports.queue
    )
    return events


class Deliverer:
    """Does as messages of the queue say, for events with subscriptions.

    What does so is loaded with the first message: most environments of Lambda get none.

    Args:
        events: with their subscriptions.
        ports: what they need from outside.
        clock: the time.
        settings: of the deployment, which may want metrics.
        service: names the server in these.
        run: runs coroutine functions of the server's author; default: a loop in a thread of its own.

    Attributes:
        ports: see there.
    """

    def __init__(
        self,
        events: Events,
        ports: EventPorts,
        clock: Clock,
        settings: Settings,
        service: str,
        run: AsyncRunner | None = None,
    ) -> None:
        self._events = events
        self.ports = ports
        self._clock = clock
        self._settings = settings
        self._service = service
        self._run = run
        self._loop: LoopThread | None = None
        self._making = threading.Lock()
        self._made: Deliveries | None = None

    def __call__(self, message: str) -> None:
        """See ``Deliveries.run``."""
        with self._making:
            if self._made is None:
                self._made = self._make()
        self._made.run(message)

    def close(self) -> None:
        """End the loop of coroutine functions, where there is one."""
        with self._making:
            if self._loop is not None:
                self._loop.close()
                self._loop = None

    def _make(self) -> Deliveries:
        from lambent.execution.events.delivery import Deliveries

        ports, subscriptions = self.ports, self._events.subscriptions
        assert subscriptions and ports.store and ports.queue and ports.callbacks  # noqa: S101, PT018 - see there
        return Deliveries(
            self._events,
            subscriptions,
            ports.store,
            ports.queue,
            ports.callbacks,
            self._clock,
            self._meter(),
            self._run or self._run_beside,
        )

    def _meter(self) -> DeliveryMeter | None:
        if self._settings.metrics is None:
            return None
        from lambent.hosts.telemetry import delivery_meter  # loaded where a setting turns metrics on

        return delivery_meter(self._settings, self._service)

    def _run_beside(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine in a thread of its own: several messages are worked at a time."""
        with self._making:
            if self._loop is None:
                from lambent.execution.event_loop import LoopThread  # loaded by a first coroutine

                self._loop = LoopThread()
        return self._loop(coroutine)


def _grants(given: EventSettings | None, *, is_durable: bool) -> Grants:
    from lambent.execution.events.subscriptions import Grants  # as above

    if given is None:
        return Grants()
    return Grants(
        least_seconds=given.min_ttl,
        most_seconds=given.max_ttl,
        no_expiry=given.no_expiry and is_durable,
        most=given.max_subscriptions,
        local=given.local_callbacks,
    )


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
