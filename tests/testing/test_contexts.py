"""``fake_context``: functions tested by themselves."""

import asyncio
from dataclasses import dataclass
from datetime import timedelta

import pytest

from lambent import (
    AcceptedElicitation,
    Context,
    DeclinedElicitation,
    HttpRefusal,
    InvalidParamsError,
    MissingCapabilityError,
    Principal,
)
from lambent.testing import UnansweredError, fake_context


@dataclass
class Confirm:
    sure: bool


@dataclass
class Cart:
    total: int = 0


def test_it_is_a_context() -> None:
    assert isinstance(fake_context(), Context)


def test_a_plain_function_gets_its_answers() -> None:
    ctx = fake_context(answers=[Confirm(True), "Hi", ["file:///a"], AcceptedElicitation(None)])
    answer = ctx.elicit("Sure?", Confirm).result()
    assert answer == AcceptedElicitation(Confirm(True))
    assert ctx.sample("Write").result().text == "Hi"
    assert ctx.list_roots().result()[0].uri == "file:///a"
    assert ctx.elicit_url("Sign in", "https://example.com/").result().action == "accept"
    assert [question.kind for question in ctx.questions] == ["form", "sampling", "roots", "url"]
    assert ctx.answers.left == []


def test_a_coroutine_gets_its_answers() -> None:
    async def tool(ctx: Context) -> str:
        first = ctx.elicit("One?", Confirm)
        second = ctx.elicit("Two?", Confirm)
        return f"{(await second).action} {(await first).action}"

    ctx = fake_context(
        on_question=lambda question: DeclinedElicitation() if question.message == "One?" else {"sure": True}
    )
    assert asyncio.run(tool(ctx)) == "accept decline"


def test_an_answer_that_is_missing_or_wrong() -> None:
    with pytest.raises(UnansweredError, match=r"The function asks.*\n- form 'Sure\?' \(sure: boolean\)"):
        fake_context().elicit("Sure?", Confirm)
    ctx = fake_context(answers=[{"sure": "perhaps"}])
    with pytest.raises(InvalidParamsError, match="sure"):
        ctx.elicit("Sure?", Confirm).result()


def test_a_client_that_cannot_be_asked() -> None:
    with pytest.raises(MissingCapabilityError):
        fake_context(capabilities={}).elicit("Sure?", Confirm)


def test_steps_run() -> None:
    def charge(amount: int) -> int:
        return amount + 1

    async def charge_later(amount: int) -> int:
        await asyncio.sleep(0)
        return amount + 2

    async def tool(ctx: Context) -> tuple[int, int]:
        return await ctx.step("now", charge, 1), await ctx.step("later", charge_later, 1, at_most_once=True)

    assert asyncio.run(tool(fake_context())) == (2, 3)
    ctx = fake_context()
    assert ctx.step("later", charge_later, 5).result() == 7
    with pytest.raises(ValueError, match="names two steps"):
        ctx.step("later", charge, 1)


def test_a_plain_function_within_a_test_that_is_a_coroutine() -> None:
    async def charge() -> int:
        await asyncio.sleep(0)
        return 1

    async def test() -> int:
        return fake_context().step("charge", charge).result()

    assert asyncio.run(test()) == 1


def test_what_it_is_told_is_kept() -> None:
    ctx = fake_context()
    ctx.report_progress(1, 4, "began")
    ctx.report_progress(1)  # not more than before
    ctx.report_progress(2)
    ctx.debug({"a": 1})
    ctx.error("bad", logger_name="shop")
    ctx.notify_tools_changed()
    assert [(one.progress, one.total, one.message) for one in ctx.progress] == [
        (1, 4, "began"),
        (2, None, None),
    ]
    assert [(one.level, one.data, one.logger) for one in ctx.logs] == [
        ("debug", {"a": 1}, None),
        ("error", "bad", "shop"),
    ]
    assert ctx.changes == ["notifications/tools/list_changed"]


def test_what_it_knows_of_the_call() -> None:
    ctx = fake_context(
        principal=Principal("ada", scopes=frozenset({"read"})),
        headers={"X-Trace": "7"},
        meta={"traceparent": "00-a-b-01", "own": 1},
        client_info={"name": "desk"},
        remaining_ms=1500,
    )
    assert ctx.principal is not None
    assert ctx.principal.subject == "ada"
    assert ctx.headers == {"x-trace": "7"}
    assert (ctx.trace_parent, ctx.meta["own"], ctx.client_info) == ("00-a-b-01", 1, {"name": "desk"})
    assert ctx.remaining_ms() == 1500
    ctx.require("read")
    with pytest.raises(HttpRefusal) as caught:
        ctx.require("write")
    assert caught.value.status == 403
    with pytest.raises(HttpRefusal) as caught:
        fake_context().require("read")
    assert caught.value.status == 401


def test_defaults() -> None:
    ctx = fake_context()
    assert (ctx.principal, ctx.headers, ctx.client_info, ctx.remaining_ms()) == (None, {}, None, None)
    assert ctx.require_extension("io.modelcontextprotocol/tasks") == {}
    assert ctx.sessions.create(Cart, ttl=timedelta(hours=1))
