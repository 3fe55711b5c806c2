"""Any event that a platform could make of an HTTP request."""

import base64
import copy
import itertools
import json
from typing import Any

import pytest
from fuzz.events import KINDS, Http
from hypothesis import given
from hypothesis import strategies as st
from tests.hostile.client import GOOD_BODY, GOOD_HEADERS, CheckedClient, hostile
from tests.hostile.strategies import HEADERS, KIND, mutated

from lambent.hosts.aws_lambda.events import UnknownEventError

# Platforms always send these; everything else has been seen missing, empty or null.
ALWAYS = {"requestContext", "headers", "multiValueHeaders", "httpMethod", "body", "isBase64Encoded"}
NEEDED_OF_CONTEXT = {"http", "elb"}
QUERIES = ["", "a=1&b=2", "%", "%ff", "a=%00&a", "&&==&", "x" * 3000, "\u00e9", "a=" + "%" * 500]
STAGES = ["$default", "prod", "", "v1", "\u00e9", "a/b", "%2f", "x" * 300]
PATHS = ["/mcp", "/", "", "//", "/mcp/", "/%2e%2e/", "/\u00e9", "/" + "a" * 3000, "/mcp?x", "*"]


@hostile
@given(mutated(), HEADERS, st.booleans())
def test_every_platform_brings_the_same_answer(
    client: CheckedClient, message: Any, headers: Any, encoded: bool
) -> None:
    """But for what load balancers do with repeated headers: so each name comes once here."""
    distinct = {name.lower(): (name, value) for name, value in [*GOOD_HEADERS, *headers]}
    text = json.dumps(message)
    http = Http(headers=list(distinct.values()), body=text.encode() if encoded else text)
    answers = [client.http(http, kind) for kind in KINDS]
    shown = [(answer.status, answer.outcome, answer.error) for answer in answers]
    if answers[0].status != 200:
        assert all(one == shown[0] for one in shown)


@hostile
@given(KIND, st.data())
def test_what_is_optional_may_be_missing(client: CheckedClient, kind: str, data: st.DataObject) -> None:
    event = KINDS[kind](Http(headers=GOOD_HEADERS, body=GOOD_BODY, query="q"))
    for key in sorted(event.keys() - ALWAYS):
        what = data.draw(st.sampled_from(["keep", "delete", "null"]), label=key)
        if what == "delete":
            del event[key]
        elif what == "null":
            event[key] = None
    context = event["requestContext"]
    for key in sorted(context.keys() - NEEDED_OF_CONTEXT):
        what = data.draw(st.sampled_from(["keep", "delete", "null"]), label=key)
        if what == "delete":
            del context[key]
        elif what == "null":
            context[key] = None
    assert client.event(event).outcome == "complete"


@pytest.mark.parametrize("kind", sorted(KINDS))
@pytest.mark.parametrize("stage", STAGES)
def test_stages_and_queries(client: CheckedClient, kind: str, stage: str) -> None:
    for path, query in itertools.product(PATHS, QUERIES):
        http = Http(headers=GOOD_HEADERS, body=GOOD_BODY, stage=stage, path=path, query=query)
        assert client.http(http, kind).outcome == "complete"


@pytest.mark.parametrize("method", ["POST", "GET", "OPTIONS"])
def test_a_rest_api_without_headers(client: CheckedClient, method: str) -> None:
    """As the console's test button sends it."""
    event = KINDS["rest"](Http(method, body=None))
    assert event["headers"] is None
    assert event["body"] is None
    assert client.event(event).status == {"POST": 415, "GET": 405, "OPTIONS": 204}[method]


@pytest.mark.parametrize("missing", ["headers", "multiValueHeaders"])
@pytest.mark.parametrize("null", [True, False])
def test_a_rest_api_with_one_kind_of_headers(client: CheckedClient, missing: str, null: bool) -> None:
    event = KINDS["rest"](Http(headers=GOOD_HEADERS, body=GOOD_BODY))
    if null:
        event[missing] = None
    else:
        del event[missing]
    assert client.event(event).outcome == "complete"


def test_a_rest_api_with_repeated_headers_that_disagree(client: CheckedClient) -> None:
    """The last value alone looks right; both together do not."""
    event = KINDS["rest"](Http(headers=[("Mcp-Name", "add"), *GOOD_HEADERS], body=GOOD_BODY))
    assert event["headers"]["Mcp-Name"] == "echo"
    assert client.event(event).outcome == "-32020"


@pytest.mark.parametrize(
    "values", [None, [], [""], ["application/json"] * 2, ["application/json", "text/html"]]
)
@pytest.mark.parametrize("kind", ["rest", "alb multi"])
def test_lists_of_header_values(client: CheckedClient, kind: str, values: list[str] | None) -> None:
    event = KINDS[kind](Http(headers=GOOD_HEADERS, body=GOOD_BODY))
    name = "Content-Type" if kind == "rest" else "content-type"
    event["multiValueHeaders"][name] = values
    assert client.event(event).status == 415


@pytest.mark.parametrize("kind", sorted(KINDS))
@pytest.mark.parametrize("body", [None, "", "missing"])
@pytest.mark.parametrize("encoded", [True, False])
def test_no_body(client: CheckedClient, kind: str, body: str | None, encoded: bool) -> None:
    event = KINDS[kind](Http(headers=GOOD_HEADERS, body="x"))
    event["isBase64Encoded"] = encoded
    if body == "missing":
        del event["body"]
    else:
        event["body"] = body
    answer = client.event(event)
    assert (answer.status, answer.outcome) == (400, "-32700")


@pytest.mark.parametrize("kind", sorted(KINDS))
@pytest.mark.parametrize("flag", [True, False, None, "missing"])
def test_the_base64_flag(client: CheckedClient, kind: str, flag: Any) -> None:
    for encoded in (True, False):
        event = KINDS[kind](Http(headers=GOOD_HEADERS, body=GOOD_BODY.encode() if encoded else GOOD_BODY))
        if flag == "missing":
            del event["isBase64Encoded"]
        else:
            event["isBase64Encoded"] = flag
        fits = encoded == (flag is True)
        assert client.event(event).status == (200 if fits else 400)


@hostile
@given(KIND, st.text("ABab01+/=-_ \n\r\t\u00e9", max_size=40))
def test_base64_of_any_spelling(client: CheckedClient, kind: str, body: str) -> None:
    event = KINDS[kind](Http(headers=GOOD_HEADERS, body=b""))
    event.update(body=body, isBase64Encoded=True)
    assert client.event(event).status == 400


@pytest.mark.parametrize("spelling", ["{}\n", "\n{}", " {}", "{}!", "={}"])
def test_base64_is_read_strictly(client: CheckedClient, spelling: str) -> None:
    body = spelling.format(base64.b64encode(GOOD_BODY.encode()).decode())
    event = KINDS["http api"](Http(headers=GOOD_HEADERS))
    event.update(body=body, isBase64Encoded=True)
    assert client.event(event).status == 400


@pytest.mark.parametrize("kind", ["alb", "alb multi"])
def test_health_checks(client: CheckedClient, kind: str) -> None:
    answer = client.http(
        Http("GET", headers=[("user-agent", "ELB-HealthChecker/2.0")], body="", path="/"), kind
    )
    assert answer.status == 405


@pytest.mark.parametrize("cookies", [[], ["a=b"], ["a=b; c", "d"], ["\u00e9=\u00e9"] * 40])
@pytest.mark.parametrize("kind", ["http api", "function url"])
def test_cookies(client: CheckedClient, kind: str, cookies: list[str]) -> None:
    assert (
        client.http(Http(headers=GOOD_HEADERS, body=GOOD_BODY, cookies=cookies), kind).outcome == "complete"
    )


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_events_are_left_as_they_were(client: CheckedClient, kind: str) -> None:
    event = KINDS[kind](Http(headers=[*GOOD_HEADERS, ("Origin", "http://localhost")], body=GOOD_BODY))
    before = copy.deepcopy(event)
    client.event(event)
    assert event == before


class _UnknownContext:
    """A context object that is not what Lambda passes."""

    aws_request_id = None


@pytest.mark.parametrize("context", [None, {}, object(), _UnknownContext(), 1])
def test_any_context_object(client: CheckedClient, context: Any) -> None:
    event = KINDS["http api"](Http(headers=GOOD_HEADERS, body=GOOD_BODY))
    assert client.event(event, context).outcome == "complete"


@pytest.mark.parametrize(
    "event",
    [
        {},
        {"Records": []},
        {"source": "aws.events", "detail-type": "Scheduled Event"},
        {"requestContext": {}},
        {"requestContext": None},
        {"requestContext": {"connectionId": "x", "eventType": "MESSAGE"}, "body": "x"},
        {"version": "2.0", "rawPath": "/mcp"},
    ],
)
def test_other_events_are_the_operators_mistake(client: CheckedClient, event: dict[str, Any]) -> None:
    """No client can send these, so there is no response; the exception describes the event."""
    with pytest.raises(UnknownEventError):
        client.target.handler(event, None)
