"""Messages on the private pipe between the gateway and an environment: one kind byte, a length, the bytes."""

from __future__ import annotations

import asyncio
import enum
import json
import socket
import struct
from dataclasses import asdict, dataclass
from typing import Final

_HEADER: Final = struct.Struct(">cI")


class FrameKind(enum.Enum):
    """The kind of a message.

    An environment sends one of the first two when its import is done, and for every invocation that the
    gateway sends, ``PART`` for each part of a streamed response, ``CALL`` for every MCP call of it, and then
    one of the two in between.
    """

    READY = b"R"
    IMPORT_FAILED = b"I"
    RETURNED = b"S"
    RAISED = b"E"
    PART = b"P"
    CALL = b"C"
    INVOKE = b"V"


@dataclass(frozen=True, slots=True)
class InvocationFrame:
    """What an environment gets for an invocation besides its event.

    Attributes:
        request_id: The UUID of the invocation.
        deadline_ms: When it is killed, in milliseconds since 1970.
        trace_id: The X-Ray trace header.
    """

    request_id: str
    deadline_ms: int
    trace_id: str


def encode_invocation(invocation: InvocationFrame, event: bytes) -> bytes:
    """Write the payload of an `INVOKE` message.

    Args:
        invocation: The first line.
        event: The event as JSON, the rest.

    Returns:
        The payload.
    """
    return json.dumps(asdict(invocation)).encode() + b"\n" + event


def decode_invocation(payload: bytes) -> tuple[InvocationFrame, bytes]:
    """Read the payload of an `INVOKE` message.

    Args:
        payload: The payload.

    Returns:
        The invocation, and the event as JSON.
    """
    head, _, event = payload.partition(b"\n")
    return InvocationFrame(**json.loads(head)), event


def encode(kind: FrameKind, payload: bytes = b"") -> bytes:
    """Write a message.

    Args:
        kind: Its kind.
        payload: Its bytes.

    Returns:
        The bytes for the pipe.
    """
    return _HEADER.pack(kind.value, len(payload)) + payload


def read(pipe: socket.socket) -> tuple[FrameKind, bytes]:
    """Wait for a message, blocking.

    Args:
        pipe: A blocking socket.

    Returns:
        Its kind, and its bytes.

    Raises:
        EOFError: The other end is closed.
    """
    kind, length = _HEADER.unpack(_read_exactly(pipe, _HEADER.size))
    return FrameKind(kind), _read_exactly(pipe, length)


async def receive(pipe: socket.socket) -> tuple[FrameKind, bytes]:
    """Wait for a message on the running event loop.

    Args:
        pipe: A non-blocking socket.

    Returns:
        Its kind, and its bytes.

    Raises:
        EOFError: The other end is closed.
    """
    kind, length = _HEADER.unpack(await _receive_exactly(pipe, _HEADER.size))
    return FrameKind(kind), await _receive_exactly(pipe, length)


def _read_exactly(pipe: socket.socket, length: int) -> bytes:
    buffer = bytearray(length)
    view = memoryview(buffer)
    while view:
        count = pipe.recv_into(view)
        if not count:
            raise EOFError
        view = view[count:]
    return bytes(buffer)


async def _receive_exactly(pipe: socket.socket, length: int) -> bytes:
    loop = asyncio.get_running_loop()
    buffer = bytearray(length)
    view = memoryview(buffer)
    while view:
        count = await loop.sock_recv_into(pipe, view)
        if not count:
            raise EOFError
        view = view[count:]
    return bytes(buffer)
