"""AWS through boto3: clients that are made on first use, and the one place that maps boto3's errors."""

from __future__ import annotations

import contextlib
import functools
import threading
import weakref
from collections.abc import Iterator
from typing import Any

from lambent.errors import ConfigurationError, LambentError, StoreError

_making = threading.Lock()
_made: weakref.WeakSet[Any] = weakref.WeakSet()


class AwsResource:
    """One resource of an AWS service: a table, a queue, a bucket or a secret.

    Args:
        service: as boto3 names it, such as ``dynamodb``.
        name: the resource's name, ARN or URL.
        given: a boto3 client; default: one from the environment, made at first use.
    """

    def __init__(self, service: str, name: str, given: Any = None) -> None:
        self.service = service
        self.name = name
        self._given = given

    @contextlib.contextmanager
    def calling(self, action: str) -> Iterator[Any]:
        """Map what boto3 raises inside the ``with`` block, which gets the client.

        Args:
            action: the operation, as IAM policies name it, such as ``PutItem``.

        Raises:
            StoreError: from what boto3 raised; it names service, action and resource.
            ConfigurationError: boto3 is not installed.
        """
        try:
            yield client(self.service) if self._given is None else self._given
        except LambentError:
            raise
        except Exception as error:
            from botocore.exceptions import BotoCoreError, ClientError  # loaded already: there is a client

            if not isinstance(error, ClientError | BotoCoreError | OSError):
                raise
            raise StoreError(f"{self.service}: {action} of {self.name!r} failed: {error}") from error


def client(service: str) -> Any:
    """The client of a service, from the environment's credentials, region and endpoint; one for all threads.

    The import of boto3 takes 165 ms, so it waits until a call needs it.

    Args:
        service: such as ``dynamodb``.

    Raises:
        ConfigurationError: boto3 is not installed.
    """
    with _making:  # boto3's default session is not safe for threads that make clients at the same time
        return _make(service)


@functools.cache
def _make(service: str) -> Any:
    try:
        import boto3
        from botocore.config import Config
    except ImportError as error:
        raise ConfigurationError("AWS needs boto3: pip install 'lambent[aws]'") from error

    # A caller is waiting, so few retries and a short connect timeout; conflicts are handled by the callers.
    config = Config(connect_timeout=2, read_timeout=10, retries={"mode": "standard", "max_attempts": 3})
    made = boto3.client(service, config=config)
    _made.add(made)
    return made


def close_connections() -> None:
    """Close the connections of all clients that were made here; clients open new ones when they need them.

    For a process that was restored from a snapshot: the connections of the snapshot no longer exist.
    """
    with _making:
        for made in _made:
            made.close()
