"""Lambda events of HTTP requests and of messages, and the context object that comes with them."""

from __future__ import annotations

import hashlib
import time
import uuid
from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from lambent.cli.gateway.context import LambdaContext
from lambent.cli.gateway.frames import InvocationFrame
from lambent.cli.gateway.kinds import KINDS, Kind, make_api
from lambent.cli.gateway.messages import Api, Arrival, FrontEndRequest
from lambent.cli.gateway.streaming import split_head
from lambent.cli.local_aws.sqs_events import sqs_event
from lambent.testing.http import ACCEPT, HttpReply

FrontEnd = Literal["http-api", "rest", "function-url", "alb"]

REGION = "eu-west-1"
HOST = f"abc123.execute-api.{REGION}.amazonaws.com"


def event(
    body: Any = None,
    *,
    front_end: FrontEnd = "http-api",
    method: str = "POST",
    path: str = "/mcp",
    query: str = "",
    headers: Mapping[str, str] = {},
    host: str = HOST,
    client_address: str = "203.0.113.7",
    stage: str | None = None,
    authorizer: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The event that an AWS front end makes of an HTTP request.

    Args:
        body: text, bytes, or any other value, which is sent as JSON; None for none.
        front_end: an HTTP API (payload format 2.0), a REST API (1.0), a function URL, or a load balancer.
        method: the HTTP method.
        path: the path, percent-encoded.
        query: the query string without the question mark.
        headers: besides ``host``, and what JSON-RPC over HTTP needs, which they may replace.
        host: the ``Host`` header.
        client_address: the IP address of the client.
        stage: of an API; default: that of the front end.
        authorizer: ``requestContext.authorizer``: what the platform has found out about the caller.

    Raises:
        ValueError: a load balancer has no authorizer.
    """
    kind, api = _configured(front_end, path, stage)
    request = front_end_request(
        body, method=method, path=path, query=query, headers=headers, host=host, client_address=client_address
    )
    return made_event(kind, api, request, authorizer)


def front_end_request(
    body: Any,
    *,
    method: str,
    path: str,
    query: str,
    headers: Mapping[str, str],
    host: str,
    client_address: str,
) -> FrontEndRequest:
    """An HTTP request as a front end gets it; see `event`."""
    if body is None:
        sent = b""
    elif isinstance(body, str | bytes):
        sent = body.encode() if isinstance(body, str) else body
    else:
        sent = msgspec.json.encode(body)
    usual = {"host": host, "user-agent": "lambent.testing", **ACCEPT}
    given = usual | {name.lower(): value for name, value in headers.items()}
    return FrontEndRequest(
        method, path, query, tuple(given.items()), sent, client_address, 443, scheme="https"
    )


def made_event(
    kind: Kind, api: Api, request: FrontEndRequest, authorizer: Mapping[str, Any] | None
) -> dict[str, Any]:
    """The event of a request; see `event`."""
    made = kind.event(request, api, Arrival.now())
    if authorizer is not None:
        if kind.name == "alb":
            raise ValueError("A load balancer has no authorizer: it identifies users by headers")
        made["requestContext"]["authorizer"] = dict(authorizer)
    return made


def _configured(front_end: FrontEnd, path: str, stage: str | None) -> tuple[Kind, Api]:
    if front_end not in KINDS:
        raise ValueError(f"front_end is one of {', '.join(KINDS)}, not {front_end!r}")
    kind = KINDS[front_end]
    return kind, make_api(kind, path=path, stage=stage)


class FrontEndServer:
    """An AWS front end: makes events of requests, and responses of what the function returns.

    Args:
        front_end: see `event`.
        path: of the MCP endpoint.
        authorizer: see `event`.
        client_address: see `event`.
    """

    def __init__(
        self, front_end: FrontEnd, path: str, authorizer: Mapping[str, Any] | None, client_address: str
    ) -> None:
        self._kind, self._api = _configured(front_end, path, None)
        self._path = path
        self._authorizer = authorizer
        self._client_address = client_address

    def request(self, method: str, headers: Mapping[str, str], body: bytes) -> FrontEndRequest:
        """A request for the endpoint."""
        return front_end_request(
            body,
            method=method,
            path=self._path,
            query="",
            headers=headers,
            host=HOST,
            client_address=self._client_address,
        )

    def event(self, request: FrontEndRequest) -> dict[str, Any]:
        """The event of a request."""
        return made_event(self._kind, self._api, request, self._authorizer)

    def reply(self, request: FrontEndRequest, returned: Any, streamed: bytes = b"") -> HttpReply:
        """The response that the client gets.

        Args:
            request: that it answers.
            returned: by the function, as far as it is JSON.
            streamed: what the function has sent in parts, in the place of what it returned.
        """
        head, body = split_head(streamed) or (msgspec.json.encode(returned), None)
        response = self._kind.response(head, request, self._api)
        headers = {name.lower(): value for name, value in response.headers}
        return HttpReply(response.status, headers, response.body if body is None else body)


def message_event(*bodies: str, queue_url: str) -> dict[str, Any]:
    """The SQS event with messages of a queue.

    Args:
        bodies: of the messages.
        queue_url: such as ``https://sqs.eu-west-1.amazonaws.com/123456789012/tasks``.
    """
    account, name = queue_url.rstrip("/").split("/")[-2:]
    messages = [
        {
            "MessageId": str(uuid.uuid4()),
            "ReceiptHandle": str(uuid.uuid4()),
            "Body": body,
            "MD5OfBody": hashlib.md5(body.encode(), usedforsecurity=False).hexdigest(),
            "Attributes": {"ApproximateReceiveCount": "1", "SentTimestamp": str(int(time.time() * 1000))},
        }
        for body in bodies
    ]
    return sqs_event(messages, f"arn:aws:sqs:{REGION}:{account}:{name}", REGION)


def lambda_context(*, seconds: float = 30.0, function_name: str = "test", memory_mb: int = 512) -> Any:
    """The context object of an invocation.

    Args:
        seconds: how long the invocation may take from now on.
        function_name: of the function.
        memory_mb: memory of the function, in MB.
    """
    frame = InvocationFrame(str(uuid.uuid4()), int((time.time() + seconds) * 1000), "Root=1-00000000-test")
    variables = {
        "AWS_LAMBDA_FUNCTION_NAME": function_name,
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_REGION": REGION,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(memory_mb),
        "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{function_name}",
        "AWS_LAMBDA_LOG_STREAM_NAME": "test",
    }
    return LambdaContext(frame, variables)
