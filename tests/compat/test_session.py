"""``ctx.session``: asking the client, and what it can do."""

from typing import Annotated, Any

import pytest
from pydantic import BaseModel

from lambent import (
    AcceptedElicitation,
    ClientCapabilities,
    DeclinedElicitation,
    Root,
    SamplingMessage,
    TextContent,
)
from lambent.compat import (
    Context,
    CreateMessageResult,
    ListRoots,
    ListRootsResult,
    MCPServer,
    Resolve,
    Sample,
)
from lambent.testing import EVERYTHING, TestClient

SIZE = {"type": "object", "properties": {"size": {"type": "integer"}}, "required": ["size"]}


def ask(question: Any, *answers: Any, **options: Any) -> str:
    mcp = MCPServer("shop")

    @mcp.tool()
    async def asks(ctx: Context) -> str:
        value = question(ctx.session)
        return repr(await value if hasattr(value, "__await__") else value)

    return TestClient(mcp, answers=answers, **options).call("asks").text


def test_forms() -> None:
    shown = "ElicitResult(action='accept', content={'size': 3})"
    assert ask(lambda session: session.elicit("How large?", SIZE), {"size": 3}) == shown
    assert ask(lambda session: session.elicit_form("How large?", SIZE), {"size": 3}) == shown
    declined = ask(
        lambda session: session.elicit_form(message="?", requested_schema=SIZE), DeclinedElicitation()
    )
    assert declined == "ElicitResult(action='decline', content=None)"


def test_pages() -> None:
    answer = AcceptedElicitation(None)
    shown = ask(lambda session: session.elicit_url("Pay", "https://pay.example.com", "id"), answer)
    assert shown == "ElicitResult(action='accept', content=None)"


def test_models() -> None:
    messages = [SamplingMessage(role="user", content=TextContent(text="Hi"))]
    shown = ask(
        lambda session: session.create_message(messages=messages, max_tokens=10, system_prompt="Be brief"),
        "Hello",
    )
    assert "text='Hello'" in shown


def test_roots() -> None:
    shown = ask(lambda session: session.list_roots(), [Root(uri="file:///a")])
    assert shown == "ListRootsResult(roots=[Root(uri='file:///a', name=None, meta=None)])"


def test_resolvers_give_the_results_of_the_official_sdk() -> None:
    mcp = MCPServer("shop")

    def folders() -> ListRoots:
        return ListRoots()

    def blurb() -> Sample:
        return Sample("Hi", max_tokens=9)

    @mcp.tool()
    async def ask(
        roots: Annotated[ListRootsResult, Resolve(folders)],
        said: Annotated[CreateMessageResult, Resolve(blurb)],
    ) -> str:
        assert isinstance(roots, ListRootsResult)
        assert isinstance(said, CreateMessageResult)
        return f"{roots.roots[0].uri} {said.text}"

    answers: Any = {"roots": [Root(uri="file:///a")], "sampling": "Hello"}
    client = TestClient(mcp, on_question=lambda question: answers[question.kind])
    assert client.call("ask").text == "file:///a Hello"


def test_roots_are_a_list_too() -> None:
    mcp = MCPServer("shop")

    @mcp.tool()
    async def ask(ctx: Context) -> str:
        roots = await ctx.list_roots()
        return f"{len(roots)} {roots[0].uri} {[root.uri for root in roots]}"

    answers = [[Root(uri="file:///a"), Root(uri="file:///b")]]
    assert TestClient(mcp, answers=answers).call("ask").text == "2 file:///a ['file:///a', 'file:///b']"


def test_it_works_in_plain_functions_too() -> None:
    mcp = MCPServer("shop")

    @mcp.tool()
    def asks(ctx: Context) -> str:
        return str(ctx.session.elicit("How large?", SIZE).result().action)

    assert TestClient(mcp, answers=[{"size": 3}]).call("asks").text == "accept"


class Capability(BaseModel):
    """As the official SDK has them."""

    elicitation: dict[str, Any] | None = None
    sampling: dict[str, Any] | None = None
    experimental: dict[str, Any] | None = None


@pytest.mark.parametrize(
    ("wanted", "has"),
    [
        (ClientCapabilities(roots={}), True),
        (Capability(elicitation={}), True),
        (Capability(elicitation={"form": {}}), True),
        (Capability(sampling={"tools": {}}), True),
        (Capability(experimental={"x": {}}), False),
        (Capability(), True),
    ],
)
def test_what_the_client_can_do(wanted: Any, has: bool) -> None:
    assert ask(lambda session: session.check_client_capability(wanted)) == str(has)


def test_a_client_that_can_do_nothing() -> None:
    nothing: dict[str, Any] = {"capabilities": {}}
    assert ask(lambda session: session.can_send_request, **nothing) == "False"
    assert ask(lambda session: session.can_send_request) == "True"
    has_roots = ask(lambda session: session.check_client_capability(ClientCapabilities(roots={})), **nothing)
    assert has_roots == "False"


def test_what_the_client_says_of_itself() -> None:
    assert ask(lambda session: session.protocol_version) == "'2026-07-28'"
    assert ask(lambda session: session.client_capabilities.roots) == repr(EVERYTHING["roots"])

    def read(session: Any) -> Any:
        params = session.client_params
        return (
            params.clientInfo.name,
            params.client_info.title,
            params.protocolVersion,
            params.capabilities.roots,
        )

    assert ask(read).startswith("('lambent")
