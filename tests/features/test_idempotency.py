"""How repeated calls of a tool are recognized."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Annotated, Any, NamedTuple, NotRequired

import msgspec
import pydantic
import pytest
from tests.support import make_server
from typing_extensions import TypedDict

from lambent import Context, DeclarationError, Idempotency, Resolve, Session, ToolError


def test_an_argument() -> None:
    by_order = Idempotency(key="order")
    assert by_order.key_of({"order": "A1", "note": "x"}, {}) == by_order.key_of({"order": "A1"}, {"x": 1})
    assert by_order.key_of({"order": "A1"}, {}) != by_order.key_of({"order": "A2"}, {})


@pytest.mark.parametrize("one", ["5", 5, True, [5], {"a": 5}, ""])
def test_values_of_different_types_are_different(one: Any) -> None:
    by_order = Idempotency(key="order")
    others = [value for value in ("5", 5, [5], {"a": 5}, "") if value != one or type(value) is not type(one)]
    assert by_order.key_of({"order": one}, {}) is not None
    assert all(
        by_order.key_of({"order": one}, {}) != by_order.key_of({"order": value}, {}) for value in others
    )


def test_a_path() -> None:
    by_id = Idempotency(key="order.id")
    assert by_id.key_of({"order": {"id": 7, "x": 1}}, {}) == by_id.key_of({"order": {"id": 7}}, {})


@pytest.mark.parametrize("arguments", [{}, {"order": None}, {"order": {}}, {"order": [1]}, {"order": "text"}])
def test_a_call_without_the_argument_has_no_key(arguments: Any) -> None:
    assert Idempotency(key="order.id").key_of(arguments, {}) is None


def test_a_function() -> None:
    both = Idempotency(key=lambda arguments: f"{arguments['a']}/{arguments['b']}")
    assert both.key_of({"a": 1, "b": 2, "c": 3}, {}) == both.key_of({"a": 1, "b": 2}, {})
    assert both.key_of({"a": 1, "b": 2}, {}) != both.key_of({"a": 2, "b": 1}, {})


def test_a_key_of_the_clients_own() -> None:
    by_meta = Idempotency(meta_key="com.example/key")
    assert by_meta.key_of({"a": 1}, {"com.example/key": "k"}) == by_meta.key_of({}, {"com.example/key": "k"})
    assert by_meta.key_of({"a": 1}, {}) is None
    assert by_meta.key_of({"a": 1}, {"com.example/key": None}) is None


@pytest.mark.parametrize(
    ("value", "path"),
    [
        (math.nan, "$"),
        (-math.inf, "$"),
        (Decimal("NaN"), "$"),
        (Decimal("-Infinity"), "$"),
        ([1, math.nan], "$[1]"),
        ({"a": {"b": [math.inf]}}, "$.a.b[0]"),
        ({math.inf: 1}, "$.inf"),
    ],
)
def test_nan_and_infinity_are_no_keys(value: Any, path: str) -> None:
    """Both are written as null: they would be one key."""
    for settings, arguments in [
        (Idempotency(key="order"), {"order": value}),
        (Idempotency(key="order.id"), {"order": {"id": value}}),
        (Idempotency(key=lambda _: value), {}),
    ]:
        with pytest.raises(ToolError) as caught:
            settings.key_of(arguments, {})
        assert str(caught.value) == (
            f"The idempotency key cannot be used: NaN and infinity are no JSON numbers - at `{path}`"
        )


@pytest.mark.parametrize("value", [0.5, Decimal("0.5"), [1e308], {"a": [None, "NaN"]}])
def test_other_values_are_keys(value: Any) -> None:
    assert Idempotency(key="order").key_of({"order": value}, {}) == ["argument", value]


def test_the_clients_own_key_comes_first() -> None:
    both = Idempotency(key="order", meta_key="com.example/key")
    assert both.key_of({"order": "A1"}, {"com.example/key": "k"}) == both.key_of(
        {"order": "A2"}, {"com.example/key": "k"}
    )
    assert both.key_of({"order": "A1"}, {}) == Idempotency(key="order").key_of({"order": "A1"}, {})


def test_keys_from_different_places_are_different() -> None:
    places = [
        Idempotency(key="order").key_of({"order": "k"}, {}),
        Idempotency(key=lambda _: "k").key_of({}, {}),
        Idempotency(meta_key="m").key_of({}, {"m": "k"}),
    ]
    assert len({str(place) for place in places}) == 3


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({}, "key"),
        ({"window": timedelta(hours=1)}, "key"),
        ({"key": "a", "window": timedelta(0)}, "window"),
        ({"key": "a", "window": timedelta(seconds=-1)}, "window"),
        ({"key": "a", "window": 3600}, "window must be a timedelta, not 3600"),
        ({"key": 5}, "key must be the name of an argument or a function, not 5"),
    ],
)
def test_settings_that_recognize_no_call(fields: dict[str, Any], named: str) -> None:
    with pytest.raises(DeclarationError, match=named):
        Idempotency(**fields)


@dataclass
class Line:
    sku: str


@dataclass
class Order:
    id: str
    lines: list[Line]
    first: Line | None = None
    more: dict[str, Any] | None = None


class Renamed(msgspec.Struct, rename="camel"):
    order_id: str


class Model(pydantic.BaseModel):
    order_id: str = pydantic.Field(alias="orderId")

    @pydantic.computed_field  # type: ignore[prop-decorator]
    @property
    def digest(self) -> str:
        return self.order_id


class Open(pydantic.BaseModel, extra="allow"):
    id: str


class Dictionary(TypedDict):
    id: NotRequired[str]


class Pair(NamedTuple):
    id: str


def tool_with(hint: Any) -> Callable[..., Any]:
    def buy(order: Any, note: str = "") -> None: ...

    buy.__annotations__["order"] = hint
    return buy


@pytest.mark.parametrize(
    ("hint", "key"),
    [
        (str, "order"),
        (str, "note"),
        (Order, "order"),
        (Order, "order.id"),
        (Order | None, "order.first.sku"),
        (Annotated[Order, "What to buy"], "order.id"),
        (Order, "order.more.anything.at.all"),
        (Model | Dictionary, "order.id"),
        (dict, "order.id"),
        (dict[str, Any], "order.id"),
        (dict[str, Line], "order.any.sku"),
        (Any, "order.id"),
        (Renamed, "order.orderId"),
        (Model, "order.orderId"),
        (Model, "order.digest"),
        (Open, "order.anything"),
        (Dictionary, "order.id"),
        (Annotated[str, pydantic.Field(alias="Order")], "Order"),
        (Annotated[Model, pydantic.Field(alias="Order")], "Order.orderId"),
        (Annotated[Order | None, pydantic.Field(alias="Order", description="What")], "Order.first.sku"),
    ],
)
def test_keys_that_name_an_argument(hint: Any, key: str) -> None:
    make_server().tool(idempotency=Idempotency(key=key))(tool_with(hint))


@pytest.mark.parametrize(
    ("hint", "key", "reason"),
    [
        (str, "ordre", "buy: the idempotency key 'ordre' names no argument; there are order, note"),
        (str, "", "buy: the idempotency key '' names no argument; there are order, note"),
        (Order, "id", "buy: the idempotency key 'id' names no argument; there are order, note"),
        (Order, "order.nr", "buy: the idempotency key 'order.nr' names no field of 'order'; there are {}"),
        (Order, "order.first.id", "names no field of 'order.first'; there are sku"),
        (Order, "order.lines.sku", "names no field of 'order.lines'; there are none"),
        (dict[str, Line], "order.any.id", "names no field of 'order.any'; there are sku"),
        (str, "order.id", "names no field of 'order'; there are none"),
        (Pair, "order.id", "names no field of 'order'; there are none"),
        (Renamed, "order.order_id", "names no field of 'order'; there are orderId"),
        (Model, "order.order_id", "names no field of 'order'; there are orderId, digest"),
        (Dictionary, "order.nr", "names no field of 'order'; there are id"),
        (Annotated[str, pydantic.Field(alias="Order")], "order", "names no argument; there are Order, note"),
        (Annotated[Pair, pydantic.Field(alias="Order")], "Order.id", "no field of 'Order'; there are none"),
    ],
)
def test_keys_that_name_nothing(hint: Any, key: str, reason: str) -> None:
    """A call would have no key, and would not be idempotent."""
    with pytest.raises(DeclarationError) as caught:
        make_server().tool(idempotency=Idempotency(key=key))(tool_with(hint))
    assert str(caught.value).endswith(reason.format("id, lines, first, more"))


def find(order: str) -> int:
    return len(order)


def test_what_the_client_does_not_send_is_no_key() -> None:
    def buy(order: str, cart: Session[Order], stock: Annotated[int, Resolve(find)], ctx: Context) -> None: ...

    for key in ("stock", "ctx"):
        with pytest.raises(DeclarationError, match="there are order, cart"):
            make_server().tool(idempotency=Idempotency(key=key))(buy)
    make_server().tool(idempotency=Idempotency(key="cart"))(buy)


def test_a_tool_that_takes_every_argument_may_have_any_key() -> None:
    def buy(**arguments: Any) -> None: ...

    make_server().tool(idempotency=Idempotency(key="order.id"))(buy)


def test_a_tool_without_arguments_has_no_key() -> None:
    with pytest.raises(DeclarationError, match="there are none"):
        make_server().tool(idempotency=Idempotency(key="order"))(lambda: None)
