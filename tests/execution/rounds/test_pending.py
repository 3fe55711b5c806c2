"""Values that are there when they are waited for."""

import pytest

from lambent.execution.rounds.pending import Pending


def test_an_attribute_of_the_value_says_that_nobody_has_waited() -> None:
    pending = Pending(lambda: "value")
    with pytest.raises(
        AttributeError, match=r"'action' is of the value, which is not waited for: write await"
    ):
        pending.action  # type: ignore[attr-defined]  # noqa: B018
    assert not hasattr(pending, "action")
