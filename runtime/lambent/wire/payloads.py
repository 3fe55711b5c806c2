"""What Lambda takes as the response of an invocation: JSON, with the body of an HTTP response as a string.

The runtime client writes it (``awslambdaric.lambda_runtime_marshaller``). In runtimes before Python 3.12 and
in container images, it escapes every character but ASCII ones.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from lambent.wire.http import HttpResponse, Request

LAMBDA_LIMIT = 6 * 1024 * 1024 + 100
"""Bytes of the response of a synchronous invocation; documented as 6 MB."""

BALANCER_LIMIT = 1024 * 1024
"""Bytes of a response that a load balancer takes ("Lambda functions as targets", "Limits")."""

_UNESCAPED = frozenset(f"AWS_Lambda_python3.{minor}" for minor in (12, 13, 14, 15))
_WITH_BACKSLASH = b'"\\\b\t\n\f\r'
_CONTROL = bytes(set(range(32)) - set(_WITH_BACKSLASH))
_ASCII = bytes(range(128))


def is_escaped(execution_env: str | None) -> bool:
    """Whether the runtime client of ``AWS_EXECUTION_ENV`` escapes every character but ASCII ones."""
    return execution_env not in _UNESCAPED


def string_size(text: bytes, *, is_ascii: bool) -> int:
    """Bytes of a JSON string of UTF-8 text, without its quotes.

    Args:
        text: the text.
        is_ascii: every character but ASCII ones is escaped, and so is DEL.
    """
    size = len(text) + _count(text, _WITH_BACKSLASH) + 5 * _count(text, _CONTROL)
    if is_ascii:
        size += 5 * text.count(b"\x7f")
        if not text.isascii():
            other = text.translate(None, _ASCII)
            size += 6 * len(other.decode().encode("utf-16-le")) // 2 - len(other)
    return size


def _count(text: bytes, members: bytes) -> int:
    return len(text) - len(text.translate(None, members))


def limit_of(event: Mapping[str, Any], size: int = LAMBDA_LIMIT) -> int:
    """How many bytes the response to an event may take, of which Lambda takes so many."""
    context = event.get("requestContext")
    is_balanced = isinstance(context, Mapping) and "elb" in context
    return min(size, BALANCER_LIMIT) if is_balanced else size


def written_size(written: Any, body: bytes, *, is_ascii: bool) -> int:
    """Bytes of a response as JSON.

    Args:
        written: the response without its body.
        body: as UTF-8.
        is_ascii: see ``string_size``.
    """
    import json  # only for responses that may be too large

    return len(json.dumps(written, ensure_ascii=is_ascii).encode()) + string_size(body, is_ascii=is_ascii)


Write = Callable[[Any, HttpResponse], Any]
"""What a host returns, of the Lambda event, if there is one, and the response."""


class ResponseLimit(msgspec.Struct, frozen=True):
    """How much a host may return for a request.

    Attributes:
        write: what it returns.
        size: bytes of JSON.
        is_ascii: see ``string_size``.
    """

    write: Write
    size: int = LAMBDA_LIMIT
    is_ascii: bool = True

    def of(self, request: Request) -> int:
        """The limit for a request in bytes: that of a load balancer is lower."""
        return self.size if request.event is None else limit_of(request.event, self.size)

    def measure(self, request: Request, response: HttpResponse) -> int:
        """Bytes of what is returned for a response to a request."""
        written = self.write(request.event, HttpResponse(response.status, response.headers))
        return written_size(written, response.body, is_ascii=self.is_ascii)

    def string_size(self, text: bytes) -> int:
        """See the function."""
        return string_size(text, is_ascii=self.is_ascii)
