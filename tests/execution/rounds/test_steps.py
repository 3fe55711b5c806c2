"""Results of steps come back as the values that they were."""

from collections.abc import Callable
from typing import Any

import pytest
from tests.features.guarded import KEPT
from tests.support import Client, accept, make_server

from lambent import Context

Serve = Callable[..., Client]

RESULTS: list[tuple[Any, Any]] = [
    *KEPT,
    *((list[hint], [value, value]) for hint, value in KEPT),
    *((dict[str, hint], {"a": value}) for hint, value in KEPT),
    *((hint | None, value) for hint, value in KEPT),
    (KEPT[0][0] | KEPT[3][0], KEPT[3][1]),
]


@pytest.mark.parametrize(("hint", "value"), RESULTS, ids=str)
def test_a_model_comes_back_equal_in_the_next_round(serve: Serve, hint: Any, value: Any) -> None:
    mcp, seen = make_server(), []

    def work() -> Any:
        return value

    work.__annotations__["return"] = hint

    @mcp.tool()
    def t(ctx: Context) -> str:
        seen.append(ctx.step("s", work).result())
        return ctx.elicit_url("?", "https://a.b").result().action

    assert serve(mcp).answered("t", {"elicitation-1": accept()}).text == "accept"
    assert seen == [value, value]


def test_a_result_that_is_not_of_its_type_is_a_failure(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    mcp = make_server()

    @mcp.tool()
    def t(ctx: Context) -> str:
        def work() -> int:
            return "many"  # type: ignore[return-value]

        return str(ctx.step("s", work).result())

    reply = serve(mcp).call("t", capabilities={"elicitation": {}})
    assert reply.text.startswith("Error executing tool t (reference ")
    assert "Expected `int`, got `str`" in caplog.text
