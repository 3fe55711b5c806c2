"""Values that are there when they are waited for."""

import asyncio
import operator
from collections.abc import Callable
from typing import Any

import pytest

from lambent.execution.rounds.pending import DONE, Pending

ADVICE = "await it in async def, or call .result() in def"


def test_an_attribute_of_the_value_says_that_nobody_has_waited() -> None:
    pending = Pending(lambda: "value")
    with pytest.raises(AttributeError) as caught:
        pending.action  # type: ignore[attr-defined]  # noqa: B018
    assert str(caught.value) == f"'action' is an attribute of the value, and this is a Pending: {ADVICE}"
    assert not hasattr(pending, "action")


@pytest.mark.parametrize(
    "use",
    [
        bool,
        operator.not_,
        str,
        len,
        list,
        dict,
        int,
        float,
        "{}".format,
        lambda one: f"{one:>5}",
        lambda one: one == "value",
        lambda one: one != "value",
        lambda one: one < 1,
        lambda one: one >= 1,
        lambda one: one[0],
        lambda one: "v" in one,
        lambda one: one + 1,
        lambda one: 1 + one,
        lambda one: 1 - one,
        lambda one: one * 2,
        lambda one: one / 2,
        lambda one: [0][one],
    ],
)
def test_it_refuses_to_be_used_as_the_value(use: Callable[[Any], Any]) -> None:
    for pending in (Pending(lambda: "value"), DONE):
        with pytest.raises(TypeError) as caught:
            use(pending)
        assert str(caught.value) == f"A Pending is not the value itself: {ADVICE}"


def test_it_can_be_shown_collected_and_gathered() -> None:
    one, other = Pending(lambda: 1), Pending(lambda: 2)
    assert repr(one) == f"<Pending: {ADVICE}>"
    assert len({one, other, one}) == 2
    assert one in [other, one]
    assert one != other

    async def gathered() -> list[int]:
        return await asyncio.gather(one, other, one)

    assert asyncio.run(gathered()) == [1, 2, 1]
