"""Event types: what they are declared with, and what is refused."""

import dataclasses
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Annotated, Any, Literal

import msgspec
import pydantic
import pytest
from tests.support import make_server

from lambent import DeclarationError, InvalidParamsError, Principal
from lambent.features.events import EventType


@dataclasses.dataclass
class Refund:
    """Money that went back."""

    order: str
    cents: Annotated[int, msgspec.Meta(ge=1)]


@dataclasses.dataclass
class Wanted:
    least: Annotated[int, "In cents."] = 0
    kind: Literal["card", "cash"] | None = None


class PaidOut(pydantic.BaseModel):
    order: str = pydantic.Field(serialization_alias="orderId")


def everything() -> None:
    """Everything."""


def declared(function: Callable[..., Any] = everything, **options: Any) -> EventType:
    mcp = make_server()
    assert mcp.event("order.refunded", **{"payload": Refund, **options})(function) is function
    return mcp.freeze().events["order.refunded"]


def listed(event: EventType) -> Any:
    return msgspec.json.decode(msgspec.json.encode(event.definition))


def test_the_definition() -> None:
    assert listed(declared(arguments=Wanted, meta={"a": 1})) == {
        "name": "order.refunded",
        "description": "Everything.",
        "delivery": ["poll"],
        "inputSchema": {
            "title": "Wanted",
            "type": "object",
            "properties": {
                "least": {"type": "integer", "default": 0, "title": "Least", "description": "In cents."},
                "kind": {
                    "anyOf": [{"enum": ["card", "cash"], "type": "string"}, {"type": "null"}],
                    "default": None,
                    "title": "Kind",
                },
            },
            "additionalProperties": False,
        },
        "payloadSchema": {
            "title": "Refund",
            "description": "Money that went back.",
            "type": "object",
            "properties": {
                "order": {"type": "string", "title": "Order"},
                "cents": {"type": "integer", "minimum": 1, "title": "Cents"},
            },
            "required": ["order", "cents"],
        },
        "_meta": {"a": 1},
    }


def test_without_arguments() -> None:
    found = listed(declared(description="Money."))
    assert found["inputSchema"] == {"type": "object", "properties": {}, "additionalProperties": False}
    assert (found["description"], "_meta" in found) == ("Money.", False)


def test_models_of_pydantic() -> None:
    event = declared(payload=PaidOut, arguments=pydantic.create_model("Any", least=(int, 0)))
    assert list(listed(event)["payloadSchema"]["properties"]) == ["orderId"]
    assert event.payload.encode(PaidOut(order="a")) == b'{"orderId":"a"}'


def test_open_arguments_stay_open() -> None:
    event = declared(arguments=dict[str, int])
    assert listed(event)["inputSchema"] == {"type": "object", "additionalProperties": {"type": "integer"}}
    assert event.read_arguments(msgspec.Raw(b'{"a":1}')) == {"a": 1}


class Sought(pydantic.BaseModel):
    least: int = 0
    tags: list[str] = []
    places: dict[str, float] = {}
    note: str | None = None


@pytest.mark.parametrize(
    "given", ['{"least": "5"}', '{"tags": "[]"}', '{"places": {"a": "1.5"}}', '{"tags":["x"],"least":"5"}']
)
def test_text_is_no_argument_of_another_type(given: str) -> None:
    """Tools read it; here, it would make another subscription to the same."""
    event = declared(arguments=Sought)
    with pytest.raises(
        InvalidParamsError, match=r"^Invalid params: arguments: text in place of another type$"
    ):
        event.read_arguments(msgspec.Raw(given.encode()))


@pytest.mark.parametrize("given", ['{"tags": ["5", "null"], "note": "[1]"}', '{"least": 5, "note": null}'])
def test_text_is_an_argument_of_its_own(given: str) -> None:
    found = declared(arguments=Sought).read_arguments(msgspec.Raw(given.encode()))
    assert found == Sought(**msgspec.json.decode(given))


def test_modes_have_one_order() -> None:
    assert declared(delivery=["webhook", "poll"]).definition.delivery == ("poll", "webhook")


def payload_only(refund: Refund) -> bool:
    return refund.cents > 1


def with_caller(refund: Refund, caller: Principal | None) -> bool:
    return caller is not None


def with_arguments(refund: Refund, wanted: Wanted) -> bool:
    return refund.cents >= wanted.least


def with_all(refund: Refund, wanted: Wanted, caller: Principal | None) -> Refund:
    return Refund(str(caller), wanted.least)


@pytest.mark.parametrize(
    ("function", "arguments", "selected"),
    [
        (payload_only, None, b'{"order":"a","cents":2}'),
        (payload_only, Wanted, b'{"order":"a","cents":2}'),
        (with_caller, None, None),
        (with_arguments, Wanted, None),
        (with_all, Wanted, b'{"order":"None","cents":5}'),
        (partial(with_arguments, wanted=Wanted()), None, b'{"order":"a","cents":2}'),
        (lambda: None, None, ...),
    ],
)
def test_functions_take_what_they_want(function: Any, arguments: Any, selected: Any) -> None:
    if selected is ...:
        with pytest.raises(DeclarationError, match="say what the function returns"):
            declared(function, arguments=arguments)
        return
    event = declared(function, arguments=arguments)
    given = None if arguments is None else Wanted(least=5)
    assert event.select_payload(msgspec.Raw(b'{"order":"a","cents":2}'), given, None) == (
        None if selected is None else msgspec.Raw(selected)
    )


class Checker:
    def check(self, cursor: str | None, limit: int) -> None: ...


def check_cursor(cursor: str | None) -> None: ...


def check_arguments(wanted: Wanted, cursor: str | None) -> None: ...


def check_arguments_limit(wanted: Wanted, cursor: str | None, limit: int) -> None: ...


SCHEDULED = {"delivery": ["poll", "webhook"]}


@pytest.mark.parametrize(
    ("check", "arguments", "has_limit"),
    [
        (check_cursor, None, False),
        (Checker().check, None, True),
        (check_arguments, Wanted, False),
        (check_arguments, None, True),
    ],
)
def test_checks_may_take_a_limit(check: Any, arguments: Any, has_limit: bool) -> None:
    assert declared(check=check, arguments=arguments).has_limit is has_limit


@pytest.mark.parametrize(
    ("check", "arguments", "has_limit"),
    [(check_cursor, None, False), (check_cursor, Wanted, False), (Checker().check, Wanted, True)],
)
def test_checks_for_endpoints_are_run_by_a_schedule(check: Any, arguments: Any, has_limit: bool) -> None:
    """They are for all subscriptions, whatever arguments these have."""
    event = declared(check=check, arguments=arguments, **SCHEDULED)
    assert (event.has_limit, event.is_scheduled, event.has_log) == (has_limit, True, True)


def test_which_occurrences_are_in_a_log() -> None:
    emitted, polled = declared(**SCHEDULED), declared(check=check_cursor, delivery=["poll", "push"])
    assert (emitted.is_scheduled, emitted.has_log) == (False, True)
    assert (polled.is_scheduled, polled.has_log) == (False, False)


async def later(refund: Refund) -> bool:
    return True


def too_many(refund: Refund, caller: Any, more: Any) -> bool:
    return True


def named(refund: Refund, *, caller: Any) -> bool:
    return True


@pytest.mark.parametrize(
    ("function", "options", "text"),
    [
        (later, {}, "write a plain function: it is asked for each occurrence"),
        (too_many, {}, "the function takes payload and caller, in this order, and no more"),
        (named, {}, "the function takes payload and caller, in this order, and no more"),
        (
            partial(too_many, 1),
            {"arguments": Wanted, "payload": int},
            "payload are records, so int cannot be one",
        ),
        (everything, {"payload": list[Refund]}, "payload are records, so list"),
        (everything, {"payload": Refund | None}, "payload are records, so "),
        (everything, {"payload": object()}, "order.refunded, payload: "),
        (everything, {"arguments": str}, "arguments are records, so str cannot be one"),
        (everything, {"delivery": "poll"}, "delivery is a list of 'poll', 'push', 'webhook'"),
        (everything, {"delivery": []}, "delivery is a list of 'poll', 'push', 'webhook'"),
        (everything, {"delivery": ["poll", "mail"]}, "delivery is a list of 'poll', 'push', 'webhook'"),
        (everything, {"poll_interval": timedelta(0)}, "poll_interval must be longer than zero"),
        (everything, {"retention": timedelta(0)}, "retention must be longer than zero"),
        (everything, {"check": everything}, "check takes the cursor, and the limit if it wants to"),
        (everything, {"check": check_cursor, "arguments": Wanted}, "check takes arguments and cursor"),
        (everything, {"check": check_arguments, "arguments": Wanted, **SCHEDULED}, "asked for by a schedule"),
        (
            everything,
            {"check": check_arguments_limit, "arguments": Wanted, **SCHEDULED},
            "asked for by a sch",
        ),
        (everything, {"check": everything, **SCHEDULED}, "check takes the cursor, and the limit if it wan"),
        (everything, {"scopes": ["a b"]}, "a b"),
        (everything, {"meta": {"a": object()}}, "order.refunded: meta has to be JSON"),
        (7, {}, "write a function"),
    ],
)
def test_what_is_refused(function: Any, options: dict[str, Any], text: str) -> None:
    with pytest.raises(DeclarationError, match=text):
        declared(function, **options)


@pytest.mark.parametrize("name", ["", "a b", "é", "x" * 129, "a\n"])
def test_names_that_are_refused(name: str) -> None:
    with pytest.raises(DeclarationError, match="is no name of an event"):
        make_server().event(name, payload=Refund)(everything)


def test_a_name_is_taken_once() -> None:
    mcp = make_server()
    mcp.event("a", payload=Refund)(everything)
    with pytest.raises(DeclarationError, match="There is a event 'a' already"):
        mcp.event("a", payload=Refund)(everything)
    mcp.freeze()
    with pytest.raises(DeclarationError, match="comes too late"):
        mcp.event("b", payload=Refund)(everything)


def test_the_decorator_needs_a_name() -> None:
    with pytest.raises(DeclarationError, match=r"Write @mcp\.event"):
        make_server().event(everything, payload=Refund)  # type: ignore[arg-type]


def test_methods_of_events_are_the_servers_own() -> None:
    mcp = make_server()
    mcp.method("events/list")(everything)
    mcp.freeze()
    mcp = make_server()
    mcp.method("events/list")(everything)
    mcp.event("a", payload=Refund)(everything)
    with pytest.raises(DeclarationError, match="The method 'events/list' is the server's own already"):
        mcp.freeze()
