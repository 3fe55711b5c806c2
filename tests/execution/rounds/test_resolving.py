"""Resolvers at work: what they see, how often they run, and what they ask."""

import asyncio
import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

import pydantic
import pytest
from tests import support
from tests.support import Client, accept, make_server

from lambent import (
    AcceptedElicitation,
    CancelledElicitation,
    Context,
    DeclinedElicitation,
    Elicit,
    ElicitationResult,
    InvalidParamsError,
    ListRoots,
    MCPServer,
    Resolve,
    Root,
    Sample,
    SamplingResult,
    ToolError,
)

Serve = Callable[..., Client]

ROOTS = {"roots": [{"uri": "file:///home", "name": "home"}]}
SAMPLED = {"role": "assistant", "content": {"type": "text", "text": "Dune"}, "model": "m"}


@dataclass
class Ok:
    ok: bool


@dataclass
class Address:
    city: str


class Backorder(pydantic.BaseModel):
    confirm: bool


def asking(mcp: MCPServer, serve: Serve, **answers: Any) -> list[support.Reply]:
    """All rounds of a call of the tool ``work``."""
    params = {"name": "work", "arguments": {"title": "Dune"}}
    return list(serve(mcp).converse("tools/call", params, answers))


# What a resolver sees.


def test_it_sees_the_arguments_by_name_as_the_feature_sees_them(serve: Serve) -> None:
    mcp = make_server()
    seen: list[Any] = []

    def look(count: float, title: str) -> str:
        seen.append((count, title))
        return "looked"

    @mcp.tool()
    def work(title: str, count: float, value: Annotated[str, Resolve(look)]) -> str:
        seen.append((count, title))
        return value

    assert serve(mcp).call("work", {"title": "Dune", "count": 2}).text == "looked"
    assert seen == [(2.0, "Dune")] * 2
    assert [type(count) for count, _ in seen] == [float, float]


@pytest.mark.parametrize("model", [False, True], ids=["msgspec", "pydantic"])
def test_it_sees_the_defaults_of_what_the_client_left_out(serve: Serve, model: bool) -> None:
    mcp = make_server()

    def look(title: str, count: int) -> str:
        return f"{title} {count}"

    if model:

        @mcp.tool()
        def work(
            value: Annotated[str, Resolve(look)],
            title: Annotated[str, pydantic.Field(min_length=1)] = "Dune",
            count: int = 3,
        ) -> str:
            return value

    else:

        @mcp.tool(name="work")
        def plain(value: Annotated[str, Resolve(look)], title: str = "Dune", count: int = 3) -> str:
            return value

    client = serve(mcp)
    assert client.call("work").text == "Dune 3"
    assert client.call("work", {"count": 5}).text == "Dune 5"


def test_its_own_defaults_stay(serve: Serve) -> None:
    mcp = make_server()

    def look(title: str, limit: int = 10) -> str:
        return f"{title} {limit}"

    @mcp.tool()
    def work(title: str, value: Annotated[str, Resolve(look)]) -> str:
        return value

    assert serve(mcp).call("work", {"title": "Dune"}).text == "Dune 10"


def test_it_sees_the_context(serve: Serve) -> None:
    mcp = make_server()

    def who(ctx: Context) -> str:
        ctx.report_progress(1)
        return ctx.headers["x-user"]

    @mcp.tool()
    def work(user: Annotated[str, Resolve(who)]) -> str:
        return user

    reply = serve(mcp).call("work", headers={"x-user": "ada"}, progressToken="p")
    assert (reply.text, len(reply.notifications)) == ("ada", 1)


def test_it_sees_what_other_resolvers_give(serve: Serve) -> None:
    mcp = make_server()

    def stock(title: str) -> int:
        return len(title)

    async def delivery(copies: Annotated[int, Resolve(stock)], title: str) -> str:
        return f"{title} tomorrow" if copies else "later"

    def label(when: Annotated[str, Resolve(delivery)], copies: Annotated[int, Resolve(stock)]) -> str:
        return f"{copies}: {when}"

    @mcp.tool()
    def work(title: str, value: Annotated[str, Resolve(label)]) -> str:
        return value

    assert serve(mcp).call("work", {"title": "Dune"}).text == "4: Dune tomorrow"


def test_a_resolver_may_do_steps(serve: Serve) -> None:
    mcp = make_server()
    charged: list[str] = []

    def charge(title: str, ctx: Context) -> int:
        return ctx.step("charge", lambda: charged.append(title) or len(charged)).result()

    def confirm(number: Annotated[int, Resolve(charge)]) -> Elicit[Ok]:
        return Elicit(f"Charge number {number}?", Ok)

    @mcp.tool()
    def work(title: str, ok: Annotated[Ok, Resolve(confirm)], n: Annotated[int, Resolve(charge)]) -> str:
        return f"{ok.ok} {n}"

    *_, last = asking(mcp, serve, confirm=accept(ok=True))
    assert last.text == "True 1"
    assert charged == ["Dune"]


# How often it runs.


def test_it_runs_once_a_call_however_many_want_it(serve: Serve) -> None:
    mcp = make_server()
    runs: list[str] = []

    def stock(title: str) -> int:
        runs.append(title)
        return len(runs)

    def left(copies: Annotated[int, Resolve(stock)]) -> int:
        return copies

    async def right(copies: Annotated[int, Resolve(stock)]) -> int:
        return copies

    @mcp.tool()
    def work(
        title: str,
        a: Annotated[int, Resolve(stock)],
        b: Annotated[int, Resolve(left)],
        c: Annotated[int, Resolve(right)],
        d: Annotated[int, Resolve(stock)],
    ) -> list[int]:
        return [a, b, c, d]

    client = serve(mcp)
    assert client.call("work", {"title": "Dune"}).value == [1, 1, 1, 1]
    assert client.call("work", {"title": "Dune"}).value == [2, 2, 2, 2]
    assert runs == ["Dune", "Dune"]


def test_it_runs_again_each_round_and_its_question_is_asked_once(serve: Serve) -> None:
    mcp = make_server()
    runs: list[str] = []

    def first() -> Elicit[Ok]:
        runs.append("first")
        return Elicit("First?", Ok)

    def second(before: Annotated[Ok, Resolve(first)]) -> Elicit[Ok]:
        runs.append("second")
        return Elicit("Second?", Ok)

    @mcp.tool()
    def work(title: str, ok: Annotated[Ok, Resolve(second)]) -> str:
        runs.append("work")
        return str(ok.ok)

    one, two, three = asking(mcp, serve, first=accept(ok=True), second=accept(ok=False))
    assert (list(one.questions), list(two.questions), three.text) == (["first"], ["second"], "False")
    assert runs == ["first", "first", "second", "first", "second", "work"]


def test_a_feature_runs_only_when_everything_is_there(serve: Serve) -> None:
    mcp = make_server()
    ran: list[str] = []

    def confirm() -> Elicit[Ok]:
        return Elicit("Sure?", Ok)

    @mcp.tool()
    def work(title: str, ok: Annotated[Ok, Resolve(confirm)]) -> str:
        ran.append(title)
        return "worked"

    one, two = asking(mcp, serve, confirm=accept(ok=True))
    assert one.questions["confirm"]["params"]["message"] == "Sure?"
    assert two.text == "worked"
    assert ran == ["Dune"]


# What it asks.


def test_it_asks_only_when_it_must(serve: Serve) -> None:
    mcp = make_server()

    def confirm(title: str) -> Backorder | Elicit[Backorder]:
        if title == "Dune":
            return Backorder(confirm=True)
        return Elicit(f"{title!r} is out of stock. Order anyway?", Backorder)

    @mcp.tool()
    async def work(title: str, order: Annotated[Backorder, Resolve(confirm)]) -> str:
        return f"{type(order).__name__} {order.confirm}"

    client = serve(mcp)
    assert client.call("work", {"title": "Dune"}).text == "Backorder True"  # no capability is needed
    last = client.answered("work", {"confirm": accept(confirm=False)}, {"title": "Emma"})
    assert last.text == "Backorder False"


def test_independent_questions_go_out_in_one_round(serve: Serve) -> None:
    mcp = make_server()

    def confirm() -> Elicit[Ok]:
        return Elicit("Sure?", Ok)

    async def where() -> ListRoots:
        return ListRoots()

    def suggest(title: str) -> Sample:
        return Sample(f"A book like {title}?", max_tokens=50, temperature=0.5)

    @mcp.tool()
    def work(
        title: str,
        ok: Annotated[Ok, Resolve(confirm)],
        roots: Annotated[list[Root], Resolve(where)],
        like: Annotated[SamplingResult, Resolve(suggest)],
    ) -> str:
        return f"{ok.ok} {roots[0].name} {like.text}"

    one, two = asking(mcp, serve, confirm=accept(ok=True), where=ROOTS, suggest=SAMPLED)
    assert {key: question["method"] for key, question in one.questions.items()} == {
        "confirm": "elicitation/create",
        "where": "roots/list",
        "suggest": "sampling/createMessage",
    }
    assert one.questions["suggest"]["params"] == {
        "messages": [{"role": "user", "content": {"type": "text", "text": "A book like Dune?"}}],
        "maxTokens": 50,
        "temperature": 0.5,
    }
    assert two.text == "True home Dune"


def test_what_depends_on_an_answer_waits_for_it_and_the_rest_does_not(serve: Serve) -> None:
    mcp = make_server()

    def address() -> Elicit[Address]:
        return Elicit("Where to?", Address)

    def confirm(to: Annotated[Address, Resolve(address)]) -> Elicit[Ok]:
        return Elicit(f"To {to.city}?", Ok)

    def where() -> ListRoots:
        return ListRoots()

    def suggest(roots: Annotated[list[Root], Resolve(where)]) -> Sample:
        return Sample(f"A book for {roots[0].name}?")

    @mcp.tool()
    def work(
        title: str,
        ok: Annotated[Ok, Resolve(confirm)],
        like: Annotated[SamplingResult, Resolve(suggest)],
        to: Annotated[Address, Resolve(address)],
    ) -> str:
        return f"{ok.ok} {like.text} {to.city}"

    answers = {"address": accept(city="Rome"), "confirm": accept(ok=True), "where": ROOTS, "suggest": SAMPLED}
    one, two, three = asking(mcp, serve, **answers)
    assert sorted(one.questions) == ["address", "where"]
    assert sorted(two.questions) == ["confirm", "suggest"]
    assert two.questions["confirm"]["params"]["message"] == "To Rome?"
    assert three.text == "True Dune Rome"


def test_questions_of_resolvers_that_ask_for_themselves_go_out_together_too(serve: Serve) -> None:
    mcp = make_server()

    def plain(ctx: Context) -> bool:
        answer = ctx.elicit("Plain?", Ok, key="plain").result()
        return isinstance(answer, AcceptedElicitation) and answer.data.ok

    async def asynchronous(ctx: Context) -> int:
        return len(await ctx.list_roots(key="async"))

    def marked() -> Elicit[Ok]:
        return Elicit("Marked?", Ok)

    @mcp.tool()
    def work(
        title: str,
        a: Annotated[bool, Resolve(plain)],
        b: Annotated[int, Resolve(asynchronous)],
        c: Annotated[Ok, Resolve(marked)],
    ) -> str:
        return f"{a} {b} {c.ok}"

    answers = {"plain": accept(ok=True), "async": ROOTS, "marked": accept(ok=False)}
    one, two = asking(mcp, serve, **answers)
    assert sorted(one.questions) == ["async", "marked", "plain"]
    assert two.text == "True 1 False"


def test_a_client_that_answers_one_question_is_asked_the_other_again(serve: Serve) -> None:
    mcp = make_server()

    def left() -> Elicit[Ok]:
        return Elicit("Left?", Ok)

    def right() -> Elicit[Ok]:
        return Elicit("Right?", Ok)

    @mcp.tool()
    def work(left: Annotated[Ok, Resolve(left)], right: Annotated[Ok, Resolve(right)]) -> str:
        return f"{left.ok} {right.ok}"

    client = serve(mcp)
    asked: dict[str, Any] = {"capabilities": support.EVERYTHING}
    one = client.call("work", **asked)
    also = {"inputResponses": {"right": accept(ok=True)}, "requestState": one.state}
    two = client.call("work", also=also, **asked)
    assert list(two.questions) == ["left"]
    also = {"inputResponses": {"left": accept(ok=False)}, "requestState": two.state}
    assert client.call("work", also=also, **asked).text == "False True"


def test_an_answer_that_does_not_fit_is_refused(serve: Serve) -> None:
    mcp = make_server()

    def confirm() -> Elicit[Ok]:
        return Elicit("Sure?", Ok)

    @mcp.tool()
    def work(title: str, ok: Annotated[Ok, Resolve(confirm)]) -> str:
        return "worked"

    *_, last = asking(mcp, serve, confirm=accept(ok="perhaps"))
    assert last.error["code"] == -32602
    assert "confirm" in last.error["message"]


@pytest.mark.parametrize(
    ("marker", "missing"),
    [
        (Elicit("Sure?", Ok), {"elicitation": {"form": {}}}),
        (Sample("Which?"), {"sampling": {}}),
        (Sample("Which?", tools=[{"name": "t", "inputSchema": {}}]), {"sampling": {"tools": {}}}),
        (ListRoots(), {"roots": {}}),
    ],
    ids=["elicit", "sample", "sample with tools", "roots"],
)
def test_a_client_that_cannot_be_asked_is_told_what_it_lacks(
    serve: Serve, marker: Any, missing: dict[str, Any]
) -> None:
    mcp = make_server()

    def ask() -> Any:
        return marker

    @mcp.tool()
    def work(value: Annotated[Any, Resolve(ask)]) -> str:
        return "worked"

    reply = serve(mcp).call("work")
    assert (reply.status, reply.error["code"]) == (400, -32021)
    assert reply.error["data"] == {"requiredCapabilities": missing}


def test_the_answer_belongs_to_the_question_as_it_was_asked(serve: Serve) -> None:
    mcp = make_server()
    price = 10

    def confirm() -> Elicit[Ok]:
        return Elicit(f"Pay {price}?", Ok)

    @mcp.tool()
    def work(ok: Annotated[Ok, Resolve(confirm)]) -> str:
        return "paid"

    client = serve(mcp)
    one = client.call("work", capabilities=support.EVERYTHING)
    price = 20
    also = {"inputResponses": {"confirm": accept(ok=True)}, "requestState": one.state}
    two = client.call("work", also=also, capabilities=support.EVERYTHING)
    assert two.questions["confirm"]["params"]["message"] == "Pay 20?"


# Outcomes.


@pytest.mark.parametrize(("action", "verb"), [("decline", "declined"), ("cancel", "dismissed")])
def test_a_question_that_is_not_answered_ends_the_call(serve: Serve, action: str, verb: str) -> None:
    mcp = make_server()
    ran: list[str] = []

    def confirm() -> Elicit[Ok]:
        return Elicit("Sure?", Ok)

    @mcp.tool()
    def work(title: str, sure: Annotated[Ok, Resolve(confirm)]) -> str:
        ran.append(title)
        return "worked"

    *_, last = asking(mcp, serve, confirm={"action": action})
    assert last.result["isError"] is True
    assert verb in last.text
    assert "'sure'" in last.text
    assert ran == []


def test_a_no_ends_the_call_even_when_other_questions_are_open(serve: Serve) -> None:
    mcp = make_server()

    def left() -> Elicit[Ok]:
        return Elicit("Left?", Ok)

    def right() -> Elicit[Ok]:
        return Elicit("Right?", Ok)

    def further(before: Annotated[Ok, Resolve(left)]) -> Elicit[Ok]:
        return Elicit("Further?", Ok)

    @mcp.tool()
    def work(
        title: str,
        left: Annotated[Ok, Resolve(left)],
        right: Annotated[Ok, Resolve(right)],
        further: Annotated[Ok, Resolve(further)],
    ) -> str:
        return "worked"

    # Whatever the user would answer to the other questions, the call cannot succeed any more.
    one, two = asking(mcp, serve, left=accept(ok=True), right={"action": "decline"})
    assert sorted(one.questions) == ["left", "right"]
    assert "declined" in two.text


@pytest.mark.parametrize(
    ("answer", "told"),
    [(accept(ok=True), "accept True"), ({"action": "decline"}, "decline"), ({"action": "cancel"}, "cancel")],
)
def test_a_feature_that_takes_the_outcome_decides_itself(
    serve: Serve, answer: dict[str, Any], told: str
) -> None:
    mcp = make_server()

    def confirm() -> Elicit[Ok]:
        return Elicit("Sure?", Ok)

    @mcp.tool()
    def work(title: str, outcome: Annotated[ElicitationResult[Ok], Resolve(confirm)]) -> str:
        if isinstance(outcome, AcceptedElicitation):
            return f"{outcome.action} {outcome.data.ok}"
        assert isinstance(outcome, DeclinedElicitation | CancelledElicitation)
        return outcome.action

    *_, last = asking(mcp, serve, confirm=answer)
    assert last.text == told


def test_a_resolver_may_take_the_outcome_of_another(serve: Serve) -> None:
    mcp = make_server()

    def confirm() -> Elicit[Ok]:
        return Elicit("Sure?", Ok)

    def verdict(outcome: Annotated[ElicitationResult[Ok], Resolve(confirm)]) -> str:
        return f"it was {outcome.action}"

    @mcp.tool()
    def work(title: str, value: Annotated[str, Resolve(verdict)]) -> str:
        return value

    *_, last = asking(mcp, serve, confirm={"action": "decline"})
    assert last.text == "it was decline"


def test_one_takes_the_outcome_and_another_needs_the_answer(serve: Serve) -> None:
    mcp = make_server()

    def confirm() -> Elicit[Ok]:
        return Elicit("Sure?", Ok)

    @mcp.tool()
    def work(
        title: str,
        outcome: Annotated[ElicitationResult[Ok], Resolve(confirm)],
        sure: Annotated[Ok, Resolve(confirm)],
    ) -> str:
        return f"{outcome.action} {sure.ok}"

    *_, yes = asking(mcp, serve, confirm=accept(ok=True))
    assert yes.text == "accept True"
    *_, no = asking(mcp, serve, confirm={"action": "decline"})
    assert no.result["isError"] is True


def test_a_value_that_needed_no_question_counts_as_accepted(serve: Serve) -> None:
    mcp = make_server()

    def confirm(title: str) -> Ok | Elicit[Ok]:
        return Ok(True) if title == "Dune" else Elicit("Sure?", Ok)

    @mcp.tool()
    def work(title: str, outcome: Annotated[ElicitationResult[Ok], Resolve(confirm)]) -> str:
        return f"{outcome.action} {outcome.data.ok}" if outcome.action == "accept" else outcome.action

    client = serve(mcp)
    assert client.call("work", {"title": "Dune"}).text == "accept True"
    assert client.answered("work", {"confirm": accept(ok=False)}, {"title": "Emma"}).text == "accept False"


# Failures.


@pytest.mark.parametrize("kind", ["plain", "asynchronous"])
def test_a_resolver_fails_as_its_tool_would(serve: Serve, kind: str) -> None:
    mcp = make_server()

    def plain(title: str) -> int:
        raise ToolError(f"no {title}")

    async def asynchronous(title: str) -> int:
        await asyncio.sleep(0)
        raise ToolError(f"no {title}")

    resolver = {"plain": plain, "asynchronous": asynchronous}[kind]

    @mcp.tool()
    def work(title: str, value: Annotated[int, Resolve(resolver)]) -> str:
        return "worked"

    assert serve(mcp).call("work", {"title": "Dune"}).body == support.tool_error(
        "Error executing tool work: no Dune"
    )


def test_an_unexpected_failure_is_told_by_its_reference_only(serve: Serve) -> None:
    mcp = make_server()

    def broken() -> int:
        raise ValueError("the secret")

    @mcp.tool()
    def work(value: Annotated[int, Resolve(broken)]) -> str:
        return "worked"

    reply = serve(mcp).call("work")
    assert reply.result["isError"] is True
    assert "reference" in reply.text
    assert "secret" not in reply.text


def test_a_protocol_error_stays_one(serve: Serve) -> None:
    mcp = make_server()

    def picky() -> int:
        raise InvalidParamsError("not like this")

    @mcp.tool()
    def work(value: Annotated[int, Resolve(picky)]) -> str:
        return "worked"

    assert serve(mcp).call("work").body == support.failure(-32602, "not like this")


# The client's side of it.


@pytest.mark.parametrize("model", [False, True], ids=["msgspec", "pydantic"])
def test_nothing_of_it_is_in_the_schema_and_sending_it_is_refused(serve: Serve, model: bool) -> None:
    mcp = make_server()

    def price(title: str, ctx: Context) -> int:
        return len(title)

    if model:

        @mcp.tool()
        def work(
            title: Annotated[str, pydantic.Field(min_length=1)],
            value: Annotated[int, Resolve(price)],
            ctx: Context,
        ) -> int:
            return value

    else:

        @mcp.tool(name="work")
        def plain(title: str, value: Annotated[int, Resolve(price)], ctx: Context) -> int:
            return value

    client = serve(mcp)
    schema = client.tool("work")["inputSchema"]
    assert list(schema["properties"]) == ["title"]
    assert schema["required"] == ["title"]
    assert "$defs" not in schema
    for name in ("value", "ctx"):
        reply = client.call("work", {"title": "Dune", name: 0})
        assert reply.value == 4
    assert client.call("work", {"title": "Dune"}).value == 4


def test_a_tool_that_takes_any_arguments_still_gets_the_resolvers_value(serve: Serve) -> None:
    mcp = make_server()

    def price() -> int:
        return 10

    @mcp.tool(input_schema={"type": "object"})
    def work(value: Annotated[int, Resolve(price)], **arguments: Any) -> dict[str, Any]:
        return {"value": value, "arguments": arguments}

    client = serve(mcp)
    assert client.call("work", {"a": 1}).value == {"value": 10, "arguments": {"a": 1}}
    smuggled = client.call("work", {"a": 1, "value": 0})
    if not smuggled.result.get("isError"):
        assert smuggled.value["value"] == 10


def test_prompts_and_resources_have_resolvers_too(serve: Serve) -> None:
    mcp = make_server()

    def confirm(title: str) -> Elicit[Ok]:
        return Elicit(f"Show {title}?", Ok)

    async def shout(title: str) -> str:
        await asyncio.sleep(0)
        return title.upper()

    @mcp.prompt()
    def plain_prompt(
        title: str, loud: Annotated[str, Resolve(shout)], ok: Annotated[Ok, Resolve(confirm)]
    ) -> str:
        return f"{loud} {ok.ok}"

    @mcp.prompt()
    async def async_prompt(
        title: str, loud: Annotated[str, Resolve(shout)], ok: Annotated[Ok, Resolve(confirm)]
    ) -> str:
        return f"{loud} {ok.ok}"

    @mcp.resource("plain://{title}")
    def plain_resource(
        title: str, loud: Annotated[str, Resolve(shout)], ok: Annotated[Ok, Resolve(confirm)]
    ) -> str:
        return f"{loud} {ok.ok}"

    @mcp.resource("async://{title}")
    async def async_resource(
        title: str, loud: Annotated[str, Resolve(shout)], ok: Annotated[Ok, Resolve(confirm)]
    ) -> str:
        return f"{loud} {ok.ok}"

    client = serve(mcp)
    answers = {"confirm": accept(ok=True)}
    for name in ("plain_prompt", "async_prompt"):
        params = {"name": name, "arguments": {"title": "Dune"}}
        one, two = client.converse("prompts/get", params, answers)
        assert one.questions["confirm"]["params"]["message"] == "Show Dune?"
        assert two.result["messages"][0]["content"]["text"] == "DUNE True"
    for scheme in ("plain", "async"):
        one, two = client.converse("resources/read", {"uri": f"{scheme}://Dune"}, answers)
        assert one.questions["confirm"]["params"]["message"] == "Show Dune?"
        assert two.result["contents"][0]["text"] == "DUNE True"
    (definition, _) = client.request("prompts/list").result["prompts"]
    assert [argument["name"] for argument in definition["arguments"]] == ["title"]


@pytest.mark.parametrize(
    ("method", "params"),
    [("prompts/get", {"name": "prompt", "arguments": {}}), ("resources/read", {"uri": "a://b"})],
)
def test_where_there_is_no_tool_result_a_no_is_an_error(
    serve: Serve, method: str, params: dict[str, Any]
) -> None:
    mcp = make_server()

    def confirm() -> Elicit[Ok]:
        return Elicit("Sure?", Ok)

    @mcp.prompt()
    def prompt(ok: Annotated[Ok, Resolve(confirm)]) -> str:
        return "prompt"

    @mcp.resource("a://b")
    def resource(ok: Annotated[Ok, Resolve(confirm)]) -> str:
        return "resource"

    *_, last = serve(mcp).converse(method, params, {"confirm": {"action": "decline"}})
    assert "declined" in last.error["message"]


def test_async_and_plain_resolvers_and_tools_mix(serve: Serve) -> None:
    mcp = make_server()
    loops: list[Any] = []

    async def first(title: str) -> str:
        loops.append(asyncio.get_running_loop())
        return title

    def second(value: Annotated[str, Resolve(first)]) -> str:
        return value + "!"

    async def third(value: Annotated[str, Resolve(second)]) -> str:
        loops.append(asyncio.get_running_loop())
        return value + "?"

    @mcp.tool()
    async def work(title: str, value: Annotated[str, Resolve(third)]) -> str:
        loops.append(asyncio.get_running_loop())
        return value

    assert serve(mcp).call("work", {"title": "Dune"}).text == "Dune!?"
    assert len(set(loops)) == 1
    assert len(loops) == 3


class Desk:
    def method(self, title: str) -> str:
        return title

    async def async_method(self, title: str) -> str:
        return title


class PlainObject:
    def __call__(self, title: str) -> str:
        return title


class AsyncObject:
    async def __call__(self, title: str) -> str:
        return title


def plain(title: str) -> str:
    return title


async def coroutine(title: str) -> str:
    return title


def wrapped(function: Callable[..., Any]) -> Callable[..., Any]:
    """A decorator as most are: it passes on what the function returns."""

    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return wrapper


@pytest.mark.parametrize(
    "resolver",
    [
        plain,
        coroutine,
        Desk().method,
        Desk().async_method,
        PlainObject(),
        AsyncObject(),
        wrapped(plain),
        wrapped(coroutine),
        lambda title: coroutine(title),  # noqa: PLW0108 - it is no coroutine function
    ],
    ids=[
        "function",
        "coroutine function",
        "method",
        "async method",
        "object",
        "async object",
        "wrapped",
        "wrapped coroutine function",
        "lambda that returns a coroutine",
    ],
)
def test_whatever_is_asynchronous_is_awaited(serve: Serve, resolver: Any) -> None:
    mcp = make_server()

    @mcp.tool()
    def work(title: str, value: Annotated[str, Resolve(resolver)]) -> str:
        return value

    assert serve(mcp).call("work", {"title": "Dune"}).text == "Dune"


def test_the_tool_may_ask_further_questions(serve: Serve) -> None:
    mcp = make_server()

    def confirm() -> Elicit[Ok]:
        return Elicit("Sure?", Ok)

    @mcp.tool()
    def work(title: str, ok: Annotated[Ok, Resolve(confirm)], ctx: Context) -> str:
        where = ctx.elicit("Where to?", Address, key="where").result()
        return f"{ok.ok} {where.data.city}" if where.action == "accept" else where.action

    one, two, three = asking(mcp, serve, confirm=accept(ok=True), where=accept(city="Rome"))
    assert (list(one.questions), list(two.questions), three.text) == (["confirm"], ["where"], "True Rome")
