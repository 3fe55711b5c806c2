"""Fetching keys and metadata of an issuer: the port, as ``lambent.stores.web`` implements it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import msgspec

from lambent.errors import LambentError


class FetchError(LambentError):
    """A server could not be reached, took too long, or sent too much."""


class Fetched(msgspec.Struct, frozen=True):
    """An HTTP response; header names are in lower case."""

    status: int
    body: bytes
    headers: Mapping[str, str] = {}


class Fetch(Protocol):
    """Sends one HTTP request. It follows no redirects, and bounds the time and the size of the response."""

    def __call__(
        self, url: str, *, method: str = "GET", body: bytes | None = None, headers: Mapping[str, str] = {}
    ) -> Fetched:
        """Send a request and read its response.

        Raises:
            FetchError: there is no response that can be used.
        """
