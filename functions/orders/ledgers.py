"""Ledgers of refunds. Both are stand-ins.

A function's artifact is read-only, and an execution environment's memory and `/tmp` are its own: two
environments do not see each other's entries, and both forget. A shop would put its payment provider
(with the refund's id as the idempotency key) or a table (with a conditional put) behind the port.
"""

from contextlib import closing
from typing import TYPE_CHECKING

import msgspec

from refunds import Refund

if TYPE_CHECKING:
    import sqlite3


class MemoryLedger:
    """A ledger that lasts as long as its process."""

    def __init__(self) -> None:
        self._refunds: dict[str, Refund] = {}

    def find(self, order_id: str) -> Refund | None:
        """The refund of an order, if it has one."""
        return self._refunds.get(order_id)

    def enter(self, refund: Refund) -> Refund:
        """Enter a refund unless its order has one, and return the one that stands."""
        return self._refunds.setdefault(refund.order_id, refund)


class SqliteLedger:
    """A ledger in a SQLite file: the processes of one machine share it, and it outlives a restart.

    Args:
        path: The file, in a Lambda function one under `/tmp`; made if it does not exist.
    """

    def __init__(self, path: str) -> None:
        self._path = path

    def find(self, order_id: str) -> Refund | None:
        """The refund of an order, if it has one."""
        with closing(self._open()) as database:
            row = database.execute("SELECT receipt FROM refunds WHERE order_id = ?", (order_id,)).fetchone()
        return None if row is None else msgspec.json.decode(row[0], type=Refund)

    def enter(self, refund: Refund) -> Refund:
        """Enter a refund unless its order has one, and return the one that stands."""
        entry = (refund.order_id, msgspec.json.encode(refund))
        with closing(self._open()) as database:
            # Outside a transaction each statement is one, and an entry never changes.
            database.execute("INSERT OR IGNORE INTO refunds VALUES (?, ?)", entry)
        return self.find(refund.order_id) or refund

    def _open(self) -> "sqlite3.Connection":
        import sqlite3

        database = sqlite3.connect(self._path, isolation_level=None)
        database.execute("CREATE TABLE IF NOT EXISTS refunds (order_id TEXT PRIMARY KEY, receipt BLOB)")
        return database
