"""The events of a server: what emits them, and what delivers them to endpoints."""

from __future__ import annotations

import threading
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

from lambent.errors import ConfigurationError
from lambent.execution.events.emitting import Emitter
from lambent.execution.events.service import Events

if TYPE_CHECKING:
    from lambent.execution.event_loop import LoopThread
    from lambent.execution.events.delivery import Deliveries
    from lambent.execution.events.ports import (
        DeliveryMeter,
    )
    from lambent.execution.events.subscriptions import Grants
    from lambent.execution.ports import AsyncRunner, Clock
    from lambent.features.catalog import Catalog
    from lambent.hosts.event_ports import EventPorts, TopicStore
    from lambent.hosts.events_settings import EventSettings
    from lambent.hosts.settings import Settings


T = TypeVar("T")


def make_emitter(catalog: Catalog, settings: Settings) -> Emitter:
    """What emits where no call is answered, such as a function that takes events of AWS.

    Raises:
        ConfigurationError: there is no table: what is in memory is seen by its own process alone.
    """
    import time

    from lambent.hosts.event_ports import event_ports

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
    if ports.shared is not None:
        ports.shared.leave()  # nothing delivers here
    server = settings.audience or catalog.info.name
    return Emitter(make_events(catalog, server, settings, time.time, ports))


def make_events(catalog: Catalog, server: str, settings: Settings, clock: Clock, ports: EventPorts) -> Events:
    """The events of a server, which is known by this name in its store."""
    events = Events(catalog.events, ports.log, server, clock)
    events.queue = ports.queue
    # Who works a queue in Redis is the schedule too; where there is none, only Lambda has one.
    shares = settings.redis is not None and (settings.in_lambda or ports.queue is not None)
    events.has_schedule = settings.table is not None or shares
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


def make_deliverer(
    events: Events,
    ports: EventPorts,
    clock: Clock,
    settings: Settings,
    service: str,
    run: AsyncRunner | None = None,
) -> Deliverer | None:
    """What delivers to endpoints; None where these cannot be subscribed. See ``Deliverer`` for the arguments.

    Where threads take from the queue, they call it from now on.
    """
    if events.subscriptions is None:
        return None
    made = Deliverer(events, ports, clock, settings, service, run)
    for queue in (ports.threads, ports.shared):
        if queue is not None:
            queue.work, queue.at_end = made, made.close
    return made


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
