"""boto3 clients, made on first use: 165 ms that only calls pay that need AWS."""

from __future__ import annotations

import functools
from typing import Any


@functools.cache
def client(service: str) -> Any:
    """The client of a service, from the environment's credentials, region and endpoint.

    Args:
        service: such as ``dynamodb``.
    """
    import boto3
    from botocore.config import Config

    # A caller waits, and conflicts and throttling are told apart: few retries, short connects.
    config = Config(connect_timeout=2, read_timeout=10, retries={"mode": "standard", "max_attempts": 3})
    return boto3.client(service, config=config)
