"""What servers with events say of themselves, ``events/list``, checks of upstreams, and mounted servers."""

import dataclasses
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.legacy import LegacyClient
from tests.support import PREFIX, SECRET, Client, MCPServer, failure, make_server, success

from lambent import Checked, Context, Occurrence, Principal, Settings

IN_MEMORY = Settings(state_keys=(SECRET,), in_memory=True)
EVENTS = f"{PREFIX}events"


@dataclasses.dataclass
class Mail:
    subject: str


@dataclasses.dataclass
class Wanted:
    word: str = ""


def every_mail() -> None:
    """A mail has come."""


def client_of(mcp: MCPServer) -> Client:
    return Client(mcp.lambda_handler(IN_MEMORY))


DESCRIBED = (
    '"description":"A mail has come.","delivery":["poll"],'
    '"inputSchema":{"type":"object","properties":{},"additionalProperties":false},'
    '"payloadSchema":{"title":"Mail","type":"object",'
    '"properties":{"subject":{"type":"string","title":"Subject"}},"required":["subject"]}'
)


# What a server says of itself.


def test_both_capabilities_are_told() -> None:
    """ChatGPT looks for the capability of the draft, others for the extension."""
    mcp = make_server()
    mcp.event("mail", payload=Mail)(every_mail)
    found = client_of(mcp).request("server/discover").result["capabilities"]
    assert found == {"logging": {}, "events": {}, "extensions": {EVENTS: {}}}


@pytest.mark.parametrize("version", ["2025-11-25", "2025-03-26", "2024-11-05"])
def test_the_legacy_era_tells_both_too(version: str) -> None:
    mcp = make_server()
    mcp.event("mail", payload=Mail)(every_mail)
    handler = mcp.lambda_handler(IN_MEMORY)
    found = LegacyClient(lambda: handler, version).opened.result["capabilities"]
    assert found == {"logging": {}, "events": {}, "extensions": {EVENTS: {}}}


def test_settings_of_the_extension_may_be_given() -> None:
    mcp = make_server(extensions={EVENTS: {"a": 1}})
    mcp.event("mail", payload=Mail)(every_mail)
    found = client_of(mcp).request("server/discover").result["capabilities"]
    assert found["extensions"] == {EVENTS: {"a": 1}}


@pytest.mark.parametrize("method", ["events/list", "events/poll", "events/subscribe"])
def test_a_server_without_events_has_no_methods(method: str) -> None:
    reply = client_of(make_server()).request(method, {"name": "mail"})
    assert (reply.status, reply.body) == (404, failure(-32601, "Method not found"))


def test_a_plain_server_loads_none_of_it() -> None:
    code = """
import sys
from lambent import MCPServer, Settings
mcp = MCPServer("shop")
mcp.tool()(lambda: 1)
handler = mcp.lambda_handler(Settings(in_memory=True))
print([name for name in sys.modules if "event" in name and name.startswith("lambent")])
"""
    found = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=True
    )
    assert set(eval(found.stdout)) <= {"lambent.hosts.aws_lambda.events", "lambent.execution.event_loop"}


# Lists.


def test_the_list() -> None:
    mcp = make_server()
    for name in ("mail", "mail.sent"):
        mcp.event(name, payload=Mail)(every_mail)
    reply = client_of(mcp).request("events/list")
    members = f'"events":[{{"name":"mail",{DESCRIBED}}},{{"name":"mail.sent",{DESCRIBED}}}]'
    assert (reply.status, reply.body) == (200, success(members))


def test_the_list_in_the_legacy_era() -> None:
    mcp = make_server()
    mcp.event("mail", payload=Mail)(every_mail)
    handler = mcp.lambda_handler(IN_MEMORY)
    result = LegacyClient(lambda: handler).request("events/list").result
    assert list(result) == ["events"]
    assert [event["name"] for event in result["events"]] == ["mail"]


def test_pages() -> None:
    mcp = make_server(page_size=2)
    for number in range(5):
        mcp.event(f"mail{number}", payload=Mail)(every_mail)
    client, cursor, pages = client_of(mcp), None, []
    while True:
        result = client.request("events/list", {"cursor": cursor}).result
        pages.append([event["name"] for event in result["events"]])
        cursor = result.get("nextCursor")
        if cursor is None:
            break
    assert pages == [["mail0", "mail1"], ["mail2", "mail3"], ["mail4"]]
    reply = client.request("events/list", {"cursor": "x"})
    assert reply.body == failure(-32602, "Invalid cursor: list from the start")


def test_only_what_the_host_delivers_is_listed() -> None:
    mcp = make_server()
    mcp.event("both", payload=Mail, delivery=["push", "poll"])(every_mail)
    mcp.event("other", payload=Mail, delivery=["push"])(every_mail)
    found = client_of(mcp).request("events/list").result["events"]
    assert [(event["name"], event["delivery"]) for event in found] == [("both", ["poll"])]


@pytest.mark.parametrize(
    ("hides", "scopes", "names"),
    [
        (False, [], ["open", "closed"]),
        (True, [], ["open"]),
        (True, ["mail:read"], ["open", "closed"]),
    ],
)
def test_what_the_caller_may_not_have_can_be_hidden(hides: bool, scopes: list[str], names: list[str]) -> None:
    caller = Principal("ann", scopes=frozenset(scopes))
    mcp = make_server(
        hides_forbidden=hides,
        middleware=[lambda call, following: following(call.as_principal(caller))],
    )
    mcp.event("open", payload=Mail)(every_mail)
    mcp.event("closed", payload=Mail, scopes=["mail:read"])(every_mail)
    found = client_of(mcp).request("events/list").result["events"]
    assert [event["name"] for event in found] == names


# Upstreams that can only be asked.

MAILS = ["hello", "offer", "bill", "offer again"]


def check(wanted: Wanted, cursor: str | None, limit: int) -> Checked:
    """The cursor is the number of mails seen."""
    if cursor is None:
        return Checked(cursor=str(len(MAILS) - 2))
    start = int(cursor)
    found = MAILS[start : start + limit]
    times = [datetime(2026, 1, 1 + start + number, tzinfo=UTC) for number in range(len(found))]
    return Checked(
        occurrences=[
            Occurrence(Mail(subject), f"m{start + number}", times[number])
            for number, subject in enumerate(found)
        ],
        cursor=str(start + len(found)),
        has_more=start + len(found) < len(MAILS),
        next_poll=timedelta(seconds=5),
    )


def checked_server(check: Any = check, **options: Any) -> MCPServer:
    mcp = make_server()

    @mcp.event("mail", payload=Mail, arguments=Wanted, check=check, **options)
    def mail(mail: Mail, wanted: Wanted) -> bool:
        return wanted.word in mail.subject

    return mcp


def poll(client: Client, cursor: str | None, **params: Any) -> dict[str, Any]:
    return client.request("events/poll", {"name": "mail", "cursor": cursor, **params}).result


def test_the_upstream_is_asked() -> None:
    client = client_of(checked_server())
    first = poll(client, None)
    assert (first["events"], first["cursor"]) == ([], "2")
    result = poll(client, "1")
    del result["_meta"]
    assert result == {
        "resultType": "complete",
        "events": [
            {
                "eventId": f"m{number}",
                "name": "mail",
                "timestamp": f"2026-01-0{number + 1}T00:00:00.000Z",
                "data": {"subject": MAILS[number]},
            }
            for number in (1, 2, 3)
        ],
        "cursor": "4",
        "truncated": False,
        "hasMore": False,
        "nextPollMs": 5000,
    }


def test_what_the_upstream_has_is_filtered() -> None:
    result = poll(client_of(checked_server()), "0", arguments={"word": "offer"})
    assert [event["eventId"] for event in result["events"]] == ["m1", "m3"]


def test_the_upstream_is_asked_for_as_many_as_there_may_be() -> None:
    result = poll(client_of(checked_server()), "0", maxEvents=3)
    assert (len(result["events"]), result["hasMore"], result["cursor"]) == (3, True, "3")


def test_what_the_upstream_has_may_be_too_old() -> None:
    mcp = checked_server()
    handler = mcp.lambda_handler(IN_MEMORY)
    events = handler._endpoint.executor.services.events
    assert events is not None
    events.clock = lambda: datetime(2026, 1, 4, tzinfo=UTC).timestamp()
    result = poll(Client(handler), "0", maxAgeMs=86_400_000)
    assert [event["eventId"] for event in result["events"]] == ["m2", "m3"]
    assert result["truncated"] is True
    assert poll(Client(handler), "0", maxAgeMs=5 * 86_400_000)["truncated"] is False


async def check_later(wanted: Wanted, cursor: str | None) -> Checked:
    return Checked(occurrences=[Occurrence(Mail("a"), "m")], cursor=None, truncated=True)


def test_coroutine_functions_check_too() -> None:
    result = poll(client_of(checked_server(check_later, poll_interval=timedelta(seconds=2))), None)
    assert [event["eventId"] for event in result["events"]] == ["m"]
    assert (result["cursor"], result["truncated"], result["nextPollMs"]) == (None, True, 2000)


@pytest.mark.parametrize(
    ("event_id", "text"), [(None, "gave an occurrence without event_id"), ("ü", "event_id is a header")]
)
def test_checks_give_ids(event_id: str | None, text: str, caplog: pytest.LogCaptureFixture) -> None:
    def check(wanted: Wanted, cursor: str | None) -> Checked:
        return Checked(occurrences=[Occurrence(Mail("a"), event_id), Occurrence(Mail("b"), "m")], cursor="1")

    result = poll(client_of(checked_server(check)), None)
    assert ([event["eventId"] for event in result["events"]], result["truncated"]) == (["m"], True)
    assert text in caplog.text


def test_checks_that_return_something_else_are_failures(caplog: pytest.LogCaptureFixture) -> None:
    def check(wanted: Wanted, cursor: str | None) -> Any:
        return []

    reply = client_of(checked_server(check)).request("events/poll", {"name": "mail"})
    assert reply.error["code"] == -32603
    text = "The check function of mail returned list: return lambent.Checked"
    assert text in caplog.text
    assert text not in reply.error["message"]


@pytest.mark.parametrize(
    ("payload", "text"),
    [({"a": 1}, "missing required field `subject`"), (Mail("x" * 300_000), "the limit is 262144")],
)
def test_an_occurrence_that_cannot_be_delivered_is_a_gap(
    payload: Any, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    def check(wanted: Wanted, cursor: str | None) -> Checked:
        return Checked(occurrences=[Occurrence(payload, "m1"), Occurrence(Mail("a"), "m2")], cursor="9")

    result = poll(client_of(checked_server(check)), "1")
    assert [event["eventId"] for event in result["events"]] == ["m2"]
    assert (result["cursor"], result["truncated"]) == ("9", True)
    assert text in caplog.text


def test_what_is_checked_needs_no_table() -> None:
    handler = checked_server().lambda_handler(Settings(in_lambda=True, state_keys=(SECRET,)))
    assert poll(Client(handler), None)["cursor"] == "2"


def test_what_is_checked_is_not_emitted(caplog: pytest.LogCaptureFixture) -> None:
    mcp = checked_server()

    @mcp.tool()
    def send(ctx: Context) -> None:
        ctx.events.emit("mail", Mail("a"))

    assert client_of(mcp).call("send").error["code"] == -32603
    assert "Occurrences of 'mail' come from its check function: none is emitted" in caplog.text


# Mounted servers.


def test_events_of_mounted_servers() -> None:
    """They emit by their own names, and each has a log of its own."""
    inner, middle, outer = make_server(), make_server(), make_server()
    for mcp in (inner, outer):
        mcp.event("mail", payload=Mail)(every_mail)

    @inner.tool()
    def send(ctx: Context, subject: str) -> str:
        return ctx.events.emit("mail", Mail(subject), event_id=subject).result()

    middle.mount(inner, "b")
    outer.mount(middle, "a")
    client = client_of(outer)
    names = [event["name"] for event in client.request("events/list").result["events"]]
    assert names == ["mail", "a_b_mail"]
    cursors = {name: client.request("events/poll", {"name": name}).result["cursor"] for name in names}
    assert client.call("a_b_send", {"subject": "hello"}).value == "hello"
    found = {
        name: client.request("events/poll", {"name": name, "cursor": cursor}).result["events"]
        for name, cursor in cursors.items()
    }
    assert found["mail"] == []
    assert [(event["name"], event["data"]) for event in found["a_b_mail"]] == [
        ("a_b_mail", {"subject": "hello"})
    ]


def test_two_events_of_one_name() -> None:
    inner, outer = make_server(), make_server()
    for mcp in (inner, outer):
        mcp.event("mail", payload=Mail)(every_mail)
    outer.mount(inner)
    with pytest.raises(TypeError, match="There is a event 'mail' already, besides that of 'shop'"):
        outer.freeze()
