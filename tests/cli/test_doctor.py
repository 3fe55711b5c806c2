"""`lambent doctor`, against servers that have what it looks for."""

import hashlib
import json
from dataclasses import dataclass

import pytest
from tests.cli.servers import free_port, lambent_app, scripted, served

from lambent import ApiKey, ApiKeys, MCPServer, ProtocolError
from lambent.cli import main
from lambent.cli.client.checks import check_address, check_preflight, check_status, check_times
from lambent.cli.client.probe import Reply
from lambent.cli.gateway.background import Gateway

pytest.importorskip("uvicorn")


def doctor(capsys, *arguments):
    """The exit status, and the findings by subject, as level and text."""
    status = main(["doctor", *arguments, "--json"])
    findings = json.loads(capsys.readouterr().out)
    return status, {one["subject"]: (one["level"], one["text"], one["advice"]) for one in findings}


def test_a_server_that_is_as_it_should_be(capsys):
    with lambent_app() as url:
        status, found = doctor(capsys, url)
    assert status == 0
    assert {subject: level for subject, (level, _, _) in found.items()} == {
        "reachable": "ok",
        "cold start": "ok",
        "callers": "note",
        "versions": "ok",
        "CORS": "ok",
        "card": "note",
    }
    assert found["versions"][1] == "2026-07-28, 2025-11-25, 2025-06-18, 2025-03-26, 2024-11-05"


def test_findings_are_lines_with_advice(capsys):
    with lambent_app() as url:
        assert main(["doctor", url, "--origin", "https://app.example.com"]) == 1
    shown = capsys.readouterr().out
    assert "ok     reachable: answers 200\n" in shown
    assert "wrong  CORS: pages of https://app.example.com may not call: the preflight is refused\n" in shown
    assert "       Set LAMBENT_ALLOWED_ORIGINS" in shown


def test_a_card_of_another_url(capsys):
    with lambent_app(public_url="https://elsewhere.example.com") as url:
        status, found = doctor(capsys, url)
    assert status == 1
    assert found["card"][:2] == ("wrong", "the card names https://elsewhere.example.com/mcp")


def test_a_server_that_is_not_there(capsys):
    with scripted({}) as (root, _):
        pass
    status, found = doctor(capsys, f"{root}/mcp")
    assert (status, list(found)) == (1, ["reachable"])
    assert "cannot be reached" in found["reachable"][1]


def test_a_server_without_tls(capsys):
    with scripted({}) as (root, _):
        status, found = doctor(capsys, f"{root}/mcp".replace("http:", "https:"))
    assert (status, found["TLS"][0]) == (1, "wrong")


def refusing(root, challenge, metadata=None, at="/.well-known/oauth-protected-resource/mcp"):
    answers = {("POST", "/mcp"): (401, challenge, b'{"jsonrpc":"2.0","error":{"code":-1,"message":"no"}}')}
    if metadata is not None:
        answers["GET", at] = (200, {"content-type": "application/json"}, json.dumps(metadata).encode())
    return answers


ISSUERS = {"authorization_servers": ["https://login.example.com"]}


@pytest.mark.parametrize(
    ("header", "challenge_level"),
    [("www-authenticate", "ok"), ("x-amzn-remapped-www-authenticate", "note"), ("x-other", "wrong")],
)
def test_challenges(capsys, header, challenge_level):
    answers = {}
    with scripted(answers) as (root, _):
        url = f"{root}/mcp"
        location = f"{root}/.well-known/oauth-protected-resource/mcp"
        challenge = {header: f'Bearer resource_metadata="{location}"'}
        answers.update(refusing(root, challenge, {"resource": url, **ISSUERS}))
        status, found = doctor(capsys, url)
    assert status == (1 if challenge_level == "wrong" else 0)
    assert found["challenge"][0] == challenge_level
    assert found["metadata"][:2] == ("ok", "tokens are issued by https://login.example.com")
    assert found["versions"] == ("note", "not looked at: a token is needed", "Give one with --token.")


@pytest.mark.parametrize(
    ("metadata", "text"),
    [
        (None, "there is no resource metadata at {root}/.well-known/oauth-protected-resource/mcp"),
        ({"resource": "https://other/mcp", **ISSUERS}, "`resource` is https://other/mcp, and not the URL"),
        ({"resource": "{url}", "authorization_servers": []}, "it names no issuer"),
    ],
)
def test_metadata_that_clients_cannot_use(capsys, metadata, text):
    answers = {}
    with scripted(answers) as (root, _):
        url = f"{root}/mcp"
        if metadata is not None and metadata["resource"] == "{url}":
            metadata = {**metadata, "resource": url}
        answers.update(refusing(root, {"www-authenticate": "Bearer"}, metadata))
        status, found = doctor(capsys, url)
    assert (status, found["metadata"][:2]) == (1, ("wrong", text.format(root=root)))


GUARDED = """
from lambent import MCPServer, OAuth

mcp = MCPServer("guarded", auth=OAuth(issuer="https://login.example.com", audience="tools"))
handler = mcp.lambda_handler()
"""


@pytest.mark.parametrize(
    ("kind", "level"), [("alb", "ok"), ("http-api", "note"), ("function-url", "note"), ("rest", "note")]
)
def test_a_guarded_server_behind_each_front_end(capsys, tmp_path, kind, level):
    """The local gateway renames the challenge as AWS does."""
    app = tmp_path / "guarded.py"
    app.write_text(GUARDED)
    port = free_port()
    public = {"LAMBENT_PUBLIC_URL": f"http://127.0.0.1:{port}"}
    with Gateway(app, kind=kind, port=port, env=public, log=tmp_path / "log") as gateway:
        status, found = doctor(capsys, gateway.url)
    assert (status, found["challenge"][0]) == (0, level)
    assert found["metadata"][:2] == ("ok", "tokens are issued by https://login.example.com")


def test_metadata_behind_a_stage_and_a_challenge_that_was_renamed(capsys):
    answers = {}
    with scripted(answers) as (root, _):
        url, at = f"{root}/mcp", "/Prod/.well-known/oauth-protected-resource/mcp"
        challenge = {"x-amzn-remapped-www-authenticate": f'Bearer resource_metadata="{root}{at}"'}
        answers.update(refusing(root, challenge, {"resource": url, **ISSUERS}, at))
        status, found = doctor(capsys, url)
    assert (status, found["stage"][0]) == (1, "wrong")
    assert found["stage"][2].startswith("Use a custom domain")


def test_a_token_that_is_refused(capsys):
    answers = {}
    with scripted(answers) as (root, seen):
        url = f"{root}/mcp"
        answers.update(refusing(root, {"www-authenticate": "Bearer"}, {"resource": url, **ISSUERS}))
        status, found = doctor(capsys, url, "--token", "t0ken")
    assert (status, found["token"][0]) == (1, "wrong")
    sent = [headers["authorization"] for _, _, headers, _ in seen if "authorization" in headers]
    assert sent == ["Bearer t0ken"]
    assert "t0ken" not in str(found)


API = "https://abc123.execute-api.eu-west-1.amazonaws.com/mcp"


@pytest.mark.parametrize(
    ("url", "status", "subject"),
    [
        (API, 403, "stage"),
        (API, 404, "stage"),
        ("https://mcp.example.com/mcp", 403, "reachable"),
        ("https://mcp.example.com/mcp", 301, "redirect"),
        ("https://mcp.example.com/mcp", 502, "reachable"),
    ],
)
def test_what_answers_in_the_place_of_the_server(url, status, subject):
    (found,) = check_status(url, Reply(status, {}, b'{"message":"Forbidden"}', 0.1))
    assert (found.level, found.subject) == ("wrong", subject)
    assert found.advice


@pytest.mark.parametrize(
    ("url", "levels"),
    [
        ("https://mcp.example.com/mcp", []),
        ("http://localhost:8080/mcp", []),
        ("http://mcp.example.com/mcp", ["wrong"]),
        ("https://mcp.example.com/mcp?x=1", ["wrong"]),
        ("https://mcp.example.com/mcp/", ["note"]),
    ],
)
def test_addresses(url, levels):
    assert [finding.level for finding in check_address(url)] == levels


@pytest.mark.parametrize(
    ("first", "second", "level"), [(6.0, 0.1, "note"), (1.0, 0.1, "ok"), (0.1, 0.1, "ok")]
)
def test_cold_starts(first, second, level):
    (found,) = check_times(first, second)
    assert (found.level, found.subject) == (level, "cold start")


@pytest.mark.parametrize(
    ("allowed", "text"),
    [
        ("*", "the preflight does not allow authorization"),
        ("content-type", "the preflight does not allow authorization, mcp-protocol-version, mcp-method"),
    ],
)
def test_preflights_of_gateways(allowed, text):
    headers = {"access-control-allow-origin": "*", "access-control-allow-headers": allowed}
    (found,) = check_preflight(Reply(200, headers, b"", 0.1), "https://a.example", is_asked=True)
    assert (found.level, found.text) == ("wrong", f"pages of https://a.example may not call: {text}")


def test_a_template(capsys, tmp_path):
    template = tmp_path / "template.yaml"
    template.write_text("""
Resources:
  Shop:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: python3.13
      FunctionUrlConfig: {AuthType: NONE, InvokeMode: RESPONSE_STREAM}
""")
    status, found = doctor(capsys, str(template))
    assert (status, found["Shop"][0]) == (1, "wrong")
    template.write_text(template.read_text().replace("RESPONSE_STREAM", "BUFFERED"))
    assert main(["doctor", str(template)]) == 0
    shown = capsys.readouterr().out
    assert shown == "ok     streams: no function streams, and no front end waits for a stream\n"
    assert main(["doctor", str(tmp_path / "other.yml")]) == 1
    assert "cannot read" in capsys.readouterr().err


def test_an_app_is_no_url(capsys):
    assert main(["doctor", "app.py"]) == 2
    assert capsys.readouterr().err.startswith("lambent doctor: app.py is no URL")


@dataclass
class Refund:
    cents: int


def with_events(*, auth=(), middleware=()):
    mcp = MCPServer("shop", auth=auth, middleware=middleware)

    @mcp.event("order.refunded", payload=Refund, delivery=["poll", "webhook"])
    def order_refunded() -> None:
        """A refund was paid out."""

    return mcp.asgi()


def test_events_that_are_delivered_to_endpoints(capsys):
    keys = ApiKeys({"ann": ApiKey(hash=hashlib.sha256(b"key").hexdigest(), subject="ann")})
    with served(with_events(auth=keys)) as url:
        _, found = doctor(capsys, url, "--header", "X-API-Key: key")
    assert found["events"] == ("ok", "event types: 1, by poll, webhook", "")


def test_events_for_callers_that_are_not_identified(capsys):
    with served(with_events()) as url:
        status, found = doctor(capsys, url)
        _, of_somebody = doctor(capsys, url, "--token", "any")
    assert status == 0
    level, text, advice = found["events"]
    assert (level, text) == ("note", "event types: 1, by poll: applications such as ChatGPT want webhooks")
    assert advice.startswith("Only callers that are identified may subscribe. See docs/webhooks.md")
    assert of_somebody["events"][2].startswith("See docs/webhooks.md")


def test_events_that_are_not_listed(capsys):
    def refuse(call, execute):
        if call.method == "events/list":
            raise ProtocolError("Forbidden")
        return execute(call)

    with served(with_events(middleware=[refuse])) as url:
        status, found = doctor(capsys, url)
    assert (status, found["events"][:2]) == (0, ("note", "events/list is answered by: Forbidden"))
