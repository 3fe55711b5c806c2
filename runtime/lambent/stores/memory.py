"""The ports in memory: the reference of what they do, and all that a single process needs."""

from __future__ import annotations

import threading

_KEPT = 10_000


class MemoryChanges:
    """A feed of changes within one process; any number of threads may publish and wait."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._topics: list[str] = []
        self._forgotten = 0

    def publish(self, topic: str) -> None:
        """See ``Changes.publish``."""
        with self._changed:
            self._topics.append(topic)
            if len(self._topics) > _KEPT:
                surplus = len(self._topics) - _KEPT // 2
                del self._topics[:surplus]
                self._forgotten += surplus
            self._changed.notify_all()

    def position(self) -> int:
        """See ``Changes.position``."""
        with self._changed:
            return self._forgotten + len(self._topics)

    def wait(self, position: int, seconds: float) -> tuple[list[str], int]:
        """See ``Changes.wait``."""
        with self._changed:
            self._changed.wait_for(lambda: self._forgotten + len(self._topics) > position, seconds)
            topics = self._topics[max(0, position - self._forgotten) :]
            return topics, self._forgotten + len(self._topics)
