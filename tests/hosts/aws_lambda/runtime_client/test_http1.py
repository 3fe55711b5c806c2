"""The bytes of requests, and responses as they come over a connection."""

import io

import pytest

from lambent.hosts.aws_lambda.runtime_client.http1 import (
    ApiResponse,
    BrokenResponseError,
    SilentConnectionError,
    chunk,
    last_chunk,
    read_response,
    request_bytes,
    stream_head,
)


def test_a_request_without_a_body() -> None:
    assert (
        request_bytes("GET", "/next", "127.0.0.1:9001")
        == b"GET /next HTTP/1.1\r\nHost: 127.0.0.1:9001\r\n\r\n"
    )


def test_a_request_with_a_body_has_its_length() -> None:
    assert request_bytes("POST", "/r", "h:1", {"Content-Type": "application/json"}, b'"\xc3\xa9"') == (
        b"POST /r HTTP/1.1\r\nHost: h:1\r\nContent-Type: application/json\r\nContent-Length: 4\r\n\r\n"
        b'"\xc3\xa9"'
    )


def test_an_empty_body_has_a_length_too() -> None:
    assert request_bytes("POST", "/r", "h:1", {}, b"").endswith(b"\r\nContent-Length: 0\r\n\r\n")


@pytest.mark.parametrize("value", ["a\r\nX-Forged: 1", "a\nX-Forged: 1", "a\0X-Forged: 1"])
def test_a_header_stays_one_line(value: str) -> None:
    written = request_bytes("GET", "/", "h:1", {"X-Cause": value})
    assert [line for line in written.split(b"\r\n") if line] == [
        b"GET / HTTP/1.1",
        b"Host: h:1",
        b"X-Cause: " + value.replace("\r", " ").replace("\n", " ").replace("\0", " ").encode(),
    ]


def test_a_stream_in_chunks_with_trailers() -> None:
    head = stream_head("/r", "h:1", {"Content-Type": "text/plain"}, trailers=("X-Kind", "X-Body"))
    assert head == (
        b"POST /r HTTP/1.1\r\nHost: h:1\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n"
        b"Trailer: X-Kind, X-Body\r\n\r\n"
    )
    assert chunk(b"0123456789abcdef") == b"10\r\n0123456789abcdef\r\n"
    assert last_chunk({"X-Kind": "a", "X-Body": "b"}) == b"0\r\nX-Kind: a\r\nX-Body: b\r\n\r\n"


def test_no_data_is_no_chunk() -> None:
    assert chunk(b"") == b""
    assert last_chunk() == b"0\r\n\r\n"
    assert b"Trailer" not in stream_head("/r", "h:1", {})


@pytest.mark.parametrize(
    ("written", "response"),
    [
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Name:  V\xc3\xa9 \r\n\r\n{}HTTP/1.1 ",
            ApiResponse(200, {"content-length": "2", "x-name": "V\u00e9"}, b"{}", False),
        ),
        (
            b"HTTP/1.1 202\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n1\r\nd\r\n0\r\nT: 1\r\n\r\n",
            ApiResponse(202, {"transfer-encoding": "chunked"}, b"abcd", False),
        ),
        (
            b"HTTP/1.1 202\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
            ApiResponse(202, {"connection": "close", "content-length": "0"}, b"", True),
        ),
        (b"HTTP/1.0 200 OK\r\n\r\nrest", ApiResponse(200, {}, b"rest", True)),
        (b"HTTP/1.1 204 No Content\r\n\r\n", ApiResponse(204, {}, b"", False)),
    ],
)
def test_a_response(written: bytes, response: ApiResponse) -> None:
    assert read_response(io.BytesIO(written)) == response


def test_a_connection_that_was_closed_before() -> None:
    with pytest.raises(SilentConnectionError):
        read_response(io.BytesIO(b""))


@pytest.mark.parametrize(
    "written",
    [
        b"nonsense\r\n\r\n",
        b"SSH-2.0 200 OK\r\n\r\n",
        b"HTTP/1.1 two OK\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Len",
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nContent-Length: five\r\n\r\nabcde",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\nabc",
    ],
)
def test_what_is_no_whole_response(written: bytes) -> None:
    with pytest.raises(BrokenResponseError):
        read_response(io.BytesIO(written))
