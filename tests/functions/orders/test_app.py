"""The orders server as a client meets it."""

import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from tests.events.source_events import eventbridge_event

Send = Callable[..., Any]
CAN_BE_ASKED: dict[str, Any] = {"elicitation": {}}
REFUND = {"name": "refund_order", "arguments": {"order_id": "ORD-1005"}}


def answered(**content: Any) -> dict[str, Any]:
    return {"confirmation": {"action": "accept", "content": content}}


# Tools.


def test_the_tools_say_what_they_do(ask: Send) -> None:
    tools = {tool["name"]: tool for tool in ask("tools/list").result["tools"]}
    assert list(tools) == ["lookup_order", "search_orders", "refund_order"]
    assert all(tool["description"] and tool["title"] and tool["outputSchema"] for tool in tools.values())
    assert tools["lookup_order"]["annotations"]["readOnlyHint"] is True
    assert tools["refund_order"]["annotations"]["destructiveHint"] is True
    assert tools["refund_order"]["annotations"]["idempotentHint"] is True
    assert tools["refund_order"]["icons"][0]["mimeType"] == "image/svg+xml"
    assert list(tools["refund_order"]["inputSchema"]["properties"]) == ["order_id"]


def test_the_region_is_a_header_parameter(ask: Send) -> None:
    (search,) = [tool for tool in ask("tools/list").result["tools"] if tool["name"] == "search_orders"]
    region = search["inputSchema"]["properties"]["region"]
    assert (region["type"], region["x-mcp-header"]) == ("string", "Region")
    assert not search["inputSchema"].get("required")


def test_lookup_gives_the_whole_order(call: Send) -> None:
    order = call("lookup_order", order_id="ORD-1034").value
    assert (order["id"], order["customer"], order["status"]) == ("ORD-1034", "Ruby Mitchell", "delivered")
    assert order["total_cents"] == 2410
    assert order["lines"][0].keys() == {"sku", "title", "quantity", "unit_price_cents", "final_sale"}


def test_lookup_also_answers_in_text(call: Send) -> None:
    result = call("lookup_order", order_id="ORD-1034").result
    assert json.loads(result["content"][0]["text"]) == result["structuredContent"]


def test_lookup_of_an_unknown_order_says_where_to_find_it(call: Send) -> None:
    complaint = call("lookup_order", order_id="4711").complaint
    assert "'4711'" in complaint
    assert "search_orders" in complaint


def test_search_finds_by_every_filter(call: Send) -> None:
    page = call("search_orders", customer="hannah", status="delivered", region="us").value
    assert [order["id"] for order in page["orders"]] == ["ORD-1021", "ORD-1012", "ORD-1007"]
    assert (page["total"], page["next_cursor"]) == (3, None)


def test_search_finds_nothing(call: Send) -> None:
    assert call("search_orders", customer="nobody").value == {"total": 0, "orders": [], "next_cursor": None}


def test_search_pages_through_everything_once(call: Send) -> None:
    seen, cursor = [], None
    for _ in range(7):
        page = call("search_orders", limit=10, **({"cursor": cursor} if cursor else {})).value
        seen += [order["id"] for order in page["orders"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert cursor is None
    assert sorted(seen) == [f"ORD-{number}" for number in range(1001, 1061)]


def test_a_full_last_page_has_no_next(call: Send) -> None:
    assert call("search_orders", status="cancelled", limit=4).value["next_cursor"] is None


def test_a_cursor_of_another_search_is_explained(call: Send) -> None:
    cursor = call("search_orders", limit=1).value["next_cursor"]
    complaint = call("search_orders", limit=1, status="paid", cursor=cursor).complaint
    assert "Keep the filters" in complaint


@pytest.mark.parametrize(
    "arguments", [{"limit": 0}, {"limit": 51}, {"limit": "ten"}, {"status": "lost"}, {"region": "mars"}]
)
def test_arguments_out_of_bounds_are_refused(call: Send, arguments: dict[str, Any]) -> None:
    (name,) = arguments
    assert name in call("search_orders", **arguments).complaint


def test_the_region_header_has_to_match(ask: Send) -> None:
    headers = {"mcp-param-region": "us"}
    answer = ask("tools/call", headers=headers, name="search_orders", arguments={"region": "eu"})
    assert (answer.status, answer.error["code"]) == (400, -32020)


# The refund.


def test_a_refund_asks_first(ask: Send) -> None:
    result = ask("tools/call", capabilities=CAN_BE_ASKED, **REFUND).result
    assert result["resultType"] == "input_required"
    question = result["inputRequests"]["confirmation"]
    assert question["method"] == "elicitation/create"
    assert question["params"]["message"] == "Refund 1452.30 USD of order ORD-1005 to Luis Herrera?"
    schema = question["params"]["requestedSchema"]
    assert schema["required"] == ["confirm"]
    assert {name: field["type"] for name, field in schema["properties"].items()} == {
        "confirm": "boolean",
        "reason": "string",
    }


def test_a_refund_is_finished_by_another_environment(ask_elsewhere: Send) -> None:
    first = ask_elsewhere("tools/call", capabilities=CAN_BE_ASKED, **REFUND).result
    outcome = ask_elsewhere(
        "tools/call",
        capabilities=CAN_BE_ASKED,
        **REFUND,
        inputResponses=answered(confirm=True, reason="It leaks."),
        requestState=first["requestState"],
    ).value
    assert outcome["refunded"] is True
    assert outcome["message"] == "1452.30 USD are on their way back to Luis Herrera."
    receipt = outcome["receipt"]
    assert (receipt["id"], receipt["amount_cents"], receipt["reason"]) == ("RF-1005", 145230, "It leaks.")


def confirm(ask: Send, answers: dict[str, Any]) -> Any:
    """Both rounds of a refund; what the second came to."""
    first = ask("tools/call", capabilities=CAN_BE_ASKED, **REFUND).result
    return ask(
        "tools/call",
        capabilities=CAN_BE_ASKED,
        **REFUND,
        inputResponses=answers,
        requestState=first["requestState"],
    )


def test_a_refund_is_paid_once(ask: Send) -> None:
    first = confirm(ask, answered(confirm=True)).value
    again = ask("tools/call", capabilities=CAN_BE_ASKED, **REFUND).value
    assert first["receipt"]["reason"] == "not given"
    assert again["receipt"] == first["receipt"]


def test_a_retry_delivered_twice_is_paid_once(ask: Send) -> None:
    first = ask("tools/call", capabilities=CAN_BE_ASKED, **REFUND).result
    retry = {**REFUND, "inputResponses": answered(confirm=True), "requestState": first["requestState"]}
    receipts = [ask("tools/call", capabilities=CAN_BE_ASKED, **retry).value["receipt"] for _ in range(2)]
    assert receipts[0] == receipts[1]


@pytest.mark.parametrize(
    ("answers", "says"),
    [
        (answered(confirm=False), "does not want"),
        ({"confirmation": {"action": "decline"}}, "does not want"),
        ({"confirmation": {"action": "cancel"}}, "dismissed"),
    ],
)
def test_nothing_is_refunded_without_a_yes(ask: Send, answers: dict[str, Any], says: str) -> None:
    outcome = confirm(ask, answers).value
    assert (outcome["refunded"], outcome["receipt"]) == (False, None)
    assert says in outcome["message"]
    assert ask("tools/call", capabilities=CAN_BE_ASKED, **REFUND).result["resultType"] == "input_required"


@pytest.mark.parametrize(
    ("order_id", "says"),
    [("ORD-1001", "try again after it"), ("ORD-1007", "orders://policy"), ("ORD-9", "search_orders")],
)
def test_what_cannot_be_refunded_is_refused_without_a_question(ask: Send, order_id: str, says: str) -> None:
    answer = ask(
        "tools/call", capabilities=CAN_BE_ASKED, name="refund_order", arguments={"order_id": order_id}
    )
    assert says in answer.complaint


def test_a_client_that_cannot_be_asked_is_told(call: Send) -> None:
    answer = call("refund_order", order_id="ORD-1005")
    assert (answer.status, answer.error["code"]) == (400, -32021)
    assert answer.error["data"]["requiredCapabilities"].keys() == {"elicitation"}


def test_the_ledger_can_be_a_file(
    monkeypatch: pytest.MonkeyPatch, ask: Send, function: dict[str, ModuleType], tmp_path: Path
) -> None:
    path = tmp_path / "refunds.sqlite3"
    monkeypatch.setenv("REFUND_LEDGER", str(path))
    receipt = confirm(ask, answered(confirm=True)).value["receipt"]
    assert function["ledgers"].SqliteLedger(str(path)).find("ORD-1005").id == receipt["id"]


# Events.


def poll(ask: Send, cursor: str | None, **arguments: Any) -> Any:
    return ask("events/poll", name="order.refunded", cursor=cursor, arguments=arguments).result


def paid_back(number: int, cents: int = 5000, currency: str = "EUR") -> dict[str, Any]:
    """What the payment provider puts on the bus."""
    refund = {"id": f"RF-{number}", "order_id": f"ORD-{number}", "amount_cents": cents, "currency": currency}
    detail = {**refund, "reason": "It leaks.", "refunded_at": "2026-08-01T12:00:00Z"}
    return eventbridge_event(detail, source="shop.payments")


def test_the_event_says_what_it_is(ask: Send) -> None:
    (event,) = ask("events/list").result["events"]
    assert (event["name"], event["description"]) == ("order.refunded", "Money went back to a customer.")
    assert set(event["inputSchema"]["properties"]) == {"least_cents", "currency"}
    assert set(event["payloadSchema"]["required"]) == {
        *("id", "order_id", "amount_cents", "currency", "reason", "refunded_at"),
    }


def test_a_refund_of_the_tool_is_an_event(ask: Send) -> None:
    begin = poll(ask, None)["cursor"]
    receipt = confirm(ask, answered(confirm=True)).value["receipt"]
    (found,) = poll(ask, begin)["events"]
    assert (found["eventId"], found["data"]) == ("RF-1005", receipt)
    assert datetime.fromisoformat(found["timestamp"]) == datetime.fromisoformat(receipt["refunded_at"])


def test_a_refund_of_the_bus_is_an_event(ask: Send, function: dict[str, ModuleType]) -> None:
    begin = poll(ask, None)["cursor"]
    function["app"].handler(paid_back(7001), SimpleNamespace())
    (found,) = poll(ask, begin)["events"]
    assert (found["eventId"], found["timestamp"]) == ("RF-7001", "2026-08-01T12:00:00.000Z")
    assert found["data"]["order_id"] == "ORD-7001"


def test_the_bus_and_the_tool_tell_of_one_refund(ask: Send, function: dict[str, ModuleType]) -> None:
    begin = poll(ask, None)["cursor"]
    confirm(ask, answered(confirm=True))
    for _ in range(2):
        function["app"].handler(paid_back(1005), SimpleNamespace())
    assert [one["eventId"] for one in poll(ask, begin)["events"]] == ["RF-1005"]


@pytest.mark.parametrize(
    ("arguments", "ids"),
    [
        ({}, ["RF-1", "RF-2", "RF-3"]),
        ({"least_cents": 5000}, ["RF-2", "RF-3"]),
        ({"currency": "EUR"}, ["RF-1", "RF-2"]),
        ({"least_cents": 5000, "currency": "EUR"}, ["RF-2"]),
    ],
)
def test_a_filter_leaves_out_refunds(
    ask: Send, function: dict[str, ModuleType], arguments: dict[str, Any], ids: list[str]
) -> None:
    begin = poll(ask, None, **arguments)["cursor"]
    for event in (paid_back(1, 4999), paid_back(2), paid_back(3, currency="USD")):
        function["app"].handler(event, SimpleNamespace())
    assert [one["eventId"] for one in poll(ask, begin, **arguments)["events"]] == ids


def test_other_events_of_the_bus_are_not_taken(function: dict[str, ModuleType]) -> None:
    rumour = {**paid_back(7002), "source": "shop.rumours"}
    with pytest.raises(Exception, match="rumours"):
        function["app"].handler(rumour, SimpleNamespace())


# Resources.


def test_the_policy_is_listed(ask: Send) -> None:
    (policy,) = ask("resources/list").result["resources"]
    assert (policy["uri"], policy["mimeType"]) == ("orders://policy", "text/markdown")
    assert policy["annotations"]["audience"] == ["user", "assistant"]


def test_the_policy_is_markdown_that_everybody_may_keep(ask: Send) -> None:
    result = ask("resources/read", uri="orders://policy").result
    assert result["contents"][0]["text"].startswith("# Refund policy")
    assert result["contents"][0]["mimeType"] == "text/markdown"
    assert (result["ttlMs"], result["cacheScope"]) == (3_600_000, "public")


def test_the_template_is_listed(ask: Send) -> None:
    (template,) = ask("resources/templates/list").result["resourceTemplates"]
    assert (template["uriTemplate"], template["mimeType"]) == ("orders://{order_id}", "application/json")


def test_an_order_is_a_resource_that_nobody_else_may_keep(ask: Send, call: Send) -> None:
    result = ask("resources/read", uri="orders://ORD-1034").result
    (content,) = result["contents"]
    assert (content["uri"], content["mimeType"]) == ("orders://ORD-1034", "application/json")
    assert json.loads(content["text"]) == call("lookup_order", order_id="ORD-1034").value
    assert (result["ttlMs"], result["cacheScope"]) == (0, "private")


def test_an_unknown_order_is_no_resource(ask: Send) -> None:
    answer = ask("resources/read", uri="orders://ORD-9")
    assert answer.error["code"] == -32602
    assert answer.error["data"]["uri"] == "orders://ORD-9"


# The prompt and completion.


def test_the_prompt_says_what_it_needs(ask: Send) -> None:
    (prompt,) = ask("prompts/list").result["prompts"]
    required = {argument["name"]: argument.get("required", False) for argument in prompt["arguments"]}
    assert required == {"order_id": True, "tone": False}


@pytest.mark.parametrize(("arguments", "tone"), [({}, "polite"), ({"tone": "firm"}, "firm")])
def test_the_prompt_tells_of_the_order(ask: Send, arguments: dict[str, str], tone: str) -> None:
    result = ask("prompts/get", name="complaint", arguments={"order_id": "ORD-1034", **arguments}).result
    (message,) = result["messages"]
    assert message["role"] == "user"
    assert "Ruby Mitchell complains about order ORD-1034" in message["content"]["text"]
    assert f"in a {tone} tone" in message["content"]["text"]


@pytest.mark.parametrize("arguments", [{}, {"order_id": "ORD-1034", "tone": "rude"}, {"order_id": "ORD-9"}])
def test_a_prompt_needs_good_arguments(ask: Send, arguments: dict[str, str]) -> None:
    answer = ask("prompts/get", name="complaint", arguments=arguments)
    assert answer.error["code"] == -32602


def completions(ask: Send, ref: dict[str, str], name: str, value: str) -> Any:
    return ask("completion/complete", ref=ref, argument={"name": name, "value": value}).result["completion"]


@pytest.mark.parametrize(
    "ref",
    [{"type": "ref/prompt", "name": "complaint"}, {"type": "ref/resource", "uri": "orders://{order_id}"}],
)
def test_order_ids_are_completed(ask: Send, ref: dict[str, str]) -> None:
    completion = completions(ask, ref, "order_id", "100")
    assert completion["values"] == [f"ORD-100{digit}" for digit in range(1, 10)]
    assert (completion["total"], completion["hasMore"]) == (9, False)


@pytest.mark.parametrize(
    ("value", "tones"), [("", ["polite", "warm", "firm", "formal"]), ("F", ["firm", "formal"])]
)
def test_tones_are_completed(ask: Send, value: str, tones: list[str]) -> None:
    ref = {"type": "ref/prompt", "name": "complaint"}
    assert completions(ask, ref, "tone", value)["values"] == tones


def test_an_unknown_argument_is_not_completed(ask: Send) -> None:
    ref = {"type": "ref/resource", "uri": "orders://{order_id}"}
    answer = ask("completion/complete", ref=ref, argument={"name": "tone", "value": ""})
    assert answer.error["code"] == -32602


def test_discovery_introduces_the_server(ask: Send) -> None:
    result = ask("server/discover").result
    assert {"tools", "resources", "prompts", "completions"} <= result["capabilities"].keys()
    assert "refund_order" in result["instructions"]
    assert result["_meta"]["io.modelcontextprotocol/serverInfo"]["name"] == "orders"


# Where callers have tokens.


def test_a_refund_needs_its_scope(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """Anonymous callers, where the deployment lets them in, get the rest."""
    for name, setting in {
        "LAMBENT_AUTH_ANONYMOUS": "true",
        "LAMBENT_AUTH_ISSUER": "https://login.example.com",
        "LAMBENT_PUBLIC_URL": "https://tools.example.com",
        "REFUND_SCOPE": "orders:refund",
    }.items():
        monkeypatch.setenv(name, setting)
    ask = request.getfixturevalue("ask")
    order = {"order_id": "ORD-1005"}
    assert ask("tools/call", name="lookup_order", arguments=order).value["id"] == "ORD-1005"
    refused = ask("tools/call", CAN_BE_ASKED, **REFUND)
    metadata = "https://tools.example.com/.well-known/oauth-protected-resource/mcp"
    challenge = f'Bearer scope="orders:refund", resource_metadata="{metadata}"'
    assert (refused.status, refused.headers["www-authenticate"]) == (401, challenge)
