"""What holds for the HTTP form of every response: the Lambda response, its headers and its body."""

import http
import re
from collections.abc import Mapping
from typing import Any

from fuzz.request_model import strict_json
from fuzz.violations import Violation, require

_HEADER_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9a-z]+")
_HEADER_VALUE = re.compile(r"[\x20-\x7e\t]*")
_FRAME = "event: message\ndata: "


def lambda_response(event: Mapping[str, Any], response: Any) -> tuple[int, dict[str, str], str]:
    """Check that the platform that sent the event accepts the response; returns status, headers and body."""
    require(isinstance(response, dict), "lambda response", f"a {type(response).__name__}")
    context = event.get("requestContext") or {}
    multiple = "http" not in context and "multiValueHeaders" in event
    expected = {"statusCode", "body", "isBase64Encoded", "multiValueHeaders" if multiple else "headers"}
    if "elb" in context:
        expected.add("statusDescription")
    require(response.keys() == expected, "lambda response", f"its members are {sorted(response)}")
    status, body, headers = response["statusCode"], response["body"], response.get("headers")
    require(type(status) is int and type(body) is str, "lambda response", "types of statusCode and body")
    require(response["isBase64Encoded"] is False, "lambda response", "isBase64Encoded")
    if "elb" in context:
        described = f"{status} {http.HTTPStatus(status).phrase}"
        require(response["statusDescription"] == described, "lambda response", "statusDescription")
    if multiple:
        lists = response["multiValueHeaders"]
        require(
            all(type(values) is list and len(values) == 1 for values in lists.values()),
            "lambda response",
            "multiValueHeaders holds lists of one value",
        )
        headers = {name: values[0] for name, values in lists.items()}
    require(type(headers) is dict, "lambda response", "headers")
    for name, value in headers.items():
        require(type(name) is str and type(value) is str, "header", "names and values are strings")
        require(_HEADER_NAME.fullmatch(name), "header", f"name {name[:100]!r}")
        require(_HEADER_VALUE.fullmatch(value), "header", f"value {value[:100]!r} of {name}")
    try:
        body.encode()
    except UnicodeEncodeError:
        raise Violation("lambda response", "the body has lone surrogates") from None
    return status, headers, body


def texts_of(headers: Mapping[str, str], body: str) -> list[str]:
    """Check the content type and the frames of the body; returns the texts of its messages."""
    kind = headers.get("content-type")
    if kind != "text/event-stream":
        require(kind == "application/json", "content type", str(kind))
        return [body]
    texts = body.split("\n\n")
    require(texts.pop() == "", "stream", "the last frame is not closed")
    require(all(text.startswith(_FRAME) for text in texts), "stream", "a frame is no message")
    texts = [text.removeprefix(_FRAME) for text in texts]
    require(texts and not any("\n" in text or "\r" in text for text in texts), "stream", "line breaks")
    return texts


def messages_of(headers: dict[str, str], body: str) -> list[dict[str, Any]]:
    """Check the content type and the form of the body; returns its messages, of a stream all of them."""
    try:
        messages = [strict_json(text) for text in texts_of(headers, body)]
    except (ValueError, RecursionError) as error:
        raise Violation("no json", f"{error}: {body[:200]}") from None
    require(all(isinstance(message, dict) for message in messages), "no object", body[:200])
    return messages
