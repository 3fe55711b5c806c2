"""boto3 clients, made on first use: 165 ms that only calls pay that need AWS."""

from __future__ import annotations

import functools
import threading
import weakref
from typing import Any

from lambent.errors import ConfigurationError

_making = threading.Lock()
_made: weakref.WeakSet[Any] = weakref.WeakSet()


def client(service: str) -> Any:
    """The client of a service, from the environment's credentials, region and endpoint; one for all threads.

    Args:
        service: such as ``dynamodb``.

    Raises:
        ConfigurationError: boto3 is not installed.
    """
    with _making:  # boto3's own session cannot be shared by threads that make clients at once
        return _make(service)


@functools.cache
def _make(service: str) -> Any:
    try:
        import boto3
        from botocore.config import Config
    except ImportError as error:
        raise ConfigurationError("AWS needs boto3: pip install 'lambent[aws]'") from error

    # A caller waits, and conflicts and throttling are told apart: few retries, short connects.
    config = Config(connect_timeout=2, read_timeout=10, retries={"mode": "standard", "max_attempts": 3})
    made = boto3.client(service, config=config)
    _made.add(made)
    return made


def close_connections() -> None:
    """Close the connections of all clients that were made here; they open new ones when they need them.

    For a process that goes on elsewhere, where its connections do not lead anywhere.
    """
    with _making:
        for made in _made:
            made.close()
