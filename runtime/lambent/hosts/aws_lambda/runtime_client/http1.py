"""HTTP/1.1 as the Runtime API speaks it (RFC 9112): the bytes of requests, and responses read from a file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import BinaryIO, NamedTuple

_MAX_LINE = 16 * 1024 * 1024
"""Bytes of a line; the header with the client context of an invocation may be long."""


class ApiResponse(NamedTuple):
    """A response of the Runtime API.

    Attributes:
        status: of HTTP.
        headers: by their names in lower case.
        body: the whole body.
        closes: nothing more comes over its connection.
    """

    status: int
    headers: dict[str, str]
    body: bytes
    closes: bool


class SilentConnectionError(ConnectionError):
    """The other side has closed the connection before its response began."""


class BrokenResponseError(ConnectionError):
    """What came is no response of HTTP/1.1, or not all of one."""


def request_bytes(
    method: str, path: str, host: str, headers: Mapping[str, str] | None = None, body: bytes | None = None
) -> bytes:
    """A whole request; one with a body has its length."""
    length = {} if body is None else {"Content-Length": str(len(body))}
    return _head(method, path, host, {**(headers or {}), **length}) + (body or b"")


def stream_head(path: str, host: str, headers: Mapping[str, str], trailers: tuple[str, ...] = ()) -> bytes:
    """The beginning of a request whose body follows in chunks, and behind it perhaps ``trailers``."""
    announced = {"Trailer": ", ".join(trailers)} if trailers else {}
    return _head("POST", path, host, {**headers, "Transfer-Encoding": "chunked", **announced})


def chunk(data: bytes) -> bytes:
    """One chunk of a body; none for no data, as an empty one would end the body."""
    return b"%x\r\n%b\r\n" % (len(data), data) if data else b""


def last_chunk(trailers: Mapping[str, str] | None = None) -> bytes:
    """The end of a body in chunks."""
    return b"0\r\n" + _fields(trailers or {}) + b"\r\n"


def _head(method: str, path: str, host: str, headers: Mapping[str, str]) -> bytes:
    return f"{method} {path} HTTP/1.1\r\n".encode() + _fields({"Host": host, **headers}) + b"\r\n"


def _fields(headers: Mapping[str, str]) -> bytes:
    # A line break would end the header, and begin one that nobody has meant.
    return "".join(f"{name}: {value.translate(_NO_BREAKS)}\r\n" for name, value in headers.items()).encode(
        errors="backslashreplace"
    )


_NO_BREAKS = {code: " " for code in (*range(0x20), 0x7F) if code != ord("\t")}
"""Control characters, for which a server refuses the request (RFC 9110, section 5.5)."""


def read_response(source: BinaryIO) -> ApiResponse:
    """Read one response.

    Raises:
        SilentConnectionError: the connection was closed before.
        BrokenResponseError: it is not whole, or no response.
    """
    try:
        return _read(source)
    except ValueError as error:
        raise BrokenResponseError(f"This is no response of HTTP/1.1: {error}") from None


def _read(source: BinaryIO) -> ApiResponse:
    first = source.readline(_MAX_LINE)
    if not first:
        raise SilentConnectionError("The Runtime API has closed the connection")
    version, status, *_ = first.split(None, 2)
    if not version.startswith(b"HTTP/1."):
        raise ValueError(f"it begins with {version[:20]!r}")
    headers = _read_fields(source)
    closes = version == b"HTTP/1.0" or headers.get("connection", "").lower() == "close"
    if headers.get("transfer-encoding", "").lower() == "chunked":
        body = _read_chunks(source)
    elif "content-length" in headers:
        body = _read_exactly(source, int(headers["content-length"]))
    elif int(status) in (204, 304):
        body = b""
    else:
        body, closes = source.read(), True
    return ApiResponse(int(status), headers, body, closes)


def _read_fields(source: BinaryIO) -> dict[str, str]:
    headers: dict[str, str] = {}
    while (line := _read_line(source)) != b"":
        name, colon, value = line.partition(b":")
        if not colon:
            raise ValueError(f"a header without a colon: {name[:40]!r}")
        headers[name.decode("latin-1").lower()] = value.strip().decode(errors="replace")
    return headers


def _read_chunks(source: BinaryIO) -> bytes:
    chunks = []
    while size := int(_read_line(source).partition(b";")[0], 16):
        chunks.append(_read_exactly(source, size))
        _read_line(source)
    _read_fields(source)
    return b"".join(chunks)


def _read_line(source: BinaryIO) -> bytes:
    line = source.readline(_MAX_LINE)
    if not line.endswith(b"\n"):
        raise ValueError("it ends in the middle of a line")
    return line.rstrip(b"\r\n")


def _read_exactly(source: BinaryIO, size: int) -> bytes:
    data = source.read(size)
    if len(data) < size:
        raise ValueError(f"it has {len(data)} of {size} bytes")
    return data
