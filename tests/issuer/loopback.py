"""Requests to what runs on loopback, without the certificates that httpx otherwise reads (0.2 s)."""

from typing import Any

import httpx

SECONDS = 5


def client(timeout: float = SECONDS) -> httpx.Client:
    """A client for servers on loopback."""
    return httpx.Client(verify=False, trust_env=False, timeout=timeout)


def get(url: str, **options: Any) -> httpx.Response:
    """The response to a GET."""
    with client() as http:
        return http.get(url, **options)


def post(url: str, **options: Any) -> httpx.Response:
    """The response to a POST."""
    with client() as http:
        return http.post(url, **options)
