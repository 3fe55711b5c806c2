"""Ports that record what is asked of them."""

from typing import Any

from lambent.execution.ports import Item, Store
from lambent.stores.keys import StaticKeys
from lambent.stores.memory import MemoryQueue


class RecordingStore:
    """Another store, with a record of what is asked of it.

    Attributes:
        done: operation, kind of the record, and whether the store had it or took it: what decides how long
            an answer takes.
        touched: the keys that were found or written.
    """

    def __init__(self, kept: Store) -> None:
        self._kept = kept
        self.done: list[tuple[str, str, bool]] = []
        self.touched: set[str] = set()

    def _record(self, operation: str, key: str, is_there: bool) -> None:
        self.done.append((operation, key.partition("#")[0], is_there))
        if is_there:
            self.touched.add(key)

    def insert(self, item: Item) -> bool:
        """See ``Store.insert``."""
        is_new = self._kept.insert(item)
        self._record("insert", item.key, is_new)
        self.touched.add(item.key)
        return is_new

    def read(self, key: str) -> Item | None:
        """See ``Store.read``."""
        found = self._kept.read(key)
        self._record("read", key, found is not None)
        return found

    def replace(self, item: Item) -> bool:
        """See ``Store.replace``."""
        is_done = self._kept.replace(item)
        self._record("replace", item.key, is_done)
        return is_done

    def remove(self, key: str, version: int) -> bool:
        """See ``Store.remove``."""
        is_done = self._kept.remove(key, version)
        self._record("remove", key, is_done)
        return is_done


class RecordingKeys(StaticKeys):
    """Keys that count how often they would have been read again from where they are kept."""

    reads = 0

    def renewed(self) -> Any:
        """See ``Keys.renewed``."""
        self.reads += 1
        return super().renewed()


class RecordingQueue(MemoryQueue):
    """A queue that remembers everything that was sent."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[str] = []

    def send(self, task_id: str, delay: float = 0.0) -> None:
        """See ``Queue.send``."""
        super().send(task_id, delay)
        self.sent.append(task_id)
