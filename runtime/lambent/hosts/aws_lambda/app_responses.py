"""Responses of ASGI applications within this process, as the platform wants them."""

from __future__ import annotations

import binascii
from collections.abc import Sequence
from typing import Any

from lambent.errors import HttpRefusal
from lambent.execution.failures import report
from lambent.hosts.aws_lambda.events import Event, for_platform, write
from lambent.wire.http import HttpResponse, Request, error_response
from lambent.wire.payloads import ResponseLimit

_COOKIE = "set-cookie"


class CollectedResponse(HttpResponse):
    """A response of an application; ``cookies`` are those that it sets."""

    cookies: tuple[str, ...] = ()

    @classmethod
    def of(cls, status: int, pairs: Sequence[tuple[str, str]], body: bytes) -> CollectedResponse:
        """What an application has sent; the names of its headers are in lower case."""
        headers: dict[str, str] = {}
        for name, value in pairs:
            if name not in (_COOKIE, "content-length", "transfer-encoding"):
                headers[name] = f"{headers[name]}, {value}" if name in headers else value
        cookies = tuple(value for name, value in pairs if name == _COOKIE)
        return cls(status, headers, body, cookies)


def failed(error: Exception) -> HttpResponse:
    """The response where an application could not answer; why is in the log."""
    text = f"Internal error (reference {report(error)})"
    return HttpResponse(500, {"content-type": "text/plain; charset=utf-8"}, text.encode())


def written(
    event: Event, response: HttpResponse, limit: ResponseLimit | None, request: Request
) -> dict[str, Any]:
    """A response as the platform wants it: bodies that are no UTF-8 text in Base64."""
    body, text = response.body, _text_of(response)
    if limit is not None:
        size = limit.measure(request, response) if text is not None else len(body) * 4 // 3
        if size > (most := limit.of(request)):
            reason = f"The response takes {size} bytes, the limit is {most}"
            return write(event, error_response(HttpRefusal(502, reason)))
    result = {
        "statusCode": response.status,
        "headers": response.headers,
        "body": binascii.b2a_base64(body, newline=False).decode() if text is None else text,
        "isBase64Encoded": text is None,
    }
    if isinstance(response, CollectedResponse) and response.cookies:
        result["cookies"] = list(response.cookies)
    return for_platform(event, result)


def _text_of(response: HttpResponse) -> str | None:
    if "content-encoding" in response.headers:
        return None
    try:
        return response.body.decode()
    except UnicodeDecodeError:
        return None
