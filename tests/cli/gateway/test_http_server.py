import socket

import pytest

pytest.importorskip("uvicorn")

from lambent.cli.errors import CommandError
from lambent.cli.gateway.background import Gateway
from lambent.cli.gateway.http_server import listen


def test_a_port_that_is_taken(app):
    with listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(CommandError, match=f"cannot listen on 127.0.0.1:{port}"):
            Gateway(app.file, port=port).__enter__()
    with pytest.raises(CommandError, match=r"cannot listen on 127\.0\.0\.1:70000"):
        listen("127.0.0.1", 70_000)


def test_answers_do_not_wait_for_acknowledgements():
    with listen("127.0.0.1", 0) as sock:
        # What asyncio looks at before it sets TCP_NODELAY.
        assert sock.proto == socket.IPPROTO_TCP
