"""What a Lambda handler returned as the HTTP response that each AWS front end makes of it.

Pure functions; the same AWS pages as in `events` describe the formats.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, Final, TypeGuard

from lambent.cli.gateway.media import decode_base64, matches
from lambent.cli.gateway.messages import Api, FrontEndRequest, FrontEndResponse, Headers

# Headers that the front end sets itself.
_OWN: Final = {
    "connection", "content-length", "date", "keep-alive", "proxy-authenticate", "te", "trailer",
    "transfer-encoding", "upgrade",
}  # fmt: skip
# "Amazon API Gateway important notes for REST APIs": response headers of Lambda integrations.
_REST_DROPPED: Final = {
    "content-length", "expect", "host", "keep-alive", "proxy-authenticate", "te", "trailer",
    "transfer-encoding", "upgrade", "via",
}  # fmt: skip
_REST_REMAPPED: Final = {
    "authorization", "connection", "content-md5", "date", "max-forwards", "server", "user-agent",
    "www-authenticate",
}  # fmt: skip
_REST_KEYS: Final = {
    "base64Encoded", "body", "cookies", "headers", "isBase64Encoded", "multiValueHeaders", "statusCode",
}  # fmt: skip

# Statuses of responses that have no body, and no length of one either.
BODILESS: Final = frozenset({204, 304})


class MalformedResponseError(Exception):
    """The front end cannot make an HTTP response of what the handler returned."""


def http_api_response(payload: bytes, request: FrontEndRequest, api: Api) -> FrontEndResponse:
    """The response of an HTTP API to a payload format 2.0 result: `WWW-Authenticate` is renamed.

    AWS documents the renaming for REST APIs only; it is reported of HTTP APIs too. This is the worse case
    for clients, so what works here works either way.

    Args:
        payload: What the handler returned, as JSON.
        request: The request that it answers.
        api: The API.

    Returns:
        The response. Without a `statusCode` the whole payload is the body of a 200.

    Raises:
        MalformedResponseError: The result has a `statusCode` and does not fit the format.
    """
    return _payload_2(
        payload, default_type="text/plain; charset=utf-8", challenge="x-amzn-remapped-www-authenticate"
    )


def function_url_response(payload: bytes, request: FrontEndRequest, api: Api) -> FrontEndResponse:
    """The response of a function URL: payload format 2.0, and `WWW-Authenticate` renamed.

    The renaming is not documented; deployed functions show it.

    Args:
        payload: What the handler returned, as JSON.
        request: The request that it answers.
        api: The function URL.

    Returns:
        The response.

    Raises:
        MalformedResponseError: The result has a `statusCode` and does not fit the format.
    """
    return _payload_2(payload, default_type="application/json", challenge="x-amzn-Remapped-www-authenticate")


def rest_response(payload: bytes, request: FrontEndRequest, api: Api) -> FrontEndResponse:
    """The response of a REST API's Lambda proxy integration.

    Some headers are renamed to `x-amzn-Remapped-...`, `WWW-Authenticate` among them. A Base64 body is decoded
    only when the first type that the client accepts is one of the API's binary media types.

    Args:
        payload: What the handler returned, as JSON.
        request: The request that it answers.
        api: The API.

    Returns:
        The response.

    Raises:
        MalformedResponseError: The result does not fit the format.
    """
    result = _object(payload)
    if unknown := sorted(result.keys() - _REST_KEYS):
        raise MalformedResponseError(f"a REST API does not accept the keys {', '.join(unknown)}")
    multiple = _multiple(result.get("multiValueHeaders"))
    named = {name.lower() for name, _ in multiple}
    single = [pair for pair in _single(result.get("headers")) if pair[0].lower() not in named]
    headers = tuple(
        (f"x-amzn-Remapped-{name}" if name.lower() in _REST_REMAPPED else name, value)
        for name, value in [*single, *multiple]
        if name.lower() not in _REST_DROPPED
    )
    accepted = request.value("accept").partition(",")[0]
    decode = result.get("isBase64Encoded") is True and matches(accepted, api.binary_media_types)
    body = _body(result.get("body"), decode)
    return _response(_status(result), headers, body, "application/json")


def alb_response(payload: bytes, request: FrontEndRequest, api: Api) -> FrontEndResponse:
    """The response of an Application Load Balancer.

    With multi-value headers enabled only `multiValueHeaders` counts, otherwise only `headers`.

    Args:
        payload: What the handler returned, as JSON.
        request: The request that it answers.
        api: The target group.

    Returns:
        The response.

    Raises:
        MalformedResponseError: The result does not fit the format.
    """
    result = _object(payload)
    if api.multi_value_headers:
        pairs = _multiple(result.get("multiValueHeaders"))
    else:
        pairs = _single(result.get("headers"))
    headers = tuple((name, value) for name, value in pairs if name.lower() not in _OWN)
    body = _body(result.get("body"), result.get("isBase64Encoded") is True)
    return _response(_status(result), headers, body, "application/octet-stream")


def _payload_2(payload: bytes, default_type: str, challenge: str) -> FrontEndResponse:
    """The response to a payload format 2.0 result; ``challenge`` is its name for `WWW-Authenticate`."""
    result = _parse(payload)
    if not isinstance(result, dict) or "statusCode" not in result:
        return FrontEndResponse(200, (("content-type", "application/json"),), payload)
    cookies = result.get("cookies") or []
    if not _is_strings(cookies):
        raise MalformedResponseError("cookies is not a list of strings")
    lower = ((name.lower(), value) for name, value in _single(result.get("headers")))
    headers = tuple(
        (challenge if name == "www-authenticate" else name, value)
        for name, value in lower
        if name not in _OWN
    )
    headers += tuple(("set-cookie", cookie) for cookie in cookies)
    body = _body(result.get("body"), result.get("isBase64Encoded") is True)
    return _response(_status(result), headers, body, default_type)


def _response(status: int, headers: Headers, body: bytes, default_type: str) -> FrontEndResponse:
    if not any(name.lower() == "content-type" for name, _ in headers):
        headers = (*headers, ("content-type", default_type))
    return FrontEndResponse(status, headers, b"" if status in BODILESS else body)


def _parse(payload: bytes) -> Any:
    try:
        return json.loads(payload)
    except ValueError as error:
        raise MalformedResponseError("the result is not JSON") from error


def _object(payload: bytes) -> dict[str, Any]:
    result = _parse(payload)
    if not isinstance(result, dict):
        raise MalformedResponseError(f"the result is not an object but {type(result).__name__}")
    return result


def _status(result: dict[str, Any]) -> int:
    code = result.get("statusCode")
    if isinstance(code, str) and code.isdecimal():
        code = int(code)
    # bool is an int; 1xx responses are not final.
    if not isinstance(code, int) or isinstance(code, bool) or not 200 <= code <= 599:
        raise MalformedResponseError(f"statusCode {code!r} is not an HTTP status")
    return code


def _single(headers: object) -> list[tuple[str, str]]:
    if headers is None:
        return []
    if not isinstance(headers, dict):
        raise MalformedResponseError("headers is not an object")
    return [(name, _header(name, value)) for name, value in headers.items()]


def _multiple(headers: object) -> list[tuple[str, str]]:
    if headers is None:
        return []
    if not isinstance(headers, dict) or not all(isinstance(values, list) for values in headers.values()):
        raise MalformedResponseError("multiValueHeaders is not an object of lists")
    return [(name, _header(name, value)) for name, values in headers.items() for value in values]


def _header(name: str, value: object) -> str:
    if isinstance(value, bool):
        value = "true" if value else "false"
    if not isinstance(value, str | int | float):
        raise MalformedResponseError(f"the value of header {name!r} is not a string")
    text = str(value)
    if not _is_header_name(name) or any(character in "\r\n\0" for character in text) or not _is_latin_1(text):
        raise MalformedResponseError(f"header {name!r} cannot be sent over HTTP")
    return text.strip(" \t")


def _is_header_name(name: str) -> bool:
    return bool(name) and all(
        character.isascii() and (character.isalnum() or character in "!#$%&'*+-.^_`|~") for character in name
    )


def _is_latin_1(text: str) -> bool:
    return all(ord(character) < 256 for character in text)


def _body(body: object, is_base64: bool) -> bytes:
    if body is None:
        return b""
    if not isinstance(body, str):
        raise MalformedResponseError(f"body is not a string but {type(body).__name__}")
    if not is_base64:
        return body.encode(errors="replace")
    try:
        return decode_base64(body)
    except ValueError as error:
        raise MalformedResponseError(str(error)) from error


def _is_strings(values: object) -> TypeGuard[Iterable[str]]:
    return isinstance(values, list) and all(isinstance(value, str) for value in values)
