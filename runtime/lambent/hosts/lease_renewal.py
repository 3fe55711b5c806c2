"""Leases of what runs in a process that stays: renewed while it lives, over soon when it was killed."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator

from lambent.execution.log_records import logger

LEASE_SECONDS = 30.0
"""How long a lease lasts that is not renewed, besides what clocks may be apart."""

RENEWAL_SECONDS = 10.0
"""How often it is renewed: a store that cannot be reached twice does not end it."""

_MOST_THREADS = 8

_log = logger("lambent.state")


class LeaseRenewal:
    """Renews leases on a few threads, of which each is started when it is needed.

    None waits for another one: a renewal whose connection hangs may take longer than leases last.

    Args:
        seconds: between two renewals of a lease.
    """

    def __init__(self, seconds: float = RENEWAL_SECONDS) -> None:
        self._seconds = seconds
        self._changed = threading.Condition()
        self._held: OrderedDict[object, tuple[float, Callable[[], object]]] = OrderedDict()
        """When each is due by the monotonic clock, the next one first, and what renews it."""
        self._renewed: dict[object, bool] = {}
        """Those whose renewal runs, and whether they are held on behind it."""
        self._threads = 0

    @contextlib.contextmanager
    def renewing(self, renew: Callable[[], object]) -> Iterator[None]:
        """Within this ``renew`` is called every few seconds. Behind it no call of it is running."""
        mark = object()
        with self._changed:
            self._held[mark] = time.monotonic() + self._seconds, renew
            if self._threads < min(len(self._held) + len(self._renewed), _MOST_THREADS):
                self._threads += 1
                threading.Thread(target=self._run, name="lambent-leases", daemon=True).start()
        try:
            yield
        finally:
            with self._changed:
                if self._held.pop(mark, None) is None:
                    self._renewed[mark] = False
                    self._changed.wait_for(lambda: mark not in self._renewed)

    def _run(self) -> None:
        while True:
            with self._changed:
                now = time.monotonic()
                mark, (due, renew) = next(iter(self._held.items()), (None, (now + self._seconds, None)))
                if renew is None or due > now:
                    # No new one is due before that, so nobody has to wake this thread.
                    self._changed.wait(due - now)
                    continue
                del self._held[mark]
                self._renewed[mark] = True
            try:
                renew()
            except BaseException as error:
                # It is tried again. Where that fails for too long, another run takes over.
                _log.warning("A lease could not be renewed: %s", error)
            with self._changed:
                if self._renewed.pop(mark):
                    self._held[mark] = time.monotonic() + self._seconds, renew
                self._changed.notify_all()


leases = LeaseRenewal()
"""Of this process."""
