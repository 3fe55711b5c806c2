"""Models of ``mcp.types``: those that extensions derive their own from, notifications, and questions."""

from collections.abc import Callable, Sequence
from typing import Any

import pydantic
import pytest
from tests.support import Client, success

from lambent import AcceptedElicitation, Root, SamplingMessage, TextContent
from lambent.compat import Context, Extension, MCPServer, MethodBinding, ServerRequestContext, types
from lambent.compat.models import (
    CallToolRequestParams,
    GetPromptRequestParams,
    ReadResourceRequestParams,
    RequestParams,
    Result,
    SubscriptionsListenRequestParams,
)
from lambent.testing import TestClient
from lambent.testing.results import CallResult, LogMessage, Progress

Serve = Callable[..., Client]


class JobParams(RequestParams):
    job_id: str


class JobStatus(Result):
    job_status: str


async def job_status(ctx: ServerRequestContext[Any, Any], params: JobParams) -> JobStatus:
    assert params.meta is not None
    return JobStatus(job_status=f"{params.job_id} runs", meta={"com.example/a": params.meta["com.example/a"]})


class Jobs(Extension):
    identifier = "com.example/jobs"

    def methods(self) -> Sequence[MethodBinding]:
        return [MethodBinding("com.example/jobs.status", JobParams, job_status)]


def test_members_have_the_names_of_the_wire(serve: Serve) -> None:
    client = serve(MCPServer("shop", version="1.2.3", extensions=[Jobs()]))
    reply = client.request("com.example/jobs.status", {"jobId": "job-7"}, **{"com.example/a": 1})
    assert reply.body == success('"jobStatus":"job-7 runs"', meta='"com.example/a":1')
    assert client.request("com.example/jobs.status", {}).error["code"] == -32602


@pytest.mark.parametrize(
    ("model", "params"),
    [
        (CallToolRequestParams, {"name": "a", "arguments": {"b": 1}, "requestState": "s"}),
        (ReadResourceRequestParams, {"uri": "a:b", "inputResponses": {"a": {}}}),
        (GetPromptRequestParams, {"name": "a", "arguments": {"b": "c"}}),
        (
            SubscriptionsListenRequestParams,
            {"notifications": {"resourceSubscriptions": ["a:b"], "taskIds": ["t"]}, "_meta": {"a": 1}},
        ),
    ],
)
def test_parameters_are_read_and_written_as_they_are(
    model: type[pydantic.BaseModel], params: dict[str, Any]
) -> None:
    assert model.model_validate(params).model_dump(by_alias=True, exclude_none=True) == params


# Notifications


LOG = types.LoggingMessageNotification(
    params=types.LoggingMessageNotificationParams(level="info", logger="shop", data={"sold": 1})
)


def sent(notification: Any) -> CallResult:
    mcp = MCPServer("shop")

    @mcp.tool()
    async def sell(ctx: Context) -> str:
        await ctx.session.send_notification(notification)
        return "sold"

    return TestClient(mcp).call("sell")


@pytest.mark.parametrize("notification", [LOG, types.ServerNotification(LOG)])
def test_log_messages(notification: Any) -> None:
    assert sent(notification).logs == [LogMessage("info", {"sold": 1}, "shop")]


def test_progress() -> None:
    params = types.ProgressNotificationParams(progress_token="a", progress=1, total=2, message="half")
    assert sent(types.ProgressNotification(params=params)).progress == [Progress(1.0, 2.0, "half")]


# Questions of an InputRequiredResult


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
    with pytest.raises(pydantic.ValidationError):
        types.ElicitRequest(params={"message": "?"})
