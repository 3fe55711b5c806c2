"""Delivering what happened to the endpoints of subscriptions ("Webhook event delivery").

Kinds of messages, each of which may come more than once, late, in any order, or never::

    emit ─► wake <event> ─► advance <subscription> ─► endpoint
                              ▲       │ more than one: deliver <subscription> <number> ─► endpoint
                              │       ▼                                                     │
              the window has room    failed: deliver, later                      accepted, final

    schedule ─► sweep ─► sweep <event> ─► advance <subscription>, for those that wait for something
    a gap, the end ─► notify <subscription> ─► endpoint

``advance`` reads the log behind the position of a subscription, and writes into its record what has to be
delivered before it sends anything. So nothing is lost, whoever is killed where: what is overdue is sent again
by the next one, or by the sweep. The window bounds how many messages there are for one endpoint, however slow
it is.
"""

from __future__ import annotations

from lambent.errors import InternalError, ProtocolError
from lambent.execution.durable.records import Held, changed
from lambent.execution.events import window
from lambent.execution.events.attempting import Attempting
from lambent.execution.events.notices import Notices, ended
from lambent.execution.events.ports import Callbacks, DeliveryMeter, DeliveryMetric, MessageQueue
from lambent.execution.events.service import Events
from lambent.execution.events.subscription_records import CONFLICTS, SubscriptionRecord, has_lost_patience
from lambent.execution.events.subscriptions import Subscriptions
from lambent.execution.events.sweeping import Sweeping
from lambent.execution.ports import AsyncRunner, Clock, Topics
from lambent.wire.events import CallbackEndpointError

_DOUBT_SECONDS = 600.0
"""How long a subscription has not fitted its event type before it is ended.

While a new version of the code is deployed, older processes do not know yet what clients have subscribed to.
"""


class Deliveries:
    """Does what messages say.

    Args:
        events: the event types of the server.
        subscriptions: their subscriptions.
        topics: finds those of an event type.
        queue: takes messages.
        callbacks: sends requests.
        clock: the time.
        meter: counts what becomes of deliveries.
        run: runs what coroutine functions of the server's author return.
    """

    def __init__(
        self,
        events: Events,
        subscriptions: Subscriptions,
        topics: Topics,
        queue: MessageQueue,
        callbacks: Callbacks,
        clock: Clock,
        meter: DeliveryMeter | None = None,
        run: AsyncRunner | None = None,
    ) -> None:
        self._events = events
        self._records = subscriptions.records
        self._contracts = subscriptions.contracts
        self._queue = queue
        self._clock = clock
        self._meter = meter
        self._notices = Notices(subscriptions.owners, queue, callbacks, clock)
        self._attempting = Attempting(events, queue, callbacks, clock, meter, run, self._end)
        self._sweeping = Sweeping(events, subscriptions, topics, queue, clock)

    def run(self, message: str) -> None:
        """Do what a message says.

        Raises:
            StoreError: the table or the queue cannot be reached: the message has to come again.
        """
        kind, _, rest = message.partition(" ")
        match kind:
            case "wake":
                self._sweeping.wake(*rest.split(" "))
            case "sweep":
                self._sweeping.sweep(*rest.split())
            case "advance":
                self._advance(rest)
            case "deliver":
                key, _, number = rest.rpartition(" ")
                self._deliver(key, int(number))
            case "notify":
                held = self._records.read(rest)
                if held is not None:
                    self._notices.tell(held, rest)
            case _:
                raise InternalError(f"There is no message {kind!r}")

    def _advance(self, key: str) -> None:
        """Begin to deliver what is behind the position of a subscription, as far as its window has room.

        The first occurrence is sent at once: most often there is one, and needs no message of its own then.
        """
        for _ in range(CONFLICTS):
            held, now = self._records.read(key), self._clock()
            if held is None or not self._can_go_on(held, key, now):
                return
            event = self._events.types[held.record.name]
            before = held.record
            found = window.look(self._events, before, event, now)
            if found.record is before or held.replace(found.record):
                break
        else:
            raise InternalError("The subscription is changing too fast")
        messages = [f"deliver {key} {number}" for number in found.begun[1:]]
        if found.has_more:
            messages.append(f"advance {key}")
        if found.abandoned:
            self._count("EventsAbandoned", found.abandoned)
        if found.notify:
            messages.append(f"notify {key}")
        self._queue.send_all(messages)
        if found.begun:
            number = found.begun[0]
            self._attempting.attempt(held, event, key, number, found.entries.get(number))

    def _deliver(self, key: str, number: int) -> None:
        """Send an occurrence to the endpoint of a subscription, if that is still to be done."""
        held, now = self._records.read(key), self._clock()
        if held is None or number not in held.record.unacked or not self._can_go_on(held, key, now):
            return
        event = self._events.types[held.record.name]
        self._attempting.attempt(held, event, key, number)

    def _can_go_on(self, held: Held[SubscriptionRecord], key: str, now: float) -> bool:
        """Whether a subscription is to be delivered; one that may not go on is ended."""
        record = held.record
        if record.end is not None:
            if record.end.notice.attempts.is_overdue(now):
                self._notices.tell(held, key)
            return False
        if not record.lives(now):
            return False
        error = self._contracts.breach(self._events.types.get(record.name), record)
        if error is not None:
            if record.doubtful_since is None:
                held.replace(changed(record, doubtful_since=now))
            elif now - record.doubtful_since >= _DOUBT_SECONDS:
                self._end(held, key, error)
            return False
        if record.doubtful_since is not None and not held.replace(changed(record, doubtful_since=None)):
            return False  # whoever was faster goes on with it
        if not record.active and has_lost_patience(record, now):
            self._end(held, key, CallbackEndpointError(record.last_error or "timeout"))
        return record.active

    def _end(self, held: Held[SubscriptionRecord], key: str, error: ProtocolError) -> None:
        """End a subscription, unless it has changed meanwhile, and tell its endpoint so."""
        if held.replace(ended(held.record, error, self._clock())):
            self._count("SubscriptionsTerminated")
            self._notices.tell(held, key)

    def _count(self, metric: DeliveryMetric, number: int = 1) -> None:
        if self._meter is not None:
            self._meter.count(metric, number)
