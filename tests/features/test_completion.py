"""Completion on the wire."""

from collections.abc import Callable
from typing import Any

import pytest
from tests.support import Client, dumps, failure, make_server, success

from lambent import (
    Completion,
    CompletionArgument,
    CompletionContext,
    DeclarationError,
    MCPServer,
    PromptReference,
    ResourceTemplateReference,
)

Serve = Callable[..., Client]
PROMPT = {"type": "ref/prompt", "name": "review"}
TEMPLATE = {"type": "ref/resource", "uri": "repo://{owner}/{name}{?branch}"}


def server(complete: Callable[..., Any]) -> MCPServer:
    mcp = make_server()

    @mcp.prompt()
    def review(language: str, framework: str = "") -> str:
        return language

    @mcp.resource("repo://{owner}/{name}{?branch}")
    def repo(owner: str, name: str, branch: str = "main") -> str:
        return owner

    @mcp.resource("repo://fixed")
    def fixed() -> str:
        return ""

    mcp.completion()(complete)
    return mcp


def ask(client: Client, ref: Any = PROMPT, name: str = "language", value: str = "py", **more: Any) -> Any:
    return client.request(
        "completion/complete", {"ref": ref, "argument": {"name": name, "value": value}, **more}
    )


MANY = [str(number) for number in range(150)]
RENDERED: list[tuple[Any, dict[str, Any]]] = [
    (None, {"values": []}),
    ([], {"values": []}),
    (["a", "b"], {"values": ["a", "b"]}),
    (("a",), {"values": ["a"]}),
    (Completion(values=["a"]), {"values": ["a"]}),
    (Completion(values=["a"], total=10, has_more=True), {"values": ["a"], "total": 10, "hasMore": True}),
    (MANY[:100], {"values": MANY[:100]}),
    (MANY[:101], {"values": MANY[:100], "total": 101, "hasMore": True}),
    (MANY, {"values": MANY[:100], "total": 150, "hasMore": True}),
    (Completion(values=MANY, total=900), {"values": MANY[:100], "total": 900, "hasMore": True}),
    (Completion(values=MANY, has_more=False), {"values": MANY[:100], "total": 150, "hasMore": True}),
]


@pytest.mark.parametrize(("value", "expected"), RENDERED)
def test_suggestions_byte_for_byte(serve: Serve, value: Any, expected: dict[str, Any]) -> None:
    """At most 100 of them ("Completion Results")."""
    reply = ask(serve(server(lambda ref, argument, context: value)))
    assert reply.status == 200
    assert reply.body == success(f'"completion":{dumps(expected)}')


@pytest.mark.parametrize("value", ["abc", 5, [1], ["a", None], {"values": ["a"]}, object()])
def test_other_values_are_failures(serve: Serve, value: Any, caplog: pytest.LogCaptureFixture) -> None:
    reply = ask(serve(server(lambda ref, argument, context: value)))
    assert reply.error["code"] == -32603
    assert "A completion returns a Completion or a list of strings" in caplog.text


@pytest.mark.parametrize("is_async", [False, True])
def test_the_function_is_told_what_is_typed(serve: Serve, is_async: bool) -> None:
    told: list[Any] = []

    def complete(ref: Any, argument: CompletionArgument, context: CompletionContext | None) -> list[str]:
        told.append((ref, argument, context))
        return []

    async def complete_async(ref: Any, argument: Any, context: Any) -> list[str]:
        return complete(ref, argument, context)

    client = serve(server(complete_async if is_async else complete))
    assert ask(client).status == 200
    assert ask(client, TEMPLATE, "name", "x", context={"arguments": {"owner": "o"}}).status == 200
    assert ask(client, {**PROMPT, "title": "T"}, "framework", "", context={}).status == 200
    assert told == [
        (PromptReference(name="review"), CompletionArgument(name="language", value="py"), None),
        (
            ResourceTemplateReference(uri="repo://{owner}/{name}{?branch}"),
            CompletionArgument(name="name", value="x"),
            CompletionContext(arguments={"owner": "o"}),
        ),
        (
            PromptReference(name="review", title="T"),
            CompletionArgument(name="framework", value=""),
            CompletionContext(),
        ),
    ]


@pytest.mark.parametrize(
    ("ref", "name", "reason"),
    [
        ({**PROMPT, "name": "other"}, "language", "Unknown prompt: other"),
        (PROMPT, "other", "Unknown argument: other"),
        ({**TEMPLATE, "uri": "repo://{x}"}, "x", "Unknown resource template: repo://{x}"),
        ({**TEMPLATE, "uri": "repo://fixed"}, "x", "Unknown resource template: repo://fixed"),
        (TEMPLATE, "other", "Unknown argument: other"),
    ],
)
def test_what_does_not_exist_is_invalid(serve: Serve, ref: Any, name: str, reason: str) -> None:
    calls = []
    reply = ask(serve(server(lambda ref, argument, context: calls.append(1))), ref, name)
    assert reply.status == 400
    assert reply.body == failure(-32602, reason)
    assert calls == []


@pytest.mark.parametrize(
    "params",
    [
        {"ref": PROMPT},
        {"argument": {"name": "language", "value": ""}},
        {"ref": {"type": "ref/prompt"}, "argument": {"name": "language", "value": ""}},
        {"ref": {"name": "review"}, "argument": {"name": "language", "value": ""}},
        {"ref": PROMPT, "argument": {"name": "language"}},
        {"ref": PROMPT, "argument": {"name": "language", "value": 5}},
        {"ref": PROMPT, "argument": {"name": "language", "value": ""}, "context": []},
        {"ref": PROMPT, "argument": {"name": "language", "value": ""}, "context": {"arguments": {"a": 1}}},
    ],
)
def test_malformed_parameters_are_invalid(serve: Serve, params: dict[str, Any]) -> None:
    reply = serve(server(lambda ref, argument, context: [])).request("completion/complete", params)
    assert (reply.status, reply.error["code"]) == (400, -32602)


def test_a_failure_says_nothing_but_its_reference(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    def complete(ref: Any, argument: Any, context: Any) -> None:
        raise RuntimeError("secret detail")

    reply = ask(serve(server(complete)))
    assert reply.error["code"] == -32603
    assert "secret detail" not in reply.body.decode()
    assert "secret detail" in caplog.text


def test_there_is_one_completion_function() -> None:
    mcp = make_server()
    mcp.completion()(lambda ref, argument, context: [])
    with pytest.raises(DeclarationError, match="one completion function"):
        mcp.completion()(lambda ref, argument, context: [])


@pytest.mark.parametrize("function", [lambda: None, lambda ref: None, lambda a, b, c, d: None])
def test_it_takes_three_arguments(function: Callable[..., Any]) -> None:
    with pytest.raises(DeclarationError, match=r"a completion takes \(ref, argument, context\)"):
        make_server().completion()(function)


def test_the_decorator_of_the_completion_needs_its_parentheses() -> None:
    with pytest.raises(DeclarationError, match=r"Write @mcp.completion\(\) with parentheses"):
        make_server().completion(lambda ref, argument, context: [])  # type: ignore[arg-type]
