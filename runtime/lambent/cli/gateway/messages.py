"""The values between HTTP and Lambda: requests, responses, the API, and ids."""

from __future__ import annotations

import secrets
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Self

Headers = tuple[tuple[str, str], ...]

DEFAULT_STAGE: Final = "$default"


@dataclass(frozen=True, slots=True)
class FrontEndRequest:
    """A request as the client sent it.

    Attributes:
        method: The method, in upper case.
        path: The path, still percent-encoded.
        query: The query string, still percent-encoded, without the question mark.
        headers: Every header line in order, names in the case of the client.
        body: The whole body.
        source_ip: The address of the client.
        port: The port that the request came to.
        scheme: `http` or `https`.
        http_version: `1.0` or `1.1`.
    """

    method: str
    path: str
    query: str
    headers: Headers
    body: bytes
    source_ip: str
    port: int
    scheme: str = "http"
    http_version: str = "1.1"

    def values(self, name: str) -> Iterator[str]:
        """Every value of a header, the name in lower case."""
        return (value for key, value in self.headers if key.lower() == name)

    def value(self, name: str) -> str:
        """The last value of a header, the name in lower case; empty when there is none."""
        return ["", *self.values(name)][-1]


@dataclass(frozen=True, slots=True)
class FrontEndResponse:
    """A response as the client gets it.

    Attributes:
        status: The status code.
        headers: Every header line in order, without Content-Length.
        body: The whole body.
    """

    status: int
    headers: Headers
    body: bytes


@dataclass(frozen=True, slots=True)
class Api:
    """The configuration of the API in front of the function.

    Attributes:
        stage: The name of the stage; `$default` is the stage without a path of its own.
        path: The path of the MCP endpoint.
        binary_media_types: The content types that a REST API passes as Base64, `*/*` for all.
        multi_value_headers: Whether the ALB target group has multi-value headers enabled.
        region: The AWS region that identifiers are made of.
        account_id: The AWS account that identifiers are made of.
        api_id: The id of the API, the function URL or the target group.
    """

    stage: str = DEFAULT_STAGE
    path: str = "/mcp"
    binary_media_types: tuple[str, ...] = ()
    multi_value_headers: bool = False
    region: str = "us-east-1"
    account_id: str = "123456789012"
    api_id: str = "l4mb3nt"


@dataclass(frozen=True, slots=True)
class Arrival:
    """The ids and the time that AWS assigns to a request or a batch of messages on arrival.

    Attributes:
        request_id: The UUID of the invocation.
        epoch_ms: The time, in milliseconds since 1970.
        trace_id: The X-Ray trace header, such as `Root=1-5e66d96f-7491f0000000000000000000`.
    """

    request_id: str
    epoch_ms: int
    trace_id: str

    @classmethod
    def now(cls) -> Self:
        """An arrival at this time, with new ids."""
        now = time.time()
        return cls(
            request_id=str(uuid.uuid4()),
            epoch_ms=int(now * 1000),
            trace_id=f"Root=1-{int(now):08x}-{secrets.token_hex(12)}",
        )
