"""What ChatGPT does with a server that has events, by its documentation; see ``chatgpt.py``."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest
from tests.interop.events.chatgpt import MOST_BYTES, ChatGPT, Endpoint, Refused, serving
from tests.interop.events.shop import KEYS

pytestmark = pytest.mark.parametrize("era", ["modern", "legacy"])

on_every_host = pytest.mark.parametrize("host", ["asgi", "gateway"])


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    with serving() as endpoint:
        yield endpoint


@pytest.fixture
def chatgpt(shop_on: Callable[[str], str], endpoint: Endpoint, host: str, era: str) -> ChatGPT:
    return ChatGPT(shop_on(host), {"x-api-key": KEYS["ann"]}, era, endpoint)


@pytest.fixture
def order(host: str, era: str, request: pytest.FixtureRequest) -> str:
    """An order of the test's own; all of them are at the same shop."""
    return f"{host}-{era}-{request.node.originalname}"


@on_every_host
def test_it_finds_what_it_can_wait_for(chatgpt: ChatGPT) -> None:
    [(name, found)] = chatgpt.event_types().items()
    assert (name, found["description"]) == ("order.refunded", "A refund was paid out.")
    assert found["inputSchema"]["type"] == found["payloadSchema"]["type"] == "object"


@on_every_host
def test_it_waits(chatgpt: ChatGPT, endpoint: Endpoint, order: str) -> None:
    granted = chatgpt.subscribe("order.refunded", {"least": 5})
    assert set(granted) - {"_meta", "resultType"} == {"id", "refreshBefore", "cursor", "truncated"}
    assert datetime.fromisoformat(granted["refreshBefore"]) > datetime.now(UTC)
    assert [kind for kind, _, _ in endpoint.requests] == ["verification"]

    chatgpt.call("refund", order=f"{order}-1", cents=5)
    [event] = endpoint.wait(1)
    assert event["data"] == {"order": f"{order}-1", "cents": 5}
    assert set(event) == {"eventId", "name", "timestamp", "data", "cursor"}

    again = chatgpt.subscribe("order.refunded", {"least": 5}, ttlMs=None)
    assert again["id"] == granted["id"]
    chatgpt.call("refund", order=f"{order}-2", cents=5)
    assert endpoint.wait(2)[1]["data"]["order"] == f"{order}-2"
    # The endpoint was verified once, and what was sent with the new secret was accepted.
    assert [(kind, status) for kind, status, _ in endpoint.requests] == [
        ("verification", 200),
        ("event", 200),
        ("event", 200),
    ]

    ended = chatgpt.unsubscribe("order.refunded", {"least": 5})
    assert set(ended) <= {"_meta", "resultType"}
    with pytest.raises(Refused) as refused:
        chatgpt.unsubscribe("order.refunded", {"least": 5})
    assert refused.value.data == {"kind": "subscription"}


@on_every_host
def test_nothing_is_larger_than_it_takes(chatgpt: ChatGPT, endpoint: Endpoint, order: str) -> None:
    chatgpt.subscribe("order.refunded", {"least": 6})
    size = MOST_BYTES - 1024
    assert chatgpt.call("announce", size=size, cents=6).get("isError") is None
    assert len(endpoint.wait(1)[0]["data"]["order"]) == size
    _, status, received = endpoint.requests[-1]
    assert (status, size < received <= MOST_BYTES) == (200, True)
    with pytest.raises(Refused, match="let a tool read the rest"):
        chatgpt.call("announce", size=MOST_BYTES, cents=6)


@on_every_host
def test_it_is_told_why_its_endpoint_is_refused(chatgpt: ChatGPT, endpoint: Endpoint, era: str) -> None:
    endpoint.take = lambda headers, body: (200, b'{"challenge": "another"}')  # type: ignore[method-assign]
    with pytest.raises(Refused) as refused:
        chatgpt.subscribe("order.refunded", {})
    assert (refused.value.code, refused.value.data) == (
        {"modern": -32027, "legacy": -32015}[era],
        {"reason": "challenge_failed"},
    )


@pytest.mark.parametrize("host", ["asgi"])
def test_the_end_of_a_subscription_is_nothing_that_it_knows(
    chatgpt: ChatGPT, endpoint: Endpoint, order: str, era: str
) -> None:
    least = {"modern": 501, "legacy": 502}[era]
    chatgpt.subscribe("order.refunded", {"least": least})
    chatgpt.subscribe("order.refunded", {"least": 7})
    chatgpt.call("close", least=least)
    chatgpt.call("refund", order=order, cents=least)
    [event] = endpoint.wait(1)
    assert event["data"]["order"] == order  # of the other one
    assert ("terminated", 400) in endpoint.wait_for_requests(3)
    with pytest.raises(Refused) as refused:
        chatgpt.subscribe("order.refunded", {"least": least})
    assert refused.value.code == {"modern": -32024, "legacy": -32012}[era]
