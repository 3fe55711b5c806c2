"""How calls of a tool are known again."""

from datetime import timedelta
from typing import Any

import pytest

from lambent import DeclarationError, Idempotency


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
    ],
)
def test_what_could_know_no_call_again(fields: dict[str, Any], named: str) -> None:
    with pytest.raises(DeclarationError, match=named):
        Idempotency(**fields)
