"""The AWS front ends in one table: events, responses, failures and limits of each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from lambent.cli.errors import UsageError
from lambent.cli.gateway import events, responses
from lambent.cli.gateway.messages import (
    DEFAULT_STAGE,
    Api,
    Arrival,
    FrontEndRequest,
    FrontEndResponse,
    Headers,
)

_MIB: Final = 1024 * 1024

# Lambda's own limits for a synchronous invocation; the second one is 100 bytes more than documented.
EVENT_LIMIT: Final = 6 * _MIB
PAYLOAD_LIMIT: Final = 6 * _MIB + 100


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of front end.

    Attributes:
        name: Its name on the command line.
        stage: The stage that it has when none is named.
        event: Makes the event of a request.
        response: Makes the response of a result; raises `responses.MalformedResponseError`.
        ids: The headers with the ids of the request in the response.
        failed: The response when the function fails: error, crash, timeout, or a malformed result.
        timed_out: The response when the front end's own timeout passes before the function returns.
        timeout: That timeout in seconds; None where it is the function's.
        too_large: The response to a request that is too large.
        body_limit: The largest request body, in bytes.
        payload_limit: The largest result, in bytes.
    """

    name: str
    stage: str
    event: Callable[[FrontEndRequest, Api, Arrival], events.Event]
    response: Callable[[bytes, FrontEndRequest, Api], FrontEndResponse]
    ids: Callable[[Arrival], Headers]
    failed: FrontEndResponse
    timed_out: FrontEndResponse
    timeout: float | None
    too_large: FrontEndResponse
    body_limit: int
    payload_limit: int = PAYLOAD_LIMIT


def _json(status: int, body: str, *headers: tuple[str, str]) -> FrontEndResponse:
    return FrontEndResponse(status, (("content-type", "application/json"), *headers), body.encode())


def _html(status: int, title: str) -> FrontEndResponse:
    text = f"{status} {title}"
    page = (
        f"<html>\r\n<head><title>{text}</title></head>\r\n<body>\r\n<center><h1>{text}</h1></center>\r\n"
        "</body>\r\n</html>\r\n"
    )
    return FrontEndResponse(status, (("content-type", "text/html"),), page.encode())


_ERROR_TYPE: Final = ("x-amzn-ErrorType", "InternalServerErrorException")

_HTTP_API: Final = Kind(
    name="http-api",
    stage=DEFAULT_STAGE,
    event=events.http_api_event,
    response=responses.http_api_response,
    ids=lambda arrival: (("apigw-requestid", events.extended_id(arrival)),),
    failed=_json(500, '{"message":"Internal Server Error"}'),
    timed_out=_json(503, '{"message":"Service Unavailable"}'),
    timeout=30.0,
    too_large=_json(413, '{"message":"Request Entity Too Large"}'),
    body_limit=10 * _MIB,
)

_REST: Final = Kind(
    name="rest",
    # What SAM calls the stage of a REST API.
    stage="Prod",
    event=events.rest_event,
    response=responses.rest_response,
    ids=lambda arrival: (
        ("x-amzn-requestid", arrival.request_id),
        ("x-amz-apigw-id", events.extended_id(arrival)),
        ("x-amzn-trace-id", arrival.trace_id),
    ),
    failed=_json(502, '{"message": "Internal server error"}', _ERROR_TYPE),
    timed_out=_json(504, '{"message": "Endpoint request timed out"}', _ERROR_TYPE),
    timeout=29.0,
    too_large=_json(413, '{"message":"Request Too Long"}'),
    body_limit=10 * _MIB,
)

_FUNCTION_URL: Final = Kind(
    name="function-url",
    stage=DEFAULT_STAGE,
    event=events.function_url_event,
    response=responses.function_url_response,
    ids=lambda arrival: (
        ("x-amzn-requestid", arrival.request_id),
        ("x-amzn-trace-id", arrival.trace_id),
    ),
    # Function URLs answer plain text with a JSON content type, and 502 instead of 500.
    failed=_json(502, "Internal Server Error", _ERROR_TYPE),
    timed_out=_json(502, "Internal Server Error", _ERROR_TYPE),
    timeout=None,
    too_large=_json(
        413, '{"Message":"Request must be smaller than 6291456 bytes for the InvokeFunction operation"}'
    ),
    body_limit=EVENT_LIMIT,
)

_ALB: Final = Kind(
    name="alb",
    stage=DEFAULT_STAGE,
    event=events.alb_event,
    response=responses.alb_response,
    ids=lambda arrival: (("server", "awselb/2.0"),),
    failed=_html(502, "Bad Gateway"),
    timed_out=_html(502, "Bad Gateway"),
    timeout=None,
    too_large=_html(413, "Request Entity Too Large"),
    body_limit=_MIB,
    payload_limit=_MIB,
)

KINDS: Final[Mapping[str, Kind]] = MappingProxyType(
    {kind.name: kind for kind in (_HTTP_API, _REST, _FUNCTION_URL, _ALB)}
)


def make_api(
    kind: Kind,
    *,
    path: str,
    stage: str | None,
    binary_media_types: tuple[str, ...] = (),
    multi_value_headers: bool = False,
) -> Api:
    """Make the configuration of a front end.

    Args:
        kind: The front end.
        path: The path of the MCP endpoint.
        stage: The name of the stage; None for the kind's own.
        binary_media_types: The content types that a REST API passes as Base64.
        multi_value_headers: Whether the ALB target group has multi-value headers enabled.

    Returns:
        The configuration.

    Raises:
        UsageError: The path does not start with a slash, or the kind has no such stage or setting.
    """
    if not path.startswith("/"):
        raise UsageError(f"the path {path!r} has to start with a slash")
    if stage is not None and kind.name not in {"http-api", "rest"}:
        raise UsageError(f"{kind.name} has no stages")
    if stage == DEFAULT_STAGE and kind.name == "rest":
        raise UsageError("a REST API has no stage $default")
    if binary_media_types and kind.name != "rest":
        raise UsageError(f"{kind.name} has no binary media types")
    if multi_value_headers and kind.name != "alb":
        raise UsageError(f"{kind.name} has no multi-value headers setting")
    return Api(
        stage=stage or kind.stage,
        path=path,
        binary_media_types=binary_media_types,
        multi_value_headers=multi_value_headers,
    )
