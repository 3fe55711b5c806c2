"""Journals of what has left. Both are stand-ins for a table that all environments share.

A function's artifact is read-only, and an execution environment's memory and `/tmp` are its own.
"""

import sqlite3
from collections.abc import Mapping
from contextlib import closing

from warehouse import Parcel


class MemoryJournal:
    """A journal that lasts as long as its process."""

    def __init__(self) -> None:
        self._parcels: dict[str, Parcel] = {}

    def entries(self) -> Mapping[str, Parcel]:
        """The parcel of every order that has one."""
        return dict(self._parcels)

    def enter(self, order_id: str, parcel: Parcel) -> Parcel:
        """Enter a parcel unless its order has one, and return the one that stands."""
        return self._parcels.setdefault(order_id, parcel)


class SqliteJournal:
    """A journal in a SQLite file: the processes of one machine share it.

    Args:
        path: The file, in a Lambda function one under `/tmp`; made if it does not exist.
    """

    def __init__(self, path: str) -> None:
        self._path = path

    def entries(self) -> Mapping[str, Parcel]:
        """The parcel of every order that has one."""
        with closing(self._open()) as database:
            rows = database.execute("SELECT order_id, parcel FROM parcels").fetchall()
        return {order_id: Parcel.model_validate_json(parcel) for order_id, parcel in rows}

    def enter(self, order_id: str, parcel: Parcel) -> Parcel:
        """Enter a parcel unless its order has one, and return the one that stands."""
        with closing(self._open()) as database:
            # Outside a transaction each statement is one, and an entry never changes.
            database.execute(
                "INSERT OR IGNORE INTO parcels VALUES (?, ?)", (order_id, parcel.model_dump_json())
            )
        return self.entries()[order_id]

    def _open(self) -> sqlite3.Connection:
        database = sqlite3.connect(self._path, isolation_level=None)
        database.execute("CREATE TABLE IF NOT EXISTS parcels (order_id TEXT PRIMARY KEY, parcel TEXT)")
        return database
