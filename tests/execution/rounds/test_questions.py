"""Questions on the wire, who may be asked them, and how answers are read."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import pydantic
import pytest
from tests.support import (
    EVERYTHING,
    Client,
    accept,
    dumps,
    failure,
    headers_of,
    make_server,
    message,
)

from lambent import Context, MissingCapabilityError, Root, SamplingMessage, TextContent
from lambent.wire.values import ToolResultContent, ToolUseContent

Serve = Callable[..., Client]
Ask = Callable[[Context], Any]


@dataclass
class Confirm:
    ok: bool


class Model(pydantic.BaseModel):
    size: Literal["s", "m"] = "m"


FLAT = {"type": "object", "properties": {"n": {"type": "integer", "minimum": 1}}, "required": ["n"]}


def asking(serve: Serve, ask: Ask, show: Callable[[Any], Any] = repr) -> Client:
    mcp = make_server()

    @mcp.tool()
    def t(ctx: Context) -> str:
        return str(show(ask(ctx).result()))

    return serve(mcp)


def text(value: str, role: str = "user") -> dict[str, Any]:
    return {"role": role, "content": {"type": "text", "text": value}}


QUESTIONS: list[tuple[Ask, str, str, dict[str, Any]]] = [
    (
        lambda ctx: ctx.elicit("Sure?", Confirm),
        "elicitation-1",
        "elicitation/create",
        {
            "mode": "form",
            "message": "Sure?",
            "requestedSchema": {
                "title": "Confirm",
                "type": "object",
                "properties": {"ok": {"type": "boolean", "title": "Ok"}},
                "required": ["ok"],
            },
        },
    ),
    (
        lambda ctx: ctx.elicit("Which?", Model),
        "elicitation-1",
        "elicitation/create",
        {
            "mode": "form",
            "message": "Which?",
            "requestedSchema": {
                "title": "Model",
                "type": "object",
                "properties": {
                    "size": {"default": "m", "enum": ["s", "m"], "type": "string", "title": "Size"}
                },
            },
        },
    ),
    (
        lambda ctx: ctx.elicit("How many?", FLAT),
        "elicitation-1",
        "elicitation/create",
        {"mode": "form", "message": "How many?", "requestedSchema": FLAT},
    ),
    (
        lambda ctx: ctx.elicit_url("Pay here", "https://pay.example/1?a=b"),
        "elicitation-1",
        "elicitation/create",
        {"mode": "url", "message": "Pay here", "url": "https://pay.example/1?a=b"},
    ),
    (
        lambda ctx: ctx.sample("Sum up"),
        "sampling-1",
        "sampling/createMessage",
        {"messages": [text("Sum up")], "maxTokens": 1024},
    ),
    (
        lambda ctx: ctx.sample(
            [
                SamplingMessage(role="user", content=TextContent(text="q")),
                SamplingMessage(role="assistant", content=[ToolUseContent(id="1", name="n", input={"a": 1})]),
                SamplingMessage(
                    role="user",
                    content=[ToolResultContent(tool_use_id="1", content=[TextContent(text="r")])],
                ),
            ],
            max_tokens=5,
            system_prompt="Be brief",
            temperature=0.0,
            stop_sequences=["."],
            model_preferences={"hints": [{"name": "m"}], "speedPriority": 0.5},
            include_context="none",
            metadata={"k": "v"},
            tools=[{"name": "n", "inputSchema": {"type": "object"}}],
            tool_choice={"mode": "auto"},
        ),
        "sampling-1",
        "sampling/createMessage",
        {
            "messages": [
                text("q"),
                {
                    "role": "assistant",
                    "content": [{"type": "tool_use", "id": "1", "name": "n", "input": {"a": 1}}],
                },
                {
                    "role": "user",
                    "content": [
                        {"type": "tool_result", "toolUseId": "1", "content": [{"type": "text", "text": "r"}]}
                    ],
                },
            ],
            "maxTokens": 5,
            "systemPrompt": "Be brief",
            "temperature": 0.0,
            "stopSequences": ["."],
            "modelPreferences": {"hints": [{"name": "m"}], "speedPriority": 0.5},
            "includeContext": "none",
            "metadata": {"k": "v"},
            "tools": [{"name": "n", "inputSchema": {"type": "object"}}],
            "toolChoice": {"mode": "auto"},
        },
    ),
    (lambda ctx: ctx.list_roots(), "roots-1", "roots/list", {}),
]


@pytest.mark.parametrize(("ask", "key", "method", "params"), QUESTIONS)
def test_questions_on_the_wire(serve: Serve, ask: Ask, key: str, method: str, params: dict[str, Any]) -> None:
    reply = asking(serve, ask).call("t", capabilities=EVERYTHING)
    assert reply.questions == {key: {"method": method, "params": params}}
    expected = json.dumps({"method": method, "params": params}, separators=(",", ":"))
    if method != "elicitation/create" or params["mode"] == "url":
        assert expected.encode() in reply.body


# Capabilities


FORM: Ask = lambda ctx: ctx.elicit("Sure?", Confirm)  # noqa: E731
URL: Ask = lambda ctx: ctx.elicit_url("Pay", "https://pay.example")  # noqa: E731
SAMPLE: Ask = lambda ctx: ctx.sample("q")  # noqa: E731
TOOLS: Ask = lambda ctx: ctx.sample("q", tools=[])  # noqa: E731
CHOICE: Ask = lambda ctx: ctx.sample("q", tool_choice={"mode": "none"})  # noqa: E731
ROOTS: Ask = lambda ctx: ctx.list_roots()  # noqa: E731

NEEDS: list[tuple[Ask, dict[str, Any], list[dict[str, Any]], list[dict[str, Any]]]] = [
    (
        FORM,
        {"elicitation": {"form": {}}},
        [{"elicitation": {}}, {"elicitation": {"form": {}}}, {"elicitation": {"form": {}, "url": {}}}],
        [{}, {"elicitation": {"url": {}}}, {"sampling": {}, "roots": {}}],
    ),
    (
        URL,
        {"elicitation": {"url": {}}},
        [{"elicitation": {"url": {}}}, {"elicitation": {"form": {}, "url": {}}}],
        [{}, {"elicitation": {}}, {"elicitation": {"form": {}}}],
    ),
    (
        SAMPLE,
        {"sampling": {}},
        [{"sampling": {}}, {"sampling": {"tools": {}}}, {"sampling": {"context": {}}}],
        [{}, {"elicitation": {}}],
    ),
    (
        TOOLS,
        {"sampling": {"tools": {}}},
        [{"sampling": {"tools": {}}}],
        [{}, {"sampling": {}}, {"sampling": {"context": {}}}],
    ),
    (CHOICE, {"sampling": {"tools": {}}}, [{"sampling": {"tools": {}}}], [{"sampling": {}}]),
    (ROOTS, {"roots": {}}, [{"roots": {}}, {"roots": {"listChanged": True}}], [{}, {"sampling": {}}]),
]


@pytest.mark.parametrize(
    ("ask", "declared"), [(ask, declared) for ask, _, enough, _ in NEEDS for declared in enough]
)
def test_questions_go_to_clients_that_can_answer_them(
    serve: Serve, ask: Ask, declared: dict[str, Any]
) -> None:
    assert asking(serve, ask).call("t", capabilities=declared).questions


@pytest.mark.parametrize(
    ("ask", "required", "declared"),
    [(ask, required, declared) for ask, required, _, lacking in NEEDS for declared in lacking],
)
def test_questions_that_a_client_cannot_answer_are_not_asked(
    serve: Serve, ask: Ask, required: dict[str, Any], declared: dict[str, Any]
) -> None:
    reply = asking(serve, ask).call("t", capabilities=declared)
    assert reply.status == 400
    assert reply.headers == {"content-type": "application/json"}
    (name,) = required
    assert reply.body == failure(
        -32021,
        f"The client did not declare a capability that this request needs: {name}",
        {"requiredCapabilities": required},
    )


def test_capabilities_are_those_of_each_request(serve: Serve) -> None:
    client = asking(serve, FORM)
    state = client.call("t", capabilities=EVERYTHING).state
    also = {"requestState": state, "inputResponses": {"elicitation-1": accept(ok=True)}}
    assert client.call("t", also=also).error["code"] == -32021
    assert "Accepted" in client.call("t", also=also, capabilities={"elicitation": {}}).text


def test_a_tool_may_do_without(serve: Serve) -> None:
    mcp = make_server()

    @mcp.tool()
    def t(ctx: Context) -> str:
        try:
            return ctx.elicit("Sure?", Confirm).result().action
        except MissingCapabilityError as error:
            return f"without {error.data}"

    assert serve(mcp).call("t").text == "without {'requiredCapabilities': {'elicitation': {'form': {}}}}"


def test_extensions_can_be_required(serve: Serve) -> None:
    mcp = make_server()

    @mcp.tool()
    def t(ctx: Context) -> str:
        return repr(ctx.require_extension("com.example/x"))

    client = serve(mcp)
    assert client.call("t", capabilities={"extensions": {"com.example/x": {"a": 1}}}).text == "{'a': 1}"
    assert client.call("t", capabilities={"extensions": {"com.example/x": {}}}).text == "{}"
    for lacking in ({}, {"extensions": {}}, {"extensions": {"com.example/y": {}}}):
        assert client.call("t", capabilities=lacking).body == failure(
            -32021,
            "The client did not declare a capability that this request needs: extensions",
            {"requiredCapabilities": {"extensions": {"com.example/x": {}}}},
        )


# Answers


def answered(client: Client, key: str, answer: Any) -> Any:
    return client.call("t", also={"inputResponses": {key: answer}}, capabilities=EVERYTHING)


SAMPLED = {"role": "assistant", "content": {"type": "text", "text": "Paris."}, "model": "m"}


@pytest.mark.parametrize(
    ("answer", "shown"),
    [
        (SAMPLED, ("Paris.", "m", "assistant", None)),
        (
            {**SAMPLED, "stopReason": "endTurn", "_meta": {}, "more": 1},
            ("Paris.", "m", "assistant", "endTurn"),
        ),
        (
            {**SAMPLED, "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]},
            ("ab", "m", "assistant", None),
        ),
        (
            {**SAMPLED, "content": {"type": "tool_use", "id": "1", "name": "n", "input": {}}},
            ("", "m", "assistant", None),
        ),
    ],
)
def test_what_the_model_said(serve: Serve, answer: Any, shown: Any) -> None:
    client = asking(
        serve, SAMPLE, lambda result: (result.text, result.model, result.role, result.stop_reason)
    )
    assert answered(client, "sampling-1", answer).text == str(shown)


@pytest.mark.parametrize(
    ("answer", "shown"),
    [
        ({"roots": []}, []),
        ({"roots": [{"uri": "file:///a"}]}, [Root(uri="file:///a")]),
        (
            {"roots": [{"uri": "file:///a", "name": "A", "_meta": {"k": 1}}], "more": 1},
            [Root(uri="file:///a", name="A", meta={"k": 1})],
        ),
    ],
)
def test_which_roots_there_are(serve: Serve, answer: Any, shown: list[Root]) -> None:
    assert answered(asking(serve, ROOTS), "roots-1", answer).text == repr(shown)


@pytest.mark.parametrize("action", ["accept", "decline", "cancel"])
def test_a_page_was_agreed_to_or_not(serve: Serve, action: str) -> None:
    client = asking(serve, URL, lambda result: (result.action, getattr(result, "data", "no data")))
    shown = answered(client, "elicitation-1", {"action": action}).text
    assert shown == repr((action, None if action == "accept" else "no data"))


def test_a_flat_schema_gives_a_dict(serve: Serve) -> None:
    client = asking(serve, lambda ctx: ctx.elicit("How many?", FLAT), lambda result: result.data)
    assert answered(client, "elicitation-1", accept(n=5)).text == "{'n': 5}"
    assert answered(client, "elicitation-1", accept(n=0)).body == failure(
        -32602, "Invalid input response for 'elicitation-1': Out of bounds - at `$.n`"
    )


def test_a_model_gives_a_model(serve: Serve) -> None:
    client = asking(serve, lambda ctx: ctx.elicit("Which?", Model), lambda result: repr(result.data))
    assert answered(client, "elicitation-1", accept(size="s")).text == "Model(size='s')"
    assert answered(client, "elicitation-1", accept()).text == "Model(size='m')"
    assert "`$.size`" in answered(client, "elicitation-1", accept(size="xl")).error["message"]


@pytest.mark.parametrize(
    ("ask", "key", "answer"),
    [
        (SAMPLE, "sampling-1", {}),
        (SAMPLE, "sampling-1", {**SAMPLED, "role": "system"}),
        (SAMPLE, "sampling-1", {**SAMPLED, "content": "Paris."}),
        (SAMPLE, "sampling-1", {**SAMPLED, "content": {"type": "other"}}),
        (SAMPLE, "sampling-1", {**SAMPLED, "model": None}),
        (SAMPLE, "sampling-1", {"action": "accept"}),
        (ROOTS, "roots-1", {}),
        (ROOTS, "roots-1", {"roots": None}),
        (ROOTS, "roots-1", {"roots": [{}]}),
        (ROOTS, "roots-1", [{"uri": "file:///a"}]),
        (URL, "elicitation-1", {"action": "opened"}),
    ],
)
def test_answers_of_the_wrong_shape_are_invalid(serve: Serve, ask: Ask, key: str, answer: Any) -> None:
    reply = answered(asking(serve, ask), key, answer)
    assert reply.status == 400
    assert reply.error["code"] == -32602
    assert reply.error["message"].startswith(f"Invalid input response for {key!r}: ")


def test_deep_answers_are_invalid_not_fatal(serve: Serve) -> None:
    client = asking(serve, FORM)
    params = {"name": "t", "inputResponses": {"elicitation-1": accept(ok="§")}}
    body = message("tools/call", params, capabilities=EVERYTHING)
    for depth in (500, 900, 950, 980, 50_000):
        reply = client.post(dumps(body).replace('"§"', "[" * depth + "]" * depth), headers_of(body))
        assert reply.status == 400
        assert reply.error["code"] in (-32602, -32700)


@pytest.mark.parametrize("schema", [dict[str, int], int, {"properties": {"a": {"type": "object"}}}])
def test_forms_that_cannot_be_shown_are_the_tools_failure(
    serve: Serve, schema: Any, caplog: pytest.LogCaptureFixture
) -> None:
    reply = asking(serve, lambda ctx: ctx.elicit("?", schema)).call("t", capabilities=EVERYTHING)
    assert reply.text.startswith("Error executing tool t (reference ")
    assert "DeclarationError" in caplog.text
