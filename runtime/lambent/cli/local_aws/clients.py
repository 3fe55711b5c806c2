"""Clients of the local AWS."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

CREDENTIALS: Final[Mapping[str, str]] = MappingProxyType(
    {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local"}
)
"""Credentials that no real endpoint takes."""


@dataclass(frozen=True, slots=True)
class Clients:
    """Makes clients of a local endpoint, independent of the AWS settings of the developer's shell.

    Attributes:
        endpoint: The URL of the endpoint.
        region: The region that it emulates.
        credentials: With which requests are signed.
    """

    endpoint: str
    region: str
    credentials: Mapping[str, str] = field(default_factory=lambda: CREDENTIALS, repr=False)

    def make(self, service: str) -> Any:
        """Make a client.

        Args:
            service: The name of the service.

        Returns:
            The boto3 client; threads may share it.

        Raises:
            ImportError: boto3 is not installed.
        """
        from botocore.config import Config

        # A call fails only when the emulator has ended: no call is tried again.
        config = Config(
            connect_timeout=10,
            read_timeout=40,
            max_pool_connections=20,
            proxies={},
            retries={"total_max_attempts": 1},
        )
        return _session().create_client(
            service,
            region_name=self.region,
            endpoint_url=self.endpoint,
            aws_access_key_id=self.credentials["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=self.credentials["AWS_SECRET_ACCESS_KEY"],
            config=config,
        )


def _session() -> Any:
    import botocore.session

    nothing = (None, None, os.devnull, None)
    # Profiles and files are not read: they may not be valid, and are for the real AWS.
    return botocore.session.Session(
        {"profile": (None, None, None, None), "config_file": nothing, "credentials_file": nothing}
    )
