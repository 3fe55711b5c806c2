"""Handlers that ask by what they return: an ``InputRequiredResult`` of their own."""

import json
from typing import Any

import pydantic
import pytest
from tests.support import SETTINGS, Reply, headers_of, http_api, message

from lambent import AcceptedElicitation, DeclinedElicitation, InputRequiredResult, Root
from lambent.compat import Context, ElicitResult, MCPServer
from lambent.execution.rounds.questions import question_of
from lambent.testing import CallError, TestClient

FORM = {"type": "object", "properties": {"ok": {"type": "boolean"}}, "required": ["ok"]}


def form(text: str = "Sure?") -> dict[str, Any]:
    return {"method": "elicitation/create", "params": {"message": text, "requestedSchema": FORM}}


def refunds() -> MCPServer[Any]:
    mcp = MCPServer("shop")

    @mcp.tool()
    async def refund(amount: int, ctx: Context):  # type: ignore[no-untyped-def]
        if ctx.input_responses is None:
            return InputRequiredResult(input_requests={"sure": form()}, request_state=f"refund:{amount}")
        answer = ctx.input_responses["sure"]
        assert isinstance(answer, ElicitResult)
        return f"{answer.action} {answer.content} {ctx.request_state}"

    return mcp


@pytest.mark.parametrize("version", [None, "2025-11-25", "2025-06-18"])
def test_the_answer_and_the_state_come_back(version: str | None) -> None:
    client = TestClient(refunds(), version=version, answers=[{"ok": True}])
    assert client.call("refund", amount=7).text == "accept {'ok': True} refund:7"
    (question,) = client.questions
    assert (question.kind, question.message) == ("form", "Sure?")


def test_a_refusal_is_an_answer() -> None:
    client = TestClient(refunds(), answers=[DeclinedElicitation()])
    assert client.call("refund", amount=7).text == "decline None refund:7"


class Rounds:
    """Rounds of a call to ``refund``, by hand."""

    def __init__(self) -> None:
        self._handler = refunds().lambda_handler(SETTINGS)

    def send(self, **given: Any) -> dict[str, Any]:
        params = {"name": "refund", "arguments": {"amount": 7}, **given}
        body = message("tools/call", params, capabilities={"elicitation": {}})
        (response,) = Reply(self._handler(http_api(json.dumps(body), headers_of(body)), None)).messages
        return response


def test_the_state_of_the_handler_is_sealed() -> None:
    result = Rounds().send()["result"]
    assert (result["resultType"], result["inputRequests"]) == ("input_required", {"sure": form()})
    assert "refund" not in result["requestState"]


def rounds() -> MCPServer[Any]:
    mcp = MCPServer("shop")

    @mcp.tool()
    async def count(ctx: Context):  # type: ignore[no-untyped-def]
        done = int(ctx.request_state or 0)
        seen = sorted(ctx.input_responses or {})
        if done == 2:
            return f"{done} {seen}"
        return InputRequiredResult(
            input_requests={f"q{done}": form(f"Question {done}")}, request_state=str(done + 1)
        )

    return mcp


@pytest.mark.parametrize("version", [None, "2025-11-25"])
def test_each_round_has_the_answers_to_its_own_questions(version: str | None) -> None:
    client = TestClient(rounds(), version=version, answers=[{"ok": True}, {"ok": False}])
    assert client.call("count").text == "2 ['q1']"
    assert [question.message for question in client.questions] == ["Question 0", "Question 1"]


def test_all_kinds_of_questions_are_asked_at_once() -> None:
    mcp = MCPServer("shop")
    requests = {
        "page": {
            "method": "elicitation/create",
            "params": {"mode": "url", "message": "Pay", "url": "https://pay.example.com", "meta": None},
        },
        "model": {
            "method": "sampling/createMessage",
            "params": {
                "messages": [{"role": "user", "content": {"type": "text", "text": "Hi"}}],
                "maxTokens": 9,
            },
        },
        "roots": {"method": "roots/list"},
    }

    @mcp.tool()
    async def ask(ctx: Context):  # type: ignore[no-untyped-def]
        found = ctx.input_responses
        if found is None:
            return InputRequiredResult(input_requests=requests)
        return f"{found['page'].action} {found['model'].text} {found['roots'].roots[0].uri}"

    client = TestClient(mcp, answers=[AcceptedElicitation(None), "Hello", [Root(uri="file:///a")]])
    assert client.call("ask").text == "accept Hello file:///a"


def test_a_state_alone_is_a_round() -> None:
    mcp = MCPServer("shop")

    @mcp.tool()
    def again(ctx: Context):  # type: ignore[no-untyped-def]
        return "done" if ctx.request_state else InputRequiredResult(request_state="once")

    assert TestClient(mcp).call("again").text == "done"


class InputRequired(pydantic.BaseModel):
    """As the official SDK makes them; what counts is the name of the class."""

    input_requests: dict[str, Any] | None = pydantic.Field(None, serialization_alias="inputRequests")
    request_state: str | None = pydantic.Field(None, serialization_alias="requestState")


Foreign = type("InputRequiredResult", (InputRequired,), {})


def test_objects_of_another_library_ask_too() -> None:
    mcp = MCPServer("shop")

    @mcp.tool()
    def ask(ctx: Context):  # type: ignore[no-untyped-def]
        if ctx.input_responses is None:
            return Foreign(input_requests={"sure": form()}, request_state="s")
        return f"{ctx.input_responses['sure'].action} {ctx.request_state}"

    assert TestClient(mcp, answers=[{"ok": True}]).call("ask").text == "accept s"


@pytest.mark.parametrize("kind", ["resource", "prompt"])
def test_resources_and_prompts_ask_too(kind: str) -> None:
    mcp = MCPServer("shop")

    @mcp.prompt()
    @mcp.resource("orders://{order}")
    def ask(order: str, ctx: Context):  # type: ignore[no-untyped-def]
        if ctx.input_responses is None:
            return InputRequiredResult(input_requests={"sure": form(f"Order {order}?")})
        return f"{order} {ctx.input_responses['sure'].action}"

    client = TestClient(mcp, answers=[{"ok": True}])
    if kind == "resource":
        assert client.read("orders://7").text == "7 accept"
    else:
        assert client.get("ask", order="7").messages[0].content.text == "7 accept"


# What goes wrong


def test_a_client_that_cannot_answer_is_not_asked() -> None:
    with pytest.raises(CallError, match="elicitation"):
        TestClient(refunds(), capabilities={}).call("refund", amount=1)


@pytest.mark.parametrize(
    ("result", "why"),
    [
        (InputRequiredResult(), "needs input_requests or a request_state"),
        (InputRequiredResult(input_requests={"a": {"method": "tools/call"}}), "can be asked 'tools/call'"),
    ],
)
def test_what_nobody_can_be_asked_is_the_tools_failure(
    result: InputRequiredResult, why: str, caplog: pytest.LogCaptureFixture
) -> None:
    mcp = MCPServer("shop")

    @mcp.tool()
    def ask(ctx: Context):  # type: ignore[no-untyped-def]
        return result

    assert TestClient(mcp).attempt("ask").text.startswith("Error executing tool ask (reference")
    assert why in caplog.text


def test_an_answer_that_is_none_is_refused() -> None:
    rounds = Rounds()
    state = rounds.send()["result"]["requestState"]
    error = rounds.send(requestState=state, inputResponses={"sure": {"action": "shrug"}})["error"]
    assert (error["code"], error["message"].startswith("Invalid input response for 'sure'")) == (-32602, True)


def test_answers_that_were_not_asked_for_are_not_seen() -> None:
    rounds = Rounds()
    state = rounds.send()["result"]["requestState"]
    given = {"other": {"action": "accept"}}
    assert rounds.send(requestState=state, inputResponses=given)["result"]["resultType"] == "input_required"
    assert rounds.send(inputResponses=given)["result"]["resultType"] == "input_required"


def test_questions_are_made_of_requests() -> None:
    with pytest.raises(ValueError, match="No client can be asked 'ping'"):
        question_of("ping", {})
