"""A model of the request in an event, parsed without any code of the library.

It is an implementation independent of the one under test: ``json`` instead of msgspec, and rules written
from the specification.
"""

import base64
import binascii
import functools
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

VERSION = "2026-07-28"
LEGACY_VERSIONS = frozenset({"2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"})
BATCHED = "2025-03-26"
"""The version in which messages may come in an array, and of requests that tell none."""

PREFIX = "io.modelcontextprotocol/"
MIRRORED = {"tools/call": "name", "prompts/get": "name", "resources/read": "uri"}
ASKING = frozenset(MIRRORED)
"""The methods that may be answered with questions (basic/patterns/mrtr, "Supported Requests")."""

_SENTINEL = re.compile(r"=\?base64\?([A-Za-z0-9+/]*={0,2})\?=")

ABSENT = object()
"""The message of a body that is not JSON."""

TOO_DEEP = object()
"""The message of a body that is nested too deeply for this module: it may or may not be JSON."""

_LONGEST_INTEGER = 4000


@dataclass(frozen=True)
class ParsedRequest:
    """An HTTP request and its JSON-RPC message.

    Attributes:
        method: the HTTP method.
        headers: names in lower case, repeated ones joined.
        body: as text; None where it is not UTF-8, or not the Base64 that it should be.
        size: of the body, in bytes or characters.
        message: the body as JSON, or ``ABSENT``, or ``TOO_DEEP``.
    """

    method: str
    headers: Mapping[str, str]
    body: str | None
    size: int
    message: Any

    @property
    def rpc_method(self) -> str | None:
        """The JSON-RPC method, if the message has one."""
        method = self.message.get("method") if isinstance(self.message, dict) else None
        return method if isinstance(method, str) else None

    @property
    def request_id(self) -> str | int | None:
        """The id, where it is one that a request may have (basic, "Requests")."""
        found = self.message.get("id") if isinstance(self.message, dict) else None
        return found if isinstance(found, str | int) and not isinstance(found, bool) else None

    @property
    def params(self) -> dict[str, Any]:
        """The parameters; empty where they are no object."""
        found = self.message.get("params") if isinstance(self.message, dict) else None
        return found if isinstance(found, dict) else {}

    @property
    def meta(self) -> dict[str, Any]:
        """The parameters' ``_meta``; empty where it is no object."""
        found = self.params.get("_meta")
        return found if isinstance(found, dict) else {}

    @property
    def capabilities(self) -> dict[str, Any]:
        """What the client declared; empty where it declared nothing."""
        found = self.meta.get(f"{PREFIX}clientCapabilities")
        return found if isinstance(found, dict) else {}

    @property
    def is_legacy(self) -> bool:
        """It is of the legacy era: nothing says that it is of the modern one (basic/versioning).

        GET and DELETE are, whatever their body is: the modern era has neither.
        """
        if self.method in ("GET", "DELETE"):
            return True
        header = self.headers.get("mcp-protocol-version")
        if self.rpc_method is not None and self.meta.get(f"{PREFIX}protocolVersion") is not None:
            return False
        return self.rpc_method == "initialize" or header is None or header.strip() in LEGACY_VERSIONS

    @property
    def state(self) -> str | None:
        """The request state, if there is one; the legacy era has none."""
        is_asking = self.rpc_method in ASKING and not self.is_legacy
        found = self.params.get("requestState") if is_asking else None
        return found if isinstance(found, str) else None

    @property
    def target(self) -> tuple[str, str, str, str]:
        """What a state is bound to: method, name, arguments in canonical form, and principal."""
        method = self.rpc_method or ""
        name = self.params.get(MIRRORED.get(method, ""))
        arguments = {} if method == "resources/read" else self.params.get("arguments", {})
        return method, str(name), _canonical(arguments), self.headers.get("x-user", "")


def parse_event(event: Mapping[str, Any]) -> ParsedRequest:
    """Parse an event of API Gateway, a function URL or a load balancer."""
    context = event.get("requestContext") or {}
    if "http" in context:
        method = context["http"].get("method", "")
        headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
    else:
        method = event.get("httpMethod") or ""
        headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
        many: dict[str, list[str]] = {}
        for name, values in (event.get("multiValueHeaders") or {}).items():
            many.setdefault(name.lower(), []).extend(values or ())
        headers |= {name: ", ".join(values) for name, values in many.items()}
    body = event.get("body") or ""
    size = len(body)
    if event.get("isBase64Encoded"):
        try:
            raw = binascii.a2b_base64(body, strict_mode=True)
            size, body = len(raw), raw.decode()
        except (ValueError, UnicodeError):
            body = None
    return ParsedRequest(method.upper(), headers, body, size, _parse(body))


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)


def _integer(digits: str) -> int | float:
    return int(digits) if len(digits) <= _LONGEST_INTEGER else float(digits)


_decoder = json.JSONDecoder(parse_constant=_refuse)
_lenient_decoder = json.JSONDecoder(parse_constant=_refuse, parse_int=_integer)


def _parse(body: str | None) -> Any:
    if not body:
        return ABSENT
    for decoder in (_decoder, _lenient_decoder):
        try:
            return decoder.decode(body.removeprefix("\ufeff"))
        except RecursionError:
            return TOO_DEEP
        except json.JSONDecodeError:
            return ABSENT
        except ValueError:  # a constant that is no JSON, or an integer that is too long
            continue
    return ABSENT


def strict_json(text: str) -> Any:
    """Read JSON, but not the constants that ``json.loads`` accepts besides (``NaN`` and others).

    Raises:
        ValueError: it is no JSON.
    """
    return _decoder.decode(text)


def _canonical(value: Any) -> str:
    try:
        return json.dumps(value, sort_keys=True)
    except (ValueError, RecursionError, TypeError):
        return "?"


@functools.lru_cache(1024)
def header_value(value: str) -> str | None:
    """The decoded value of a header, None where it is malformed ("Value Encoding")."""
    value = value.strip(" \t")
    if any(not (" " <= character <= "~" or character == "\t") for character in value):
        return None
    if not (value.startswith("=?base64?") and value.endswith("?=") and len(value) >= 11):
        return value
    match = _SENTINEL.fullmatch(value)
    try:
        return base64.b64decode(match[1], validate=True).decode() if match else None
    except (binascii.Error, UnicodeError):
        return None


def rejection_reason(request: ParsedRequest) -> str | None:
    """Why a request must not get a result; None where this module knows no reason."""
    message, headers = request.message, request.headers
    if request.method != "POST":
        return "not a POST"
    if headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        return "the content type is not JSON"
    if not isinstance(message, dict):
        return "the body is no object"
    if message.get("jsonrpc") != "2.0" or request.rpc_method is None:
        return "the body is no JSON-RPC message"
    if request.request_id is None:
        return "the id is missing or not valid"
    meta = request.meta
    if meta.get(f"{PREFIX}protocolVersion") != VERSION:
        return "the protocol version of the body is not supported"
    if not isinstance(meta.get(f"{PREFIX}clientCapabilities"), dict):
        return "there are no client capabilities"
    return _header_problem(request)


def _header_problem(request: ParsedRequest) -> str | None:
    expected = {"mcp-protocol-version": VERSION, "mcp-method": request.rpc_method or ""}
    for header, value in expected.items():
        if request.headers.get(header, "").strip(" \t") != value:
            return f"{header} does not match the body"
    mirrored = MIRRORED.get(request.rpc_method or "")
    if mirrored is not None:
        name = request.params.get(mirrored)
        if not isinstance(name, str):
            return f"params.{mirrored} is no string"
        if header_value(request.headers.get("mcp-name", "")) != name or "mcp-name" not in request.headers:
            return "mcp-name does not match the body"
    return _param_problem(request) if request.rpc_method == "tools/call" else None


_PARAMS: dict[str, tuple[tuple[tuple[str, ...], str], ...]] = {
    "route": ((("region",), "region"), (("zone",), "zone"), (("dry",), "dry")),
    "anything": ((("where", "site"), "site"),),
}
"""The mirrored parameters of the tools of ``fuzz.target``."""


def _param_problem(request: ParsedRequest) -> str | None:
    for path, header in _PARAMS.get(request.params["name"], ()):
        value: Any = request.params.get("arguments", {})
        for key in path:
            value = value.get(key) if isinstance(value, dict) else None
        given = request.headers.get(f"mcp-param-{header}")
        if (value is None) != (given is None):
            return f"mcp-param-{header} is there without its value, or the other way round"
        if value is not None and not _same(header_value(given or ""), value):
            return f"mcp-param-{header} does not match the body"
    return None


def _same(text: str | None, value: Any) -> bool:
    if text is None:
        return False
    if isinstance(value, bool):
        return text == ("true" if value else "false")
    if isinstance(value, int | float):
        try:
            return float(text) == value
        except ValueError:
            return False
    return bool(text == value)
