"""Opaque cursors of the order search.

A cursor holds the last order that was shown and a check on the filters, so that it cannot be
carried over to another search unnoticed. It protects nothing (whoever holds one could have asked for
that page anyway), so it is encoded, not sealed.
"""

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode

from orders import Order, Query


class BadCursorError(ValueError):
    """The cursor was not made by this search."""


def cursor_after(order: Order, query: Query) -> str:
    """The cursor of the page that follows an order."""
    return urlsafe_b64encode(f"{_check(query):08x}{order.id}".encode()).decode()


def page_after(cursor: str, query: Query, found: list[Order]) -> list[Order]:
    """What of the found orders comes after the cursor.

    Raises:
        BadCursorError: It is no cursor, it is of a search with other filters, or its order is not found.
    """
    try:
        text = urlsafe_b64decode(cursor.encode()).decode()
    except (binascii.Error, UnicodeError) as error:
        raise BadCursorError(cursor) from error
    check, last = text[:8], text[8:]
    place = next((place for place, order in enumerate(found) if order.id == last), None)
    if place is None or check != f"{_check(query):08x}":
        raise BadCursorError(cursor)
    return found[place + 1 :]


def _check(query: Query) -> int:
    return binascii.crc32(repr(query).encode())
