"""Questions of an ``InputRequiredResult`` that are objects of ``lambent.compat.types``."""

from typing import Any

import pytest
from pydantic import ValidationError

from lambent import AcceptedElicitation, Root, SamplingMessage, TextContent
from lambent.compat import Context, MCPServer, types
from lambent.testing import TestClient

SCHEMA = {"type": "object", "properties": {"ok": {"type": "boolean"}}, "required": ["ok"]}
HI = SamplingMessage(role="user", content=TextContent(text="Hi"))


def ask(request: Any, show: Any, *answers: Any, version: str | None = None) -> tuple[str, dict[str, Any]]:
    """What a tool makes of the answer to a question, and the question's parameters on the wire."""
    mcp = MCPServer("shop")

    @mcp.tool(structured_output=False)
    async def asks(ctx: Context):  # type: ignore[no-untyped-def]
        if ctx.input_responses is None:
            return types.InputRequiredResult(input_requests={"q": request})
        return str(show(ctx.input_responses["q"]))

    client = TestClient(mcp, answers=answers, version=version)
    text = client.call("asks").text
    (question,) = client.questions
    return text, question.params


@pytest.mark.parametrize(
    "params",
    [
        types.ElicitRequestFormParams(message="Sure?", requested_schema=SCHEMA),
        types.ElicitRequestFormParams(message="Sure?", requestedSchema=SCHEMA),
    ],
)
@pytest.mark.parametrize("version", [None, "2025-11-25"])
def test_forms(params: Any, version: str | None) -> None:
    def show(answer: Any) -> str:
        assert isinstance(answer, types.ElicitResult)
        return f"{answer.action} {answer.content}"

    text, asked = ask(types.ElicitRequest(params=params), show, {"ok": True}, version=version)
    assert text == "accept {'ok': True}"
    assert (asked["message"], asked["requestedSchema"]) == ("Sure?", SCHEMA)


def test_pages() -> None:
    params = types.ElicitRequestURLParams(message="Pay", url="https://pay.example.com", elicitation_id="7")
    request = types.ElicitRequest(params=params)
    text, asked = ask(request, lambda answer: answer.action, AcceptedElicitation(None))
    assert (text, asked["url"], asked["mode"]) == ("accept", "https://pay.example.com", "url")


def test_models() -> None:
    params = types.CreateMessageRequestParams(messages=[HI], max_tokens=9, system_prompt="Be brief")

    def show(answer: Any) -> str:
        assert isinstance(answer, types.CreateMessageResult)
        return answer.text

    text, asked = ask(types.CreateMessageRequest(params=params), show, "Hello")
    assert text == "Hello"
    assert asked == {
        "messages": [{"role": "user", "content": {"type": "text", "text": "Hi"}}],
        "maxTokens": 9,
        "systemPrompt": "Be brief",
    }


def test_roots() -> None:
    def show(answer: Any) -> str:
        assert isinstance(answer, types.ListRootsResult)
        return answer.roots[0].uri

    text, asked = ask(types.ListRootsRequest(), show, [Root(uri="file:///a")])
    assert (text, asked) == ("file:///a", {})


def test_a_question_that_is_none() -> None:
    with pytest.raises(ValidationError):
        types.ElicitRequest(params={"message": "?"})
