"""What records say of arguments, by policy; and what they never say."""

import hashlib
import json
from collections.abc import Callable
from typing import Annotated, Any

import pydantic
import pytest
from tests.execution.audit.notes import Notes
from tests.support import SECRET, Client, full_server, make_server

from lambent import Audit, Context, MCPServer, Session, Settings, StoreError
from lambent.stores.keys import StaticKeys

Serve = Callable[..., Client]
HIDDEN = "[redacted]"
UNKEYED = Settings()


@pytest.fixture
def notes() -> Notes:
    return Notes()


class Card(pydantic.BaseModel):
    number: pydantic.SecretStr
    name: str = ""


def shop(notes: Notes, policy: Any) -> MCPServer:
    mcp = full_server(audit=Audit(sinks=[notes], arguments=policy))

    @mcp.tool(sensitive=["card_number"])
    def pay(card_number: str, amount: int = 1) -> str:
        return "paid"

    @mcp.tool()
    def login(user: str, password: pydantic.SecretStr) -> str:
        return "hello"

    @mcp.tool()
    def charge(card: Card, amount: int) -> str:
        return "charged"

    @mcp.tool()
    def sign(key: Annotated[pydantic.SecretBytes | None, "a key"] = None, note: str = "") -> str:
        return "signed"

    @mcp.tool()
    def alias(pin: Annotated[int, pydantic.Field(alias="pinCode")], n: int = 0) -> str:
        return "ok"

    @mcp.tool(sensitive=["token"])
    def forward(to: str, **others: str) -> str:
        return "sent"

    @mcp.tool()
    def vault(**secrets: pydantic.SecretStr) -> str:
        return "kept"

    @mcp.tool()
    def anything(value: Any = None) -> str:
        return "ok"

    @mcp.resource("card://{number}", name="card")
    def card(number: pydantic.SecretStr) -> str:
        return "card"

    @mcp.resource("day://{day}", name="day")
    def day(day: int) -> str:
        return "day"

    @mcp.prompt()
    def unlock(pin: pydantic.SecretStr, tone: str = "") -> str:
        return "open"

    return mcp


# Full.


@pytest.mark.parametrize(
    ("tool", "given", "told"),
    [
        ("add", {"a": 1, "b": 2}, {"a": 1, "b": 2}),
        ("add", {}, {}),
        ("pay", {"card_number": "4111", "amount": 3}, {"card_number": HIDDEN, "amount": 3}),
        ("login", {"user": "ada", "password": "4111"}, {"user": "ada", "password": HIDDEN}),
        ("charge", {"card": {"number": "4111", "name": "A"}, "amount": 3}, {"card": HIDDEN, "amount": 3}),
        ("sign", {"key": "4111", "note": "n"}, {"key": HIDDEN, "note": "n"}),
        ("alias", {"pinCode": 4, "n": 1}, {"pinCode": 4, "n": 1}),
        ("forward", {"to": "a", "token": "4111", "x": "y"}, {"to": "a", "token": HIDDEN, "x": "y"}),
        ("vault", {"a": "4111"}, {"a": HIDDEN}),
        # Misspelled names could be those of sensitive parameters, and tools that are not there have none.
        ("pay", {"cardnumber": "4111", "amount": 3}, {"cardnumber": HIDDEN, "amount": 3}),
        ("unknown", {"card_number": "4111"}, {"card_number": HIDDEN}),
        ("anything", {"value": [1, {"é": None}]}, {"value": [1, {"é": None}]}),
    ],
)
def test_full_shows_what_may_be_shown(
    serve: Serve, notes: Notes, tool: str, given: dict[str, Any], told: dict[str, Any]
) -> None:
    serve(shop(notes, "full")).call(tool, given)
    assert notes.last["arguments"] == told
    assert "4111" not in notes.texts[0]


@pytest.mark.parametrize("policy", ["digest", "redacted", "full"])
@pytest.mark.parametrize(
    ("tool", "given"),
    [
        ("pay", {"card_number": "4111", "amount": 3}),
        ("login", {"user": "ada", "password": "4111"}),
        ("charge", {"card": {"number": "4111"}, "amount": 3}),
        ("charge", {"card": '{"number": "4111"}', "amount": 3}),
        ("sign", {"key": "4111"}),
        ("vault", {"a": "4111"}),
    ],
)
def test_what_is_sensitive_is_shown_under_no_policy(
    serve: Serve, notes: Notes, policy: str, tool: str, given: dict[str, Any]
) -> None:
    client = serve(shop(notes, policy))
    client.call(tool, given)
    assert "4111" not in notes.texts[0]
    other = json.loads(json.dumps(given).replace("4111", "4222"))
    client.call(tool, other)
    assert notes.records[0]["arguments"] == notes.records[1]["arguments"]  # nor can it be guessed by trying


def test_the_handle_of_a_session_is_not_shown(serve: Serve, notes: Notes) -> None:
    mcp = make_server(audit=Audit(sinks=[notes], arguments="full"))

    @mcp.tool()
    def put(cart: Session[list[str]], item: str, ctx: Context) -> str:
        return "put"

    serve(mcp).call("put", {"cart": "handle-4111", "item": "book"})
    assert notes.last["arguments"] == {"cart": HIDDEN, "item": "book"}


def test_numbers_are_told_as_they_were_sent(serve: Serve, notes: Notes) -> None:
    client = serve(shop(notes, "full"))
    body = '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"anything","arguments":'
    body += (
        '{"value":0.1000000000000000055511151231257827},"_meta":{"io.modelcontextprotocol/protocolVersion"'
    )
    body += ':"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}}}'
    headers = {"mcp-method": "tools/call", "mcp-name": "anything", "mcp-protocol-version": "2026-07-28"}
    client.post(body, headers)
    assert '"arguments":{"value":0.1000000000000000055511151231257827}' in notes.texts[0]


@pytest.mark.parametrize("depth", [49, 51, 150])
def test_deep_arguments_are_told_as_text_where_a_sink_might_not_write_them(
    serve: Serve, notes: Notes, depth: int
) -> None:
    value: Any = "x"
    for _ in range(depth - 1):
        value = [value]
    assert serve(shop(notes, "full")).call("anything", {"value": value}).text == "ok"
    told = notes.last["arguments"]
    assert (json.loads(told) if depth > 49 else told) == {"value": value}


def test_arguments_that_cannot_be_read_are_a_mark(serve: Serve, notes: Notes) -> None:
    serve(shop(notes, "full")).call("add", [1])
    assert notes.each("arguments", "outcome") == [("[unreadable]", "error")]


# Redacted.


def test_redacted_has_the_names_only(serve: Serve, notes: Notes) -> None:
    client = serve(shop(notes, "redacted"))
    client.call("add", {"a": 1, "b": 2})
    client.prompt("greet", {"name": "Ada"})
    client.read("note://monday/text")
    client.read("note://today")
    client.read("other://ada")
    assert notes.each("name", "arguments") == [
        ("add", {"a": HIDDEN, "b": HIDDEN}),
        ("greet", {"name": HIDDEN}),
        ("note://{day}/text", {"day": HIDDEN}),
        ("note://today", None),
        (None, {"uri": HIDDEN}),
    ]


def test_redacted_has_so_many_names_and_no_more(serve: Serve, notes: Notes) -> None:
    serve(shop(notes, "redacted")).call("add", {f"n{number}": 1 for number in range(1000)})
    assert len(notes.last["arguments"]) == 100


# Digests.


def canonical(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def test_without_keys_a_digest_is_sha_256(serve: Serve, notes: Notes) -> None:
    serve(shop(notes, "digest"), UNKEYED).call("add", {"b": 2, "a": 1})
    assert notes.last["arguments"] == f"sha256:{hashlib.sha256(canonical({'a': 1, 'b': 2})).hexdigest()}"


def test_what_is_sensitive_is_no_part_of_it(serve: Serve, notes: Notes) -> None:
    serve(shop(notes, "digest"), UNKEYED).call("pay", {"card_number": "4111", "amount": 3})
    told = canonical({"card_number": HIDDEN, "amount": 3})
    assert notes.last["arguments"] == f"sha256:{hashlib.sha256(told).hexdigest()}"


def test_a_keyed_digest_is_the_same_for_the_same_arguments_and_key(serve: Serve, notes: Notes) -> None:
    mcp = shop(notes, "digest")
    other = Settings(state_keys=(SECRET[::-1], SECRET))
    for settings in (Settings(state_keys=(SECRET,)), Settings(state_keys=(SECRET, "x" * 32)), other):
        serve(mcp, settings).call("add", {"a": 1, "b": 2})
    serve(mcp).call("add", {"b": 2, "a": 1})
    serve(mcp).call("add", {"a": 1, "b": 3})
    same, again, rotated, ordered, different = (record["arguments"] for record in notes.records)
    assert same == again == ordered
    assert len({same, rotated, different}) == 3
    assert same.split(":")[:2] == different.split(":")[:2] != rotated.split(":")[:2]


@pytest.mark.parametrize(
    ("error", "said"),
    [(StoreError("no ring"), "StoreError: no ring"), (ValueError("an argument"), "ValueError")],
)
def test_a_digest_whose_key_cannot_be_read_is_left_out(
    serve: Serve,
    notes: Notes,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    error: Exception,
    said: str,
) -> None:
    def fail(_: StaticKeys) -> Any:
        raise error

    client = serve(shop(notes, "digest"))
    monkeypatch.setattr(StaticKeys, "ring", fail)
    assert client.call("add", {"a": 1}).value == 1
    assert notes.each("name", "arguments") == [("add", "[unreadable]")]
    assert [record.getMessage() for record in caplog.records] == [
        f"The audit record of tools/call has no arguments: {said}"
    ]


# Resources, prompts, completion.


def test_a_template_is_named_and_its_values_are_arguments(serve: Serve, notes: Notes) -> None:
    client = serve(shop(notes, "full"))
    client.read("note://monday/text")
    client.read("card://4111")
    client.read("day://4111x")  # it is no number
    client.read("other://ada")
    assert notes.each("name", "outcome", "arguments") == [
        ("note://{day}/text", "ok", {"day": "monday"}),
        ("card://{number}", "ok", {"number": HIDDEN}),
        ("day://{day}", "error", {"day": "4111x"}),
        (None, "error", {"uri": "other://ada"}),
    ]


def test_prompts_and_completion_are_told_alike(serve: Serve, notes: Notes) -> None:
    client = serve(shop(notes, "full"))
    client.prompt("unlock", {"pin": "4111", "tone": "kind"})
    argument = {"name": "pin", "value": "4111"}
    for ref in (
        {"type": "ref/prompt", "name": "unlock"},
        {"type": "ref/resource", "uri": "card://{number}"},
        {"type": "ref/resource", "uri": "other://{pin}"},
    ):
        client.request("completion/complete", {"ref": ref, "argument": argument})
    assert notes.each("name", "arguments") == [
        ("unlock", {"pin": HIDDEN, "tone": "kind"}),
        ("unlock", {"pin": HIDDEN}),
        ("card://{number}", {"pin": HIDDEN}),
        (None, {"uri": HIDDEN, "pin": HIDDEN}),
    ]
    assert "4111" not in "".join(notes.texts)
