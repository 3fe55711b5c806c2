"""Attempts at sending something to an endpoint: how often, and when again ("Webhook event delivery")."""

from __future__ import annotations

import os

import msgspec

_ATTEMPTS = 5
_BACKOFF = (1.0, 15.0, 90.0, 300.0)
"""Seconds between attempts, to which half of them at most is added: together less than eleven minutes."""

_LONGEST_SECONDS = 900.0
"""How long after the first attempt another one may be."""

_OVERDUE_SECONDS = 60.0
"""How late an attempt may be before its message counts as lost; twice as long each time it was."""

_MOST_LOST = 8
"""Messages that may be lost, within about four hours: a queue may be behind for long."""


class Attempts(msgspec.Struct, frozen=True, array_like=True):
    """The attempts at sending something.

    Attributes:
        since: when it could be sent first, or the first attempt was, in seconds since the epoch.
        due: when the next attempt is.
        count: of those that failed.
        lost: how often nobody had tried although it was due for long.
    """

    since: float
    due: float
    count: int = 0
    lost: int = 0

    @property
    def are_spent(self) -> bool:
        """Whether there is no other one."""
        return self.count >= _ATTEMPTS or self.lost > _MOST_LOST

    def is_overdue(self, now: float, pause: float = 0.0) -> bool:
        """Whether the message that brings the next attempt must be lost; none is tried before ``pause``."""
        return max(self.due, pause) + _OVERDUE_SECONDS * 2.0**self.lost < now

    def sent_again(self, now: float) -> Attempts:
        """Those whose message is sent another time."""
        return changed_attempts(self, due=now, lost=self.lost + 1)

    def after_failure(self, began: float, now: float, pause: float = 0.0) -> Attempts:
        """Those after one that began at a time and failed; the next is in ``pause`` seconds at least."""
        since = self.since if self.count else began
        count = self.count + 1
        if count >= _ATTEMPTS:
            return Attempts(since, now, _ATTEMPTS)
        delay = max(_BACKOFF[count - 1], pause)
        due = now + delay * (1 + os.urandom(1)[0] / 512)
        return Attempts(since, due, _ATTEMPTS if due - since > _LONGEST_SECONDS else count)

    def given_up(self) -> Attempts:
        """Those of which there is no other one."""
        return changed_attempts(self, count=_ATTEMPTS)

    def resumed(self, now: float) -> Attempts:
        """Those that go on after a suspension, whose time does not count."""
        return changed_attempts(self, since=now, due=now, lost=0)


def changed_attempts(attempts: Attempts, **changes: float) -> Attempts:
    """Attempts with other values of some fields."""
    return msgspec.structs.replace(attempts, **changes)
