"""Frames of an event stream, byte for byte."""

from lambent.wire.http import SSE_HEADERS, SSE_KEEP_ALIVE, sse_frame


def test_a_frame_is_one_event() -> None:
    assert sse_frame(b'{"jsonrpc":"2.0"}') == b'event: message\ndata: {"jsonrpc":"2.0"}\n\n'


def test_a_keep_alive_is_a_comment() -> None:
    assert SSE_KEEP_ALIVE == b":\n\n"


def test_streams_are_neither_cached_nor_buffered() -> None:
    assert SSE_HEADERS == {
        "content-type": "text/event-stream",
        "cache-control": "no-cache",
        "x-accel-buffering": "no",
    }
