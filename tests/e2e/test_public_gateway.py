"""The gateway in front of deployed APIs, by itself: nothing is deployed here."""

import ssl
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.e2e.cloud import Reply, make_certificate
from tests.e2e.public_gateway import CHALLENGE, PublicGateway, public_gateway

Fetch = Callable[..., Reply]


class Api:
    """Answers with ``reply``, and keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, bytes | None, dict[str, str]]] = []
        self.reply = Reply(200, {"content-type": "text/plain"}, b"here")

    def send(self, url: str, body: bytes | None, headers: dict[str, str], method: str) -> Reply:
        self.asked.append((method, url, body, {name.lower(): value for name, value in headers.items()}))
        return self.reply


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return make_certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def api() -> Api:
    return Api()


@pytest.fixture
def gateway(api: Api, files: tuple[Path, Path]) -> Iterator[PublicGateway]:
    with public_gateway(api.send, *files) as made:
        made.target = "https://127.0.0.1:1/_aws/execute-api/abc"
        yield made


@pytest.fixture
def fetch(gateway: PublicGateway, files: tuple[Path, Path]) -> Fetch:
    context = ssl.create_default_context(cafile=str(files[0]))
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
    )

    def send(method: str, path: str, body: bytes | None = None, **headers: str) -> Reply:
        request = urllib.request.Request(gateway.url + path, body, headers, method=method)
        try:
            response = opener.open(request, timeout=10)
        except urllib.error.HTTPError as error:
            response = error
        with response:
            names = {name.lower(): value for name, value in response.headers.items()}
            return Reply(response.status, names, response.read())

    return send


@pytest.mark.parametrize("status", [200, 401, 403])
def test_challenges_are_renamed(api: Api, fetch: Fetch, status: int) -> None:
    api.reply = Reply(status, {"www-authenticate": 'Bearer scope="pay"', "x-other": "1"}, b"{}")
    reply = fetch("POST", "/orders/mcp", b"{}")
    assert (reply.status, reply.body) == (status, b"{}")
    assert reply.headers[CHALLENGE] == 'Bearer scope="pay"'
    assert reply.headers["x-other"] == "1"
    assert "www-authenticate" not in reply.headers


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "DELETE"])
def test_the_root_of_the_host_is_the_root_of_the_api(api: Api, fetch: Fetch, method: str) -> None:
    path = "/.well-known/oauth-protected-resource/orders/mcp?a=%2F"
    reply = fetch(method, path, Authorization="Bearer x", DPoP="y")
    ((asked, url, body, headers),) = api.asked
    assert (asked, url, body) == (method, f"https://127.0.0.1:1/_aws/execute-api/abc{path}", None)
    assert (headers["authorization"], headers["dpop"]) == ("Bearer x", "y")
    assert "host" not in headers
    assert reply.body == (b"" if method == "HEAD" else b"here")
    assert reply.headers["content-length"] == "4"


def test_its_address_is_known_before_the_api_is_there(api: Api, fetch: Fetch, gateway: PublicGateway) -> None:
    gateway.target = ""
    assert fetch("GET", "/").status == 503
    assert api.asked == []
