"""Authorization, audit, limits, middleware and cards in front of a server of the SDK 2.x."""

import json
from typing import Any

import msgspec
import pytest
from mcp.server.auth.provider import AccessToken
from mcp.server.auth.settings import AuthSettings
from pydantic import AnyHttpUrl
from tests.hosts.adapt.apps import SETTINGS, adapted
from tests.hosts.adapt.servers import KEY, KEYS, make
from tests.issuer.issuer import Issuer
from tests.support import Client, http_api

from lambent import CardDetails, Limits, OAuth, RateLimit


def test_who_is_not_identified_does_not_reach_the_server() -> None:
    with adapted(make(), auth=KEYS) as handler:
        client = Client(handler)
        assert client.call("who").status == 401
        assert client.call("who", headers=KEY).text == "ci ['orders:read']"
        assert client.event(http_api(None, method="GET", path="/about")).status == 401


def test_tokens_of_an_issuer_are_what_the_sdk_gives() -> None:
    with Issuer() as issuer:
        url = "https://abc123.execute-api.eu-west-1.amazonaws.com/mcp"
        auth = OAuth(issuer=issuer.url, scopes=["mcp:use"])
        with adapted(
            make(), auth=auth, settings=msgspec.structs.replace(SETTINGS, mcp_path="/mcp")
        ) as handler:
            client = Client(handler)
            refused = client.call("who")
            assert refused.status == 401
            path = "/.well-known/oauth-protected-resource/mcp"
            metadata = client.event(http_api(None, method="GET", path=path))
            assert json.loads(metadata.body)["authorization_servers"] == [issuer.url]
            few = {"authorization": f"Bearer {issuer.token('user-1', url, ['other'])}"}
            assert client.call("who", headers=few).status == 403
            good = {"authorization": f"Bearer {issuer.token('user-1', url, ['mcp:use'])}"}
            assert client.call("who", headers=good).text.endswith(" ['mcp:use']")


def test_the_servers_own_authorization_stays() -> None:
    class Verifier:
        async def verify_token(self, token: str) -> AccessToken | None:
            return AccessToken(token=token, client_id="own", scopes=["a"]) if token == "good" else None

    settings = AuthSettings(
        issuer_url=AnyHttpUrl("https://login.test"),
        resource_server_url=AnyHttpUrl("https://api.test/mcp"),
        required_scopes=["a"],
        validate_token_resource=False,
    )
    with adapted(make(auth=settings, token_verifier=Verifier())) as handler:
        client = Client(handler)
        refused = client.call("who")
        assert refused.status == 401
        assert refused.headers["www-authenticate"].startswith("Bearer ")
        path = "/.well-known/oauth-protected-resource/mcp"
        document = client.event(http_api(None, method="GET", path=path))
        assert json.loads(document.body)["resource"] == "https://api.test/mcp"
        assert client.call("who", headers={"authorization": "Bearer good"}).text == "own ['a']"


def test_calls_are_recorded(capsys: pytest.CaptureFixture[str]) -> None:
    with adapted(make(), auth=KEYS, audit=True) as handler:
        client = Client(handler)
        client.call("add", {"a": 1}, headers=KEY)
        client.call("fail", headers=KEY)
        client.request("no/method", headers=KEY)
        client.call("add", {"a": 1})
    found = [json.loads(line)["audit"] for line in capsys.readouterr().out.splitlines() if '"audit"' in line]
    assert [(one.get("method"), one.get("name"), one["outcome"]) for one in found] == [
        ("tools/call", "add", "ok"),
        ("tools/call", "fail", "tool_error"),
        ("no/method", None, "error"),
        (None, None, "denied"),
    ]
    assert [one["server"] for one in found] == ["shop"] * 4


def test_middleware_and_limits_are_in_front() -> None:
    seen: list[str] = []

    def watch(call: Any, following: Any) -> Any:
        seen.append(call.method)
        return following(call)

    limits = Limits(rate=RateLimit(calls=2, per=60))
    with adapted(make(), auth=KEYS, middleware=[watch], limits=limits) as handler:
        client = Client(handler)
        statuses = [client.call("add", {"a": 1}, headers=KEY).status for _ in range(3)]
    assert (seen, statuses) == (["tools/call"] * 3, [200, 200, 429])


@pytest.mark.parametrize("path", ["/mcp/server-card", "/.well-known/mcp/server-card.json"])
def test_cards_say_what_the_server_says(path: str) -> None:
    with adapted(make(), card=CardDetails(namespace="com.example")) as handler:
        for _ in range(2):
            reply = Client(handler).event(http_api(None, method="GET", path=path))
            assert reply.status == 200
    card = json.loads(reply.body)
    assert "add" in reply.body.decode()
    assert card.get("name", card.get("serverInfo", {}).get("name")) in ("com.example/shop", "shop")
