"""What records say of events: who asked for which, with a digest of the arguments, and never a secret."""

import dataclasses
from typing import Any

import pydantic
import pytest
from msgspec import Raw
from tests.execution.audit.notes import Notes
from tests.execution.events.test_subscriptions import secret
from tests.support import SECRET, Client, make_server

from lambent import Audit, Principal, Settings
from lambent.execution.audit.event_arguments import asked_of
from lambent.hosts.events_settings import EventSettings

URL = "https://hook.example:8443/hooks/capability?token=confidential"


@dataclasses.dataclass
class Refund:
    order: str


class Account(pydantic.BaseModel):
    number: pydantic.SecretStr


class Wanted(pydantic.BaseModel):
    least: int = 0
    pin: pydantic.SecretStr | None = None
    account: Account | None = None


def identify(call: Any, following: Any) -> Any:
    return following(call.as_principal(Principal("ann")))


def shop(notes: Notes, policy: Any) -> Any:
    mcp = make_server(audit=Audit(sinks=[notes], arguments=policy), middleware=[identify])

    @mcp.event("order.refunded", payload=Refund, arguments=Wanted, delivery=["poll", "webhook"])
    def order_refunded() -> None:
        """A refund."""

    return mcp


@pytest.mark.parametrize("policy", ["digest", "redacted", "full"])
def test_subscriptions_are_recorded_without_what_lets_in(policy: str) -> None:
    notes = Notes()
    allowed = EventSettings(allowed_callbacks=("https://hook.example:8443/",))
    handler = shop(notes, policy).lambda_handler(
        Settings(state_keys=(SECRET,), in_memory=True, events=allowed)
    )
    client = Client(handler)
    arguments = {"pin": "4111", "least": 5, "account": {"number": "4242"}}
    delivery = {"mode": "webhook", "url": URL, "secret": secret()}
    given = {"name": "order.refunded", "arguments": arguments, "delivery": delivery}
    client.request("events/subscribe", given)
    client.request("events/unsubscribe", {**given, "delivery": {"url": URL}})
    client.request("events/poll", {"name": "order.refunded", "arguments": arguments})
    client.request("events/list")
    handler._endpoint.executor.services.events.queue.close(10)
    assert notes.each("method", "name", "outcome") == [
        ("events/subscribe", "order.refunded", "ok"),
        ("events/unsubscribe", "order.refunded", "ok"),
        ("events/poll", "order.refunded", "ok"),
    ]
    hidden = {"pin": "[redacted]", "least": 5, "account": "[redacted]"}
    whole = {**hidden, "delivery.url": "https://hook.example:8443"}
    told = [record["arguments"] for record in notes.records]
    if policy == "full":
        assert told == [whole, whole, hidden]
    elif policy == "redacted":
        assert told == [dict.fromkeys(one, "[redacted]") for one in (whole, whole, hidden)]
    else:
        assert told[0] == told[1] != told[2]
        assert {one.partition(":")[0] for one in told} == {"hmac-sha256"}
    text = "".join(notes.texts)
    for one in ("4111", "4242", "confidential", "capability", "whsec_"):
        assert one not in text


@pytest.mark.parametrize(
    ("params", "name", "arguments", "names"),
    [
        (b"[]", None, None, set()),
        (b'{"name":5}', None, None, set()),
        (b'{"name":"other","arguments":{"a":1}}', "other", Raw(b'{"a":1}'), set()),
        (b'{"name":"order.refunded","arguments":[1]}', "order.refunded", Raw(b"[1]"), {"least"}),
        (
            b'{"name":"order.refunded","arguments":[1],"delivery":{"url":"https://a/"}}',
            "order.refunded",
            Raw(b"[1]"),
            {"least"},
        ),
        (
            b'{"name":"order.refunded","delivery":{"url":"https://ann:pw@a/b?c#d"}}',
            "order.refunded",
            {"delivery.url": "https://a"},
            {"least", "delivery.url"},
        ),
        (
            b'{"name":"order.refunded","delivery":{"url":"https://[::1/"}}',
            "order.refunded",
            {"delivery.url": ""},
            {"least", "delivery.url"},
        ),
        (
            b'{"name":"order.refunded","delivery":{}}',
            "order.refunded",
            {"delivery.url": "://"},
            {"least", "delivery.url"},
        ),
    ],
)
def test_what_is_asked_for(params: bytes, name: str | None, arguments: Any, names: set[str]) -> None:
    found = asked_of(shop(Notes(), "full").freeze(), Raw(params))
    if isinstance(arguments, Raw):
        assert isinstance(found[1], Raw)
        assert (found[0], bytes(found[1]), found[2]) == (name, bytes(arguments), names)
    else:
        assert found == (name, arguments, names)
