import asyncio
import socket
import threading

import pytest

from lambent.cli.gateway.frames import (
    FrameKind,
    InvocationFrame,
    decode_invocation,
    encode,
    encode_invocation,
    read,
    receive,
)


def test_messages_pass_in_both_directions():
    ours, theirs = socket.socketpair()
    payload = b"x" * 2_000_000

    async def gateway():
        ours.setblocking(False)
        await asyncio.get_running_loop().sock_sendall(ours, encode(FrameKind.INVOKE, payload))
        return await receive(ours)

    def environment():
        kind, got = read(theirs)
        theirs.sendall(encode(FrameKind.RETURNED, kind.value + got))

    with ours, theirs:
        thread = threading.Thread(target=environment)
        thread.start()
        assert asyncio.run(gateway()) == (FrameKind.RETURNED, b"V" + payload)
        thread.join()


@pytest.mark.parametrize("sent", [b"", b"V\x00", encode(FrameKind.INVOKE, b"abc")[:-1]])
def test_a_closed_pipe(sent):
    async def wait(sock):
        sock.setblocking(False)
        await receive(sock)

    for reader in (read, lambda sock: asyncio.run(wait(sock))):
        ours, theirs = socket.socketpair()
        with ours:
            with theirs:
                theirs.sendall(sent)
            with pytest.raises(EOFError):
                reader(ours)


def test_an_invocation_carries_its_event():
    invocation = InvocationFrame(request_id="id", deadline_ms=7, trace_id="Root=1")
    assert decode_invocation(encode_invocation(invocation, b'{"a":\n1}')) == (invocation, b'{"a":\n1}')
