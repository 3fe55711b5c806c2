import io

import pytest

from lambent.cli.client.web import NoResponseError, Web, events

STREAM = (
    b": comment\n\n"
    b"id: 1\nretry: 5\ndata:\n\n"
    b"event: message\r\ndata: a\r\ndata:b\r\n\r\n"
    b"data: \xff\n\n"
    b"data: cut"
)


@pytest.mark.parametrize("size", [1, 7, 65536])
def test_events(size):
    class Chunks:
        def __init__(self):
            self.body = io.BytesIO(STREAM)

        def read1(self, amount):
            return self.body.read(min(size, amount))

    assert list(events(Chunks())) == [
        {"id": "1", "retry": "5", "data": ""},
        {"event": "message", "data": "a\nb"},
        {"data": "\ufffd"},
    ]


@pytest.mark.parametrize(
    ("variables", "url", "used"),
    [
        ({"https_proxy": "http://127.0.0.1:9"}, "https://mcp.example.com/mcp", True),
        (
            {"https_proxy": "http://127.0.0.1:9", "no_proxy": "example.com"},
            "https://mcp.example.com/mcp",
            False,
        ),
        ({"https_proxy": "http://127.0.0.1:9"}, "https://localhost/mcp", False),
        ({}, "https://mcp.example.com/mcp", False),
    ],
)
def test_the_proxy_of_the_environment(monkeypatch, variables, url, used):
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    web = Web(url, 1)
    assert (getattr(web._pool, "proxy", None) is not None) is used
    web.close()


def test_a_connection_that_is_refused():
    web = Web("http://127.0.0.1:1/mcp", 1)
    with pytest.raises(NoResponseError) as caught, web.open("GET", "http://127.0.0.1:1/mcp", {}):
        pass
    assert caught.value.problem == "unreachable"
    web.close()
