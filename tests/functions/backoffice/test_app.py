"""The back office as its REST clients and its MCP clients meet it: the same thing twice."""

import base64
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from mcp.client.client import Client as OfficialClient
from mcp.types import ElicitRequestParams, ElicitResult
from tests import support
from tests.functions.backoffice.conftest import FOLDER
from tests.hosts.asgi.driving import SECONDS, http, on_loop, post, uvicorn_of
from tests.support import Client, Reply, accept

Rest = Callable[..., Reply]
ISSUER = "https://login.example.com"
METADATA = "/.well-known/oauth-protected-resource/backoffice/mcp"
URL = "https://tools.example.com"
PARCEL = {"carrier": "dhl", "tracking": "JD0146000099"}
MARK = {"order_id": "B-3004", "parcel": PARCEL}


@pytest.fixture
def rest_with_issuer(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Rest:
    """The application as it is deployed where callers have tokens."""
    for name, setting in {
        "BACKOFFICE_ROOT": "/backoffice",
        "LAMBENT_AUTH_ISSUER": ISSUER,
        "LAMBENT_MCP_PATH": "/backoffice/mcp",
        "LAMBENT_PUBLIC_URL": URL,
        "SHIPPING_SCOPE": "shipments:ship",
    }.items():
        monkeypatch.setenv(name, setting)
    rest: Rest = request.getfixturevalue("rest")
    return rest


def value(reply: Reply) -> Any:
    assert reply.status == 200, reply.body
    return json.loads(reply.body)


def yes(**more: Any) -> dict[str, Any]:
    return {"agree": accept(shipped=True)}


# REST and tools say the same.


def test_shipments_are_listed_the_most_urgent_first(client: Client, rest: Rest) -> None:
    listed = value(rest("GET", "/shipments"))
    assert client.call("list_shipments").value == listed
    assert [shipment["order_id"] for shipment in listed][:4] == ["B-3001", "B-3002", "B-3004", "B-3003"]
    assert len(listed) == 10


@pytest.mark.parametrize(
    ("filters", "query", "expected"),
    [
        ({"status": "shipped"}, "status=shipped", ["B-3001", "B-3002"]),
        ({"country": "DE"}, "country=DE", ["B-3003", "B-3008", "B-3005"]),
        ({"status": "waiting", "limit": 1}, "status=waiting&limit=1", ["B-3004"]),
        ({"status": "shipped", "country": "DE"}, "status=shipped&country=DE", []),
    ],
)
def test_shipments_are_filtered(
    client: Client, rest: Rest, filters: dict[str, Any], query: str, expected: list[str]
) -> None:
    listed = value(rest("GET", "/shipments", query=query))
    assert [shipment["order_id"] for shipment in listed] == expected
    assert client.call("list_shipments", filters).value == listed


@pytest.mark.parametrize(
    ("filters", "query"),
    [
        ({"limit": 0}, "limit=0"),
        ({"status": "lost"}, "status=lost"),
        ({"country": "Germany"}, "country=Germany"),
    ],
)
def test_filters_out_of_bounds_are_refused(
    client: Client, rest: Rest, filters: dict[str, Any], query: str
) -> None:
    (name,) = filters
    assert rest("GET", "/shipments", query=query).status == 422
    reply = client.call("list_shipments", filters)
    assert reply.result["isError"] is True
    assert name in reply.text


def test_a_shipment_is_looked_up(client: Client, rest: Rest) -> None:
    shipment = value(rest("GET", "/shipments/B-3003"))
    assert shipment == {
        "order_id": "B-3003",
        "customer": "Jonas Weber",
        "country": "DE",
        "due": "2026-09-04",
        "lines": [{"sku": "CHS-06", "quantity": 2}, {"sku": "PLN-22", "quantity": 1}],
        "parcel": None,
        "status": "waiting",
    }
    assert client.call("get_shipment", {"order_id": "B-3003"}).value == shipment
    (content,) = client.read("shipments://B-3003").result["contents"]
    assert (content["mimeType"], json.loads(content["text"])) == ("application/json", shipment)


def test_a_shipment_that_is_not_there(client: Client, rest: Rest) -> None:
    missing = rest("GET", "/shipments/B-9")
    assert missing.status == 404
    detail = json.loads(missing.body)["detail"]
    assert "'B-9'" in detail
    reply = client.call("get_shipment", {"order_id": "B-9"})
    assert (reply.result["isError"], reply.text) == (True, f"Error executing tool get_shipment: {detail}")
    error = client.read("shipments://B-9").error
    assert (error["code"], error["data"]) == (-32602, {"uri": "shipments://B-9"})


def test_the_stock_tells_what_is_missing(client: Client, rest: Rest) -> None:
    stock = value(rest("GET", "/stock"))
    assert client.call("check_stock").value == stock
    short = value(rest("GET", "/stock", query="short=true"))
    assert client.call("check_stock", {"short": True}).value == short
    assert {shelf["sku"]: shelf["missing"] for shelf in short} == {"CHS-06": 1, "VIS-70": 1}


def test_one_model_describes_both(client: Client, rest: Rest) -> None:
    openapi = value(rest("GET", "/openapi.json"))
    described = openapi["components"]["schemas"]
    tool = client.tool("mark_as_shipped")
    assert (
        tool["inputSchema"]["$defs"]["Parcel"]["properties"].keys()
        == described["Parcel"]["properties"].keys()
    )
    assert tool["inputSchema"]["required"] == ["order_id", "parcel"]
    assert tool["outputSchema"]["required"] == described["Shipment"]["required"]
    assert "/mcp" in openapi["paths"]
    # What dependencies give is in neither.
    assert "desk" not in json.dumps(openapi)
    assert list(client.tool("get_shipment")["inputSchema"]["properties"]) == ["order_id"]


def test_the_tools_say_what_they_do(client: Client) -> None:
    tools = {tool["name"]: tool for tool in client.request("tools/list").result["tools"]}
    assert list(tools) == ["list_shipments", "get_shipment", "check_stock", "mark_as_shipped"]
    assert all(tool["description"] and tool["title"] and tool["outputSchema"] for tool in tools.values())
    assert [name for name, tool in tools.items() if not tool["annotations"].get("readOnlyHint")] == [
        "mark_as_shipped"
    ]


# Marking as shipped.


def test_rest_marks_at_once(client: Client, rest: Rest) -> None:
    marked = value(rest("PUT", "/shipments/B-3004/parcel", PARCEL))
    assert (marked["status"], marked["parcel"]) == ("shipped", PARCEL)
    assert value(rest("GET", "/shipments/B-3004")) == marked
    assert client.call("get_shipment", {"order_id": "B-3004"}).value == marked


def test_a_model_marks_once_the_user_agrees(client: Client, rest: Rest) -> None:
    one, two = client.converse("tools/call", {"name": "mark_as_shipped", "arguments": MARK}, yes())
    assert one.questions["agree"]["params"]["message"] == "Did order B-3004 leave with dhl, JD0146000099?"
    assert (two.value["status"], two.value["parcel"]) == ("shipped", PARCEL)
    assert value(rest("GET", "/shipments/B-3004")) == two.value


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (accept(shipped=False), "has not left"),
        ({"action": "decline"}, "declined"),
        ({"action": "cancel"}, "dismissed"),
    ],
)
def test_nothing_is_marked_without_a_yes(
    client: Client, rest: Rest, answer: dict[str, Any], says: str
) -> None:
    last = client.answered("mark_as_shipped", {"agree": answer}, MARK)
    assert last.result["isError"] is True
    assert says in last.text
    assert value(rest("GET", "/shipments/B-3004"))["status"] == "waiting"


def test_what_is_marked_is_not_asked_about_again(client: Client, rest: Rest) -> None:
    marked = value(rest("PUT", "/shipments/B-3004/parcel", PARCEL))
    assert client.call("mark_as_shipped", MARK).value == marked
    assert value(rest("PUT", "/shipments/B-3004/parcel", PARCEL)) == marked


@pytest.mark.parametrize("order_id", ["B-3001", "B-3004"])
def test_what_left_in_one_parcel_did_not_leave_in_another(client: Client, rest: Rest, order_id: str) -> None:
    rest("PUT", "/shipments/B-3004/parcel", {"carrier": "ups", "tracking": "1Z999AA10123456784"})
    refused = rest("PUT", f"/shipments/{order_id}/parcel", PARCEL)
    assert refused.status == 409
    reply = client.call("mark_as_shipped", {"order_id": order_id, "parcel": PARCEL})
    detail = json.loads(refused.body)["detail"]
    assert (reply.result["isError"], reply.text) == (True, f"Error executing tool mark_as_shipped: {detail}")


def test_what_has_left_is_no_longer_on_the_shelf(rest: Rest) -> None:
    rest("PUT", "/shipments/B-3005/parcel", PARCEL)
    stock = {shelf["sku"]: shelf for shelf in value(rest("GET", "/stock"))}
    assert (stock["OIL-LN"]["on_hand"], stock["OIL-LN"]["promised"]) == (30, 3)


@pytest.mark.parametrize("parcel", [{"carrier": "owl", "tracking": "JD0146000099"}, {"carrier": "dhl"}])
def test_a_parcel_that_is_none_is_refused(client: Client, rest: Rest, parcel: dict[str, str]) -> None:
    assert rest("PUT", "/shipments/B-3004/parcel", parcel).status == 422
    reply = client.call("mark_as_shipped", {"order_id": "B-3004", "parcel": parcel})
    assert reply.result["isError"] is True


def test_nobody_marks_what_is_not_there(client: Client, rest: Rest) -> None:
    assert rest("PUT", "/shipments/B-9/parcel", PARCEL).status == 404
    # Without a question: there is nothing to agree to.
    assert "B-9" in client.call("mark_as_shipped", {"order_id": "B-9", "parcel": PARCEL}).text


def test_the_journal_can_be_a_file(
    monkeypatch: pytest.MonkeyPatch, modules: dict[str, ModuleType], rest: Rest, tmp_path: Path
) -> None:
    path = tmp_path / "journal.sqlite3"
    monkeypatch.setenv("SHIPPING_JOURNAL", str(path))
    rest("PUT", "/shipments/B-3004/parcel", PARCEL)
    entries = modules["journals"].SqliteJournal(str(path)).entries()
    assert entries["B-3004"].model_dump() == PARCEL


# The guard.


def test_a_key_guards_routes_and_endpoint_alike(
    monkeypatch: pytest.MonkeyPatch, client: Client, rest: Rest
) -> None:
    monkeypatch.setenv("BACKOFFICE_KEY", "open sesame")
    for key in ("", "wrong", "öffne dich"):
        headers = {"x-api-key": key} if key else {}
        assert rest("GET", "/shipments", **headers).status == 401
        assert rest("POST", "/mcp", {}, **headers).status == 401
    assert rest("GET", "/shipments", **{"x-api-key": "open sesame"}).status == 200
    assert client.request("tools/list", headers={"x-api-key": "open sesame"}).status == 200


@pytest.mark.parametrize("path", ["/docs", "/openapi.json"])
def test_a_key_guards_the_pages_about_the_api(monkeypatch: pytest.MonkeyPatch, rest: Rest, path: str) -> None:
    assert rest("GET", path).status == 200
    monkeypatch.setenv("BACKOFFICE_KEY", "open sesame")
    assert rest("GET", path).status == 401
    assert rest("GET", path, **{"x-api-key": "open sesame"}).status == 200
    assert (
        rest("GET", "/redoc", **{"x-api-key": "open sesame"}).status == 404
    )  # FastAPI's own would be public


@pytest.mark.parametrize("key", ["", "open sesame"])
def test_an_issuer_guards_the_endpoint_and_the_key_the_rest(
    monkeypatch: pytest.MonkeyPatch, rest_with_issuer: Rest, key: str
) -> None:
    rest = rest_with_issuer
    monkeypatch.setenv("BACKOFFICE_KEY", key)
    for path in ("shipments", "stock", "docs", "openapi.json"):
        # Without a key, no header is right.
        for headers in ({}, {"x-api-key": ""}, {"x-api-key": "wrong"}):
            assert rest("GET", f"/backoffice/{path}", **headers).status == 401
        allowed = rest("GET", f"/backoffice/{path}", **{"x-api-key": "open sesame"})
        assert allowed.status == (200 if key else 401)
    # The endpoint asks for a token, and says where to get one, whatever key is sent along.
    body = support.message("tools/list")
    for headers in ({}, {"x-api-key": "open sesame"}):
        refused = rest("POST", "/backoffice/mcp", body, **support.headers_of(body), **headers)
        assert refused.status == 401
        assert refused.headers["www-authenticate"] == f'Bearer resource_metadata="{URL}{METADATA}"'


def test_who_issues_tokens_is_public(monkeypatch: pytest.MonkeyPatch, rest_with_issuer: Rest) -> None:
    rest = rest_with_issuer
    monkeypatch.setenv("BACKOFFICE_KEY", "open sesame")
    document = value(rest("GET", METADATA))
    assert document["resource"] == f"{URL}/backoffice/mcp"
    assert document["authorization_servers"] == [ISSUER]
    assert document["scopes_supported"] == ["shipments:ship"]
    assert rest("HEAD", METADATA).status == 200
    # It is no way in.
    body = support.message("tools/list")
    assert rest("POST", METADATA, body, **support.headers_of(body)).status == 405


def test_without_an_issuer_there_is_nothing_to_say_of_it(rest: Rest) -> None:
    reply = rest("GET", "/.well-known/oauth-protected-resource/mcp")
    assert (reply.status, reply.headers["content-type"]) == (404, "application/json")


def test_the_card_is_public_and_asks_for_the_key(
    monkeypatch: pytest.MonkeyPatch, modules: dict[str, ModuleType], rest: Rest
) -> None:
    monkeypatch.setenv("BACKOFFICE_KEY", "open sesame")
    event = support.http_api(None, {}, method="GET", path="/mcp/server-card", domain="api.example.com")
    card = modules["app"].handler(event, None)
    assert card["statusCode"] == 200
    (header,) = json.loads(base64.b64decode(card["body"]))["remotes"][0]["headers"]
    assert (header["name"], header["isSecret"]) == ("X-API-Key", True)
    assert rest("GET", "/mcp/server.json").status == 200
    # The path of a shipment is none of a card, whatever the shipment is called.
    assert rest("GET", "/shipments/server-card").status == 401


# Under uvicorn and behind the gateway.


@on_loop
async def test_under_uvicorn(modules: dict[str, ModuleType]) -> None:
    async with uvicorn_of(modules["app"].app) as url, http() as plain:
        listed = (await plain.get(f"{url}/shipments")).json()
        called = await post(plain, f"{url}/mcp", support.message("tools/call", {"name": "list_shipments"}))
        assert called.json()["result"]["structuredContent"] == {"result": listed}
        assert (await plain.get(f"{url}/docs")).status_code == 200

        questions: list[str] = []

        async def agree(context: Any, params: ElicitRequestParams) -> ElicitResult:
            questions.append(params.message)
            return ElicitResult(action="accept", content={"shipped": True})

        async with OfficialClient(f"{url}/mcp", elicitation_callback=agree) as official:
            marked = await official.call_tool("mark_as_shipped", MARK)
            assert marked.structured_content is not None
            assert marked.structured_content["parcel"] == PARCEL
        assert questions == ["Did order B-3004 leave with dhl, JD0146000099?"]
        assert (await plain.get(f"{url}/shipments/B-3004")).json() == marked.structured_content


@contextmanager
def gateway(tmp_path: Path) -> Iterator[str]:
    """`lambent dev` with two environments; gives the URL of its root."""
    command = [sys.executable, "-m", "lambent.cli", "dev", str(FOLDER / "app.py"), "--port", "0"]
    options = ["--environments", "2", "--no-reload", "--quiet"]
    variables = {
        "LAMBENT_STATE_KEYS": support.SECRET,
        "SHIPPING_JOURNAL": str(tmp_path / "journal.sqlite3"),
        "BACKOFFICE_KEY": "",
    }
    with subprocess.Popen(
        [*command, *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **variables},
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stderr is not None
            words = process.stdout.readline().split()
            assert words[:1] == ["Serving"], process.stderr.read()
            parts = urlsplit(words[1])
            yield f"{parts.scheme}://{parts.netloc}"
        finally:
            process.terminate()
            process.communicate(timeout=SECONDS)


def test_behind_the_gateway_as_two_environments(tmp_path: Path) -> None:
    with gateway(tmp_path) as url, httpx.Client(base_url=url, timeout=SECONDS, trust_env=False) as client:

        def call(number: int, **also: Any) -> Any:
            asked = {"name": "mark_as_shipped", "arguments": MARK, **also}
            message = support.message(
                "tools/call", asked, request_id=number, capabilities={"elicitation": {}}
            )
            response = client.post(
                "/mcp", content=support.dumps(message), headers=support.headers_of(message)
            )
            assert response.status_code == 200, response.text
            return response.json()["result"]

        # No two requests in a row meet the same environment.
        question = call(1)
        assert list(question["inputRequests"]) == ["agree"]
        marked = call(2, inputResponses=yes(), requestState=question["requestState"])["structuredContent"]
        assert marked["parcel"] == PARCEL
        for _ in range(2):
            assert client.get("/shipments/B-3004").json() == marked
        assert client.get("/shipments/B-9").status_code == 404
        assert client.get("/docs").status_code == 200


def test_all_of_it_moves_below_a_path(
    monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    """Where other functions share its API."""
    monkeypatch.setenv("BACKOFFICE_ROOT", "/backoffice")
    rest = request.getfixturevalue("rest")
    assert rest("GET", "/backoffice/shipments").status == 200
    assert rest("GET", "/shipments").status == 404
    assert b"'/backoffice/openapi.json'" in rest("GET", "/backoffice/docs").body
    body = support.message("tools/list")
    reply = rest("POST", "/backoffice/mcp", body, **support.headers_of(body))
    assert "list_shipments" in [tool["name"] for tool in reply.result["tools"]]
