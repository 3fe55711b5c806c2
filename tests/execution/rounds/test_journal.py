"""Questions and steps across rounds: a handler runs again from the top as if it had never stopped."""

import asyncio
import contextlib
import datetime as dt
import functools
import gc
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import pydantic
import pytest
from tests.support import (
    EVERYTHING,
    PREFIX,
    SERVER_INFO,
    Client,
    accept,
    dumps,
    failure,
    make_server,
    success,
    text_result,
)

from lambent import (
    AcceptedElicitation,
    CancelledElicitation,
    Context,
    DeclinedElicitation,
    MCPServer,
    Pending,
)

Serve = Callable[..., Client]


@dataclass
class Confirm:
    ok: bool
    note: str = ""


CONFIRM = {
    "title": "Confirm",
    "type": "object",
    "properties": {
        "ok": {"type": "boolean", "title": "Ok"},
        "note": {"type": "string", "default": "", "title": "Note"},
    },
    "required": ["ok"],
}
YES = accept(ok=True)


def ask(client: Client, tool: str = "t", arguments: Any = None, **also: Any) -> Any:
    return client.call(tool, arguments, also=also, capabilities=EVERYTHING)


def input_required(state: str, requests: dict[str, Any], request_id: Any = 1) -> bytes:
    return (
        f'{{"jsonrpc":"2.0","id":{request_id},"result":{{"resultType":"input_required","_meta":'
        f'{{"{PREFIX}serverInfo":{SERVER_INFO}}},"inputRequests":{dumps(requests)},"requestState":"{state}"}}}}'
    ).encode()


def elicitation(message: str, schema: Any = None) -> dict[str, Any]:
    return {
        "method": "elicitation/create",
        "params": {"mode": "form", "message": message, "requestedSchema": schema or CONFIRM},
    }


def plain_and_async(mcp: MCPServer, plain: Callable[..., Any], asynchronous: Callable[..., Any]) -> None:
    mcp.tool("plain")(plain)
    mcp.tool("async")(asynchronous)


WAIT = "await it in async def, or call .result() in def"
both = pytest.mark.parametrize("tool", ["plain", "async"])


@pytest.fixture
def asking(serve: Serve) -> Client:
    """A tool that asks one question, in both makes, and as a resource and a prompt."""
    mcp = make_server()

    @mcp.tool("plain")
    def plain(ctx: Context, order: str = "a") -> str:
        answer = ctx.elicit(f"Refund {order}?", Confirm).result()
        return repr(answer)

    @mcp.tool("async")
    async def asynchronous(ctx: Context, order: str = "a") -> str:
        answer = await ctx.elicit(f"Refund {order}?", Confirm)
        return repr(answer)

    @mcp.resource("order://{order}")
    def resource(order: str, ctx: Context) -> str:
        return repr(ctx.elicit(f"Refund {order}?", Confirm).result())

    @mcp.prompt("prompt")
    async def prompt(order: str, ctx: Context) -> str:
        return repr(await ctx.elicit(f"Refund {order}?", Confirm))

    return serve(mcp)


@both
def test_a_question_byte_for_byte(asking: Client, tool: str) -> None:
    reply = ask(asking, tool)
    assert reply.status == 200
    assert reply.headers == {"content-type": "application/json"}
    assert reply.body == input_required(reply.state, {"elicitation-1": elicitation("Refund a?")})


@both
@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (YES, AcceptedElicitation(Confirm(True))),
        (accept(ok=False, note="n"), AcceptedElicitation(Confirm(False, "n"))),
        ({**YES, "_meta": {"a": 1}, "more": 1}, AcceptedElicitation(Confirm(True))),
        ({"action": "decline"}, DeclinedElicitation()),
        ({"action": "decline", "content": None}, DeclinedElicitation()),
        ({"action": "cancel"}, CancelledElicitation()),
        ({"action": "cancel", "content": {"ok": "ignored"}}, CancelledElicitation()),
    ],
)
def test_an_answer_goes_where_it_was_asked_for(asking: Client, tool: str, answer: Any, expected: Any) -> None:
    state = ask(asking, tool).state
    reply = ask(asking, tool, inputResponses={"elicitation-1": answer}, requestState=state)
    assert reply.body == success(text_result(repr(expected)))
    assert expected.action == answer["action"]


WRONG: list[tuple[Any, str]] = [
    (accept(), "Object missing required field `ok`"),
    ({"action": "accept"}, "Object missing required field `ok`"),
    (accept(ok="maybe"), "Expected `bool`, got `str` - at `$.ok`"),
    (accept(ok=True, note=5), "Expected `str`, got `int` - at `$.note`"),
    ({"action": "agree"}, "Invalid enum value 'agree' - at `$.action`"),
    ({}, "Object missing required field `action`"),
    ({"content": {"ok": True}}, "Object missing required field `action`"),
    (None, "Expected `object`, got `null`"),
    ("yes", "Expected `object`, got `str`"),
    ([], "Expected `object`, got `array`"),
    ({"action": "accept", "content": []}, "Expected `object | null`, got `array` - at `$.content`"),
]


@both
@pytest.mark.parametrize(("answer", "reason"), WRONG)
def test_a_wrong_answer_is_invalid(asking: Client, tool: str, answer: Any, reason: str) -> None:
    state = ask(asking, tool).state
    reply = ask(asking, tool, inputResponses={"elicitation-1": answer}, requestState=state)
    assert reply.status == 400
    assert reply.body == failure(-32602, f"Invalid input response for 'elicitation-1': {reason}")


@both
@pytest.mark.parametrize("responses", [{}, {"other": YES}, {"elicitation-2": YES}, {"Elicitation-1": YES}])
def test_a_missing_answer_is_asked_for_again(asking: Client, tool: str, responses: dict[str, Any]) -> None:
    state = ask(asking, tool).state
    again = ask(asking, tool, inputResponses=responses, requestState=state)
    assert again.body == input_required(again.state, {"elicitation-1": elicitation("Refund a?")})
    done = ask(asking, tool, inputResponses={"elicitation-1": YES}, requestState=again.state)
    assert "AcceptedElicitation" in done.text


@both
def test_a_retry_without_any_answers_is_asked_again(asking: Client, tool: str) -> None:
    again = ask(asking, tool, requestState=ask(asking, tool).state)
    assert again.questions == {"elicitation-1": elicitation("Refund a?")}


@both
def test_superfluous_answers_are_ignored(asking: Client, tool: str) -> None:
    state = ask(asking, tool).state
    responses = {"elicitation-1": YES, "other": "nonsense", "": None, "x": {"deep": [1]}}
    assert "Accepted" in ask(asking, tool, inputResponses=responses, requestState=state).text


@both
def test_answers_without_state_count_for_the_first_questions(asking: Client, tool: str) -> None:
    assert "Accepted" in ask(asking, tool, inputResponses={"elicitation-1": YES}).text


def test_answers_to_a_tool_that_asks_nothing_are_ignored(serve: Serve) -> None:
    mcp = make_server()
    mcp.tool("t")(lambda: "done")
    assert ask(serve(mcp), inputResponses={"x": YES}).text == "done"


def test_resources_ask(asking: Client) -> None:
    first = asking.read("order://a", capabilities=EVERYTHING)
    assert first.body == input_required(first.state, {"elicitation-1": elicitation("Refund a?")})
    *_, last = asking.converse("resources/read", {"uri": "order://a"}, {"elicitation-1": YES})
    assert last.result["contents"][0]["text"] == repr(AcceptedElicitation(Confirm(True)))
    assert (last.result["ttlMs"], last.result["cacheScope"]) == (0, "private")


def test_prompts_ask(asking: Client) -> None:
    params = {"name": "prompt", "arguments": {"order": "a"}}
    first, last = asking.converse("prompts/get", params, {"elicitation-1": YES})
    assert first.body == input_required(first.state, {"elicitation-1": elicitation("Refund a?")})
    assert last.result["messages"][0]["content"]["text"] == repr(AcceptedElicitation(Confirm(True)))


def test_questions_carry_no_caching_hints(asking: Client) -> None:
    result = asking.read("order://a", capabilities=EVERYTHING).result
    assert set(result) == {"resultType", "_meta", "inputRequests", "requestState"}


# Several questions


def names(ctx: Context) -> list[Pending[Any]]:
    return [ctx.elicit(f"{name}?", Confirm) for name in ("zeta", "alpha", "mid")]


@pytest.fixture
def many(serve: Serve) -> Client:
    """Three questions in one round, then one, then one more."""
    mcp = make_server()

    @mcp.tool("plain")
    def plain(ctx: Context) -> str:
        first = [pending.result().action for pending in names(ctx)]
        second = ctx.elicit("Sure?", Confirm).result().action
        third = ctx.elicit_url("Pay", "https://pay.example").result().action
        return " ".join([*first, second, third])

    @mcp.tool("async")
    async def asynchronous(ctx: Context) -> str:
        first = [(await pending).action for pending in names(ctx)]
        second = (await ctx.elicit("Sure?", Confirm)).action
        third = (await ctx.elicit_url("Pay", "https://pay.example")).action
        return " ".join([*first, second, third])

    return serve(mcp)


ANSWERS = {
    "elicitation-1": YES,
    "elicitation-2": {"action": "decline"},
    "elicitation-3": YES,
    "elicitation-4": {"action": "cancel"},
    "elicitation-5": {"action": "accept"},
}


@both
def test_questions_asked_before_the_first_wait_go_out_together(many: Client, tool: str) -> None:
    replies = list(many.converse("tools/call", {"name": tool}, ANSWERS))
    assert [list(reply.questions) for reply in replies[:-1]] == [
        ["elicitation-1", "elicitation-2", "elicitation-3"],
        ["elicitation-4"],
        ["elicitation-5"],
    ]
    assert replies[-1].text == "accept decline accept cancel accept"


@both
def test_questions_stand_in_the_order_in_which_they_were_asked(many: Client, tool: str) -> None:
    reply = ask(many, tool)
    assert [question["params"]["message"] for question in reply.questions.values()] == [
        "zeta?",
        "alpha?",
        "mid?",
    ]
    assert reply.body.index(b"zeta?") < reply.body.index(b"alpha?") < reply.body.index(b"mid?")


@both
def test_only_what_is_missing_is_asked_again(many: Client, tool: str) -> None:
    first = ask(many, tool)
    second = ask(many, tool, inputResponses={"elicitation-2": YES}, requestState=first.state)
    assert list(second.questions) == ["elicitation-1", "elicitation-3"]
    third = ask(
        many, tool, inputResponses={"elicitation-3": YES, "elicitation-1": YES}, requestState=second.state
    )
    assert list(third.questions) == ["elicitation-4"]


@both
def test_an_answer_that_was_given_stays_given(many: Client, tool: str) -> None:
    first = ask(many, tool)
    second = ask(many, tool, inputResponses={"elicitation-1": YES}, requestState=first.state)
    again = {"elicitation-1": {"action": "cancel"}, "elicitation-2": YES, "elicitation-3": YES}
    replies = list(
        many.converse(
            "tools/call",
            {"name": tool, "inputResponses": again, "requestState": second.state},
            ANSWERS,
        )
    )
    assert replies[-1].text == "accept accept accept cancel accept"


@both
def test_a_round_may_be_repeated(many: Client, tool: str) -> None:
    """The client may have lost the response; each request stands for itself."""
    first = ask(many, tool)
    responses = dict.fromkeys(first.questions, YES)
    replies = [ask(many, tool, inputResponses=responses, requestState=first.state) for _ in range(2)]
    assert [list(reply.questions) for reply in replies] == [["elicitation-4"]] * 2


def test_a_handler_of_another_environment_goes_on(serve: Serve) -> None:
    """Nothing that a later round needs lives in a process."""

    def server() -> MCPServer:
        mcp = make_server()

        @mcp.tool()
        def t(ctx: Context) -> str:
            number = ctx.step("number", lambda: 41).result()
            return f"{number} {ctx.elicit('Sure?', Confirm).result().action}"

        return mcp

    state = ask(serve(server())).state
    assert ask(serve(server()), inputResponses={"elicitation-1": YES}, requestState=state).text == "41 accept"


@both
def test_a_question_that_nobody_waits_for_is_asked_all_the_same(
    serve: Serve, tool: str, caplog: pytest.LogCaptureFixture
) -> None:
    mcp = make_server()

    @mcp.tool("plain")
    def plain(ctx: Context) -> str:
        ctx.elicit("Never looked at?", Confirm)
        return "done"

    @mcp.tool("async")
    async def asynchronous(ctx: Context) -> str:
        ctx.elicit("Never looked at?", Confirm)
        return "done"

    client = serve(mcp)
    state = ask(client, tool).state
    assert f"{tool} went on without the answers that it has asked for (elicitation-1)" in caplog.text
    assert "await each question in async def, or call .result() in def" in caplog.text
    caplog.clear()
    retry = {"inputResponses": {"elicitation-1": YES}, "requestState": state}
    assert ask(client, tool, **retry).text == "done"
    assert [record.getMessage() for record in caplog.records] == [
        f"{tool} ended without waiting for the question 'elicitation-1': {WAIT}"
    ]


def test_of_questions_that_were_asked_together_some_may_be_left_unread(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    mcp = make_server()

    @mcp.tool()
    async def t(ctx: Context) -> str:
        first, _ = ctx.elicit("First?", Confirm), ctx.elicit("Second?", Confirm)
        return (await first).action

    client = serve(mcp)
    answers = {"elicitation-1": {"action": "decline"}, "elicitation-2": YES}
    assert ask(client, inputResponses=answers, requestState=ask(client).state).text == "decline"
    assert caplog.records == []


def test_a_step_that_nobody_waits_for_has_not_run(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    mcp, ran = make_server(), list[str]()

    async def charge(what: str) -> None:
        ran.append(what)

    @mcp.tool("async")
    async def asynchronous(ctx: Context) -> str:
        ctx.step("forgotten", charge, "forgotten")
        await ctx.step("awaited", charge, "awaited")
        return "done"

    @mcp.tool("plain")
    def plain(ctx: Context) -> str:
        ctx.step("forgotten", charge, "forgotten")
        ctx.step("awaited", charge, "awaited").result()
        return "done"

    client = serve(mcp)
    for tool in ("async", "plain"):
        caplog.clear()
        assert ask(client, tool).text == "done"
        assert [record.getMessage() for record in caplog.records] == [
            f"{tool} ended without waiting for the step 'forgotten', which has not run: {WAIT}"
        ]
    assert ran == ["awaited", "awaited"]


@both
def test_a_pending_that_is_returned_or_tested_is_a_failure_that_says_so(
    serve: Serve, tool: str, caplog: pytest.LogCaptureFixture
) -> None:
    mcp = make_server()

    @mcp.tool("plain")
    def plain(ctx: Context, how: str) -> Any:
        pending = ctx.step("one", lambda: 1)
        return {"return": lambda: pending, "list": lambda: [pending], "if": lambda: 1 if pending else 2}[
            how
        ]()

    @mcp.tool("async")
    async def asynchronous(ctx: Context, how: str) -> Any:
        return plain(ctx, how)

    client = serve(mcp)
    for how, text in (
        ("return", f"{tool} returned a Pending: return await ..., or ... .result() in def"),
        ("list", "Objects of type Pending cannot be written as JSON: await it first"),
        ("if", f"A Pending is not the value itself: {WAIT}"),
    ):
        caplog.clear()
        assert ask(client, tool, {"how": how}).result["isError"] is True
        assert text in caplog.text


def test_an_answer_may_be_looked_at_more_than_once(serve: Serve) -> None:
    mcp = make_server()

    @mcp.tool()
    async def t(ctx: Context) -> str:
        pending = ctx.elicit("Sure?", Confirm)
        first = await pending
        return f"{(await pending) == first == pending.result()}"

    assert serve(mcp).answered("t", {"elicitation-1": YES}).text == "True"


# Keys


def test_keys_name_questions(serve: Serve) -> None:
    mcp = make_server()

    @mcp.tool()
    def t(ctx: Context) -> str:
        pending = [
            ctx.elicit("A?", Confirm, key="first"),
            ctx.elicit("B?", Confirm),
            ctx.sample("C?", key="größe"),
            ctx.list_roots(),
            ctx.sample("D?"),
        ]
        return " ".join(type(one.result()).__name__ for one in pending)

    client = serve(mcp)
    assert list(ask(client).questions) == ["first", "elicitation-2", "größe", "roots-4", "sampling-5"]
    sampled = {"role": "assistant", "content": {"type": "text", "text": "x"}, "model": "m"}
    answers = {
        "first": YES,
        "elicitation-2": YES,
        "größe": sampled,
        "roots-4": {"roots": []},
        "sampling-5": sampled,
    }
    assert client.answered("t", answers).text == (
        "AcceptedElicitation AcceptedElicitation SamplingResult list SamplingResult"
    )


def test_a_key_names_one_question(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    mcp = make_server()

    @mcp.tool()
    def t(ctx: Context) -> None:
        ctx.elicit("A?", Confirm, key="k")
        ctx.elicit("B?", Confirm, key="k")

    assert "Error executing tool " in ask(serve(mcp)).text
    assert "ValueError: The key 'k' names two questions" in caplog.text


def test_keys_keep_answers_apart_when_questions_change_places(serve: Serve) -> None:
    mcp = make_server()
    order = ["a", "b"]

    @mcp.tool()
    def t(ctx: Context) -> str:
        pending = {key: ctx.elicit("Same words?", Confirm, key=key) for key in order}
        return repr({key: pending[key].result().data.note for key in sorted(pending)})  # type: ignore[union-attr]

    client = serve(mcp)
    state = ask(client).state
    order.reverse()
    responses = {"a": accept(ok=True, note="for a"), "b": accept(ok=True, note="for b")}
    reply = ask(client, inputResponses=responses, requestState=state)
    assert reply.text == "{'a': 'for a', 'b': 'for b'}"


@pytest.mark.parametrize("change", ["message", "schema", "method"])
def test_a_question_that_has_changed_is_asked_again(serve: Serve, change: str) -> None:
    mcp = make_server()
    changed = False

    @mcp.tool()
    def t(ctx: Context) -> str:
        if changed and change == "method":
            return ctx.elicit_url("Pay 5?", "https://pay.example", key="k").result().action
        message = "Pay 9?" if changed and change == "message" else "Pay 5?"
        schema: Any = {"type": "object", "properties": {"n": {"type": "integer"}}}
        return (
            ctx.elicit(message, schema if changed and change == "schema" else Confirm, key="k")
            .result()
            .action
        )

    client = serve(mcp)
    first = ask(client)
    changed = True
    second = ask(client, inputResponses={"k": YES}, requestState=first.state)
    assert second.questions["k"] != first.questions["k"]
    answer = {"action": "accept", "content": {}}
    if change == "message":
        answer = YES
    assert ask(client, inputResponses={"k": answer}, requestState=second.state).text == "accept"


def test_an_answer_that_was_given_does_not_stick_to_a_changed_question(serve: Serve) -> None:
    mcp = make_server()
    price = 5

    @mcp.tool()
    def t(ctx: Context) -> str:
        ctx.elicit(f"Pay {price}?", Confirm, key="pay").result()
        return ctx.elicit("Sure?", Confirm, key="sure").result().action

    client = serve(mcp)
    second = ask(client, inputResponses={"pay": YES}, requestState=ask(client).state)
    assert list(second.questions) == ["sure"]
    price = 9
    third = ask(client, inputResponses={"sure": YES}, requestState=second.state)
    assert third.questions == {"pay": elicitation("Pay 9?")}


# Suspension


@both
def test_catching_every_exception_does_not_catch_the_suspension(serve: Serve, tool: str) -> None:
    mcp = make_server()
    cleaned: list[str] = []

    @mcp.tool("plain")
    def plain(ctx: Context) -> str:
        try:
            with contextlib.suppress(Exception):
                return ctx.elicit("Sure?", Confirm).result().action
        except Exception:
            return "swallowed"
        finally:
            cleaned.append("up")
        return "suppressed"

    @mcp.tool("async")
    async def asynchronous(ctx: Context) -> str:
        try:
            with contextlib.suppress(Exception):
                return (await ctx.elicit("Sure?", Confirm)).action
        except Exception:
            return "swallowed"
        finally:
            cleaned.append("up")
        return "suppressed"

    client = serve(mcp)
    assert list(ask(client, tool).questions) == ["elicitation-1"]
    assert cleaned == ["up"]
    assert client.answered(tool, {"elicitation-1": YES}).text == "accept"


def gathered(serve: Serve, body: Callable[[Context], Any]) -> Client:
    mcp = make_server()

    @mcp.tool()
    async def t(ctx: Context) -> str:
        return " ".join(answer.action for answer in await body(ctx))

    return serve(mcp)


async def with_gather(ctx: Context) -> list[Any]:
    return await asyncio.gather(*(ctx.elicit(f"{name}?", Confirm) for name in "ab"))


async def with_gather_of_coroutines(ctx: Context) -> list[Any]:
    async def one(name: str) -> Any:
        return await ctx.elicit(f"{name}?", Confirm)

    return await asyncio.gather(*(one(name) for name in "ab"))


async def with_task_group(ctx: Context) -> list[Any]:
    async def one(name: str) -> Any:
        return await ctx.elicit(f"{name}?", Confirm)

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(name)) for name in "ab"]
    return [task.result() for task in tasks]


async def with_nested_task_groups(ctx: Context) -> list[Any]:
    async with asyncio.TaskGroup() as group:
        task = group.create_task(with_task_group(ctx))
    return task.result()


async def with_timeout(ctx: Context) -> list[Any]:
    async with asyncio.timeout(60):
        return await with_gather_of_coroutines(ctx)


async def with_wait_for(ctx: Context) -> list[Any]:
    return await asyncio.wait_for(with_gather_of_coroutines(ctx), 60)


@pytest.mark.parametrize(
    "body",
    [
        with_gather,
        with_gather_of_coroutines,
        with_task_group,
        with_nested_task_groups,
        with_timeout,
        with_wait_for,
    ],
)
def test_questions_asked_side_by_side_go_out_together(serve: Serve, body: Callable[[Context], Any]) -> None:
    client = gathered(serve, body)
    replies = list(client.converse("tools/call", {"name": "t"}, ANSWERS))
    assert [list(reply.questions) for reply in replies[:-1]] == [["elicitation-1", "elicitation-2"]]
    assert replies[-1].text == "accept decline"


def test_a_failure_beside_a_question_is_a_failure(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    async def body(ctx: Context) -> list[Any]:
        async def broken() -> None:
            raise RuntimeError("broken beside it")

        async with asyncio.TaskGroup() as group:
            group.create_task(with_gather(ctx))
            group.create_task(broken())
        return []

    reply = ask(gathered(serve, body))
    assert "Error executing tool " in reply.text
    assert "broken beside it" in caplog.text


def test_answers_are_read_wherever_the_handler_has_got_to(serve: Serve) -> None:
    """Branches that depend on answers ask other questions."""
    mcp = make_server()

    @mcp.tool()
    def t(ctx: Context) -> str:
        first = ctx.elicit("Ship it?", Confirm, key="ship").result()
        if isinstance(first, AcceptedElicitation):
            return f"ship {ctx.elicit('Where to?', Confirm, key='where').result().action}"
        return f"keep {ctx.elicit('Why not?', Confirm, key='why').result().action}"

    client = serve(mcp)
    assert client.answered("t", {"ship": YES, "where": YES}).text == "ship accept"
    assert client.answered("t", {"ship": {"action": "decline"}, "why": YES}).text == "keep accept"


# Steps


class Point(NamedTuple):
    x: int
    y: int


class Model(pydantic.BaseModel):
    day: dt.date


def make_point() -> Point:
    return Point(1, 2)


def make_date() -> dt.date:
    return dt.date(2026, 7, 28)


def make_confirm() -> Confirm:
    return Confirm(True, "n")


def make_confirms() -> list[Confirm]:
    return [Confirm(True)]


def make_model() -> Model:
    return Model(day=dt.date(2026, 7, 28))


def make_nothing() -> None:
    return None


def make_set() -> set[int]:
    return {1, 2}


def make_bytes() -> bytes:
    return b"\0\xff"


def unannotated():  # type: ignore[no-untyped-def]
    return (1, {"a": None})


STEPS: list[tuple[Callable[..., Any], str]] = [
    (make_point, "Point(x=1, y=2)"),
    (make_date, "datetime.date(2026, 7, 28)"),
    (make_confirm, "Confirm(ok=True, note='n')"),
    (make_confirms, "[Confirm(ok=True, note='')]"),
    (make_model, "Model(day=datetime.date(2026, 7, 28))"),
    (make_nothing, "None"),
    (make_set, "{1, 2}"),
    (make_bytes, "b'\\x00\\xff'"),
    (unannotated, "[1, {'a': None}]"),
    (lambda: (1, 2), "[1, 2]"),
]


@both
@pytest.mark.parametrize(("function", "expected"), STEPS)
def test_results_of_steps_come_back_as_their_type_in_every_round(
    serve: Serve, tool: str, function: Callable[..., Any], expected: str
) -> None:
    mcp = make_server()
    seen: list[str] = []

    @mcp.tool("plain")
    def plain(ctx: Context) -> str:
        seen.append(repr(ctx.step("s", function).result()))
        return ctx.elicit("Sure?", Confirm).result().action

    @mcp.tool("async")
    async def asynchronous(ctx: Context) -> str:
        seen.append(repr(await ctx.step("s", function)))
        return (await ctx.elicit("Sure?", Confirm)).action

    assert serve(mcp).answered(tool, {"elicitation-1": YES}).text == "accept"
    assert seen == [expected] * 2


class Effects:
    """Counts what happened."""

    def __init__(self) -> None:
        self.happened: list[str] = []

    def note(self, what: str, *, loud: bool = False) -> str:
        self.happened.append(what.upper() if loud else what)
        return f"{what} done"

    async def note_later(self, what: str) -> str:
        self.happened.append(what)
        for _ in range(5):
            await asyncio.sleep(0)
        return f"{what} done"


@both
def test_steps_happen_once_across_all_rounds(serve: Serve, tool: str) -> None:
    mcp = make_server()
    effects = Effects()
    runs: list[int] = []

    @mcp.tool("plain")
    def plain(ctx: Context) -> str:
        runs.append(1)
        a = ctx.step("a", effects.note, "a").result()
        ctx.elicit("1?", Confirm).result()
        b = ctx.step("b", effects.note, "b", loud=True).result()
        ctx.elicit("2?", Confirm).result()
        c = ctx.step("c", effects.note_later, "c").result()
        ctx.elicit("3?", Confirm).result()
        return f"{a}, {b}, {c}"

    @mcp.tool("async")
    async def asynchronous(ctx: Context) -> str:
        runs.append(1)
        a = await ctx.step("a", effects.note, "a")
        await ctx.elicit("1?", Confirm)
        b = await ctx.step("b", effects.note, "b", loud=True)
        await ctx.elicit("2?", Confirm)
        c = await ctx.step("c", effects.note_later, "c")
        await ctx.elicit("3?", Confirm)
        return f"{a}, {b}, {c}"

    answers = {f"elicitation-{number}": YES for number in (1, 2, 3)}
    assert serve(mcp).answered(tool, answers).text == "a done, b done, c done"
    assert effects.happened == ["a", "B", "c"]
    assert len(runs) == 4


@both
def test_a_step_that_failed_is_tried_again(serve: Serve, tool: str) -> None:
    mcp = make_server()
    tries: list[int] = []

    def shaky() -> str:
        tries.append(1)
        if len(tries) == 1:
            raise RuntimeError("first time")
        return "worked"

    @mcp.tool("plain")
    def plain(ctx: Context) -> str:
        return ctx.step("s", shaky).result()

    @mcp.tool("async")
    async def asynchronous(ctx: Context) -> str:
        return await ctx.step("s", shaky)

    client = serve(mcp)
    assert "Error executing tool " in client.call(tool).text
    assert client.call(tool).text == "worked"


def test_a_step_name_names_one_step(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    mcp = make_server()
    effects = Effects()

    @mcp.tool()
    def t(ctx: Context) -> None:
        ctx.step("s", effects.note, "a")
        ctx.step("s", effects.note, "b")

    assert "Error executing tool " in serve(mcp).call("t").text
    assert "ValueError: The name 's' names two steps" in caplog.text
    assert effects.happened == ["a"]


def test_a_step_without_a_json_form_is_a_failure(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    mcp = make_server()

    @mcp.tool()
    def t(ctx: Context) -> None:
        ctx.step("s", object)

    assert "Error executing tool " in serve(mcp).call("t").text
    assert "ValidationError" in caplog.text


def test_arguments_of_a_step_may_have_any_name(serve: Serve) -> None:
    mcp = make_server()

    def show(**kwargs: Any) -> str:
        return repr(sorted(kwargs))

    @mcp.tool()
    def t(ctx: Context) -> str:
        return ctx.step("s", show, name="n", function="f", self="s", key="k").result()

    assert serve(mcp).call("t").text == "['function', 'key', 'name', 'self']"


class AsyncStep:
    async def __call__(self) -> str:
        await asyncio.sleep(0)
        return "done"


async def async_step() -> str:
    await asyncio.sleep(0)
    return "done"


@both
@pytest.mark.parametrize(
    "function",
    [async_step, AsyncStep(), functools.partial(async_step), lambda: async_step()],  # noqa: PLW0108
    ids=["function", "object", "partial", "lambda"],
)
def test_steps_may_be_async_in_any_make(serve: Serve, tool: str, function: Callable[..., Any]) -> None:
    mcp = make_server()

    @mcp.tool("plain")
    def plain(ctx: Context) -> str:
        return str(ctx.step("s", function).result())

    @mcp.tool("async")
    async def asynchronous(ctx: Context) -> str:
        return str(await ctx.step("s", function))

    reply = serve(mcp).call(tool)
    gc.collect()
    assert reply.text == "done"


def test_a_finished_step_may_be_looked_at_more_than_once(serve: Serve) -> None:
    mcp = make_server()

    @mcp.tool()
    async def t(ctx: Context) -> str:
        plain, later = ctx.step("a", lambda: 1), ctx.step("b", async_step)
        return f"{await plain} {await plain} {await later} {await later}"

    assert serve(mcp).call("t").text == "1 1 done done"


@pytest.mark.parametrize("order", ["question first", "step first"])
def test_a_step_that_runs_beside_a_question_happens_once(serve: Serve, order: str) -> None:
    """It has begun when the question ends the round, so the round has to wait for it."""
    mcp = make_server()
    effects = Effects()

    @mcp.tool()
    async def t(ctx: Context) -> str:
        pending: list[Any] = [ctx.elicit("Sure?", Confirm), ctx.step("s", effects.note_later, "charged")]
        if order == "step first":
            pending.reverse()
        await asyncio.gather(*pending)
        return "done"

    assert serve(mcp).answered("t", {"elicitation-1": YES}).text == "done"
    assert effects.happened == ["charged"]


def test_a_step_that_was_not_waited_for_leaves_nothing_behind(serve: Serve) -> None:
    """No coroutine that was never awaited: warnings are errors here."""
    mcp = make_server()
    effects = Effects()

    @mcp.tool()
    async def t(ctx: Context) -> str:
        later = ctx.step("s", effects.note_later, "charged")
        await ctx.elicit("Sure?", Confirm)
        return await later

    assert serve(mcp).answered("t", {"elicitation-1": YES}).text == "charged done"
    gc.collect()
    assert effects.happened == ["charged"]


def test_steps_and_answers_travel_in_the_state_alone(serve: Serve) -> None:
    """The token is all there is: it holds them, and no client can read them there."""
    mcp = make_server()

    @mcp.tool()
    def t(ctx: Context) -> str:
        ctx.step("secret-step", lambda: "secret-result").result()
        return ctx.elicit("Sure?", Confirm).result().action

    state = ask(serve(mcp)).state
    assert "secret" not in state
    assert json.dumps(state) == f'"{state}"'
    assert len(state) < 600


# Mistakes


NOT_A_FUNCTION = (
    "The step 'charge' takes a function and its arguments, ctx.step('charge', function, argument), so that "
    "it is called once: this is "
)


async def charge(amount: int) -> int:
    return amount


@pytest.mark.parametrize(
    ("begin", "text"),
    [
        (
            lambda ctx: ctx.step(charge, 5),
            "The first argument of ctx.step is the step's name, a text: this is of type function",
        ),
        (
            lambda ctx: ctx.step("charge", charge(5)),
            f"{NOT_A_FUNCTION}a coroutine, so the function was called already",
        ),
        (
            lambda ctx: ctx.step("charge", ctx.step("sum", sum, [1])),
            f"{NOT_A_FUNCTION}a Pending",
        ),
        (
            lambda ctx: ctx.step("charge", 5),
            f"{NOT_A_FUNCTION}of type int",
        ),
        (
            lambda ctx: ctx.step("charge", charge, ctx.step("sum", sum, [1])),
            f"An argument of the step 'charge' is a Pending: {WAIT}",
        ),
        (
            lambda ctx: ctx.step("charge", charge, amount=ctx.step("sum", sum, [1])),
            f"An argument of the step 'charge' is a Pending: {WAIT}",
        ),
    ],
)
def test_arguments_of_a_step_that_cannot_be_meant(
    serve: Serve, begin: Callable[[Context], Any], text: str, caplog: pytest.LogCaptureFixture
) -> None:
    mcp = make_server()

    @mcp.tool()
    def t(ctx: Context) -> None:
        begin(ctx)

    assert ask(serve(mcp)).result["isError"] is True
    assert f"TypeError: {text}\n" in caplog.text + "\n"
    gc.collect()  # a coroutine that was never awaited would be an error here
