"""One session of the official MCP Python client, told step by step."""

from __future__ import annotations

import time
from collections.abc import Awaitable
from typing import Any, TypeVar

from mcp.client.client import Client
from mcp.types import ElicitRequestFormParams, ElicitRequestParams, ElicitResult, PromptReference, TextContent

T = TypeVar("T")


async def run_session(url: str) -> None:
    """Discover, list, call, read, prompt, complete, and answer a question over two rounds.

    Args:
        url: the MCP endpoint.

    Raises:
        AssertionError: the server did not do what the session expects of it.
    """
    questions: list[str] = []

    async def answer(context: Any, params: ElicitRequestParams) -> ElicitResult:
        assert isinstance(params, ElicitRequestFormParams)
        questions.append(params.message)
        return ElicitResult(action="accept", content={"confirm": True, "reason": "broken on arrival"})

    async with Client(url, elicitation_callback=answer, mode="auto") as client:
        server = client.server_info
        assert server is not None
        _tell("discover", f"{server.name} {server.version}, protocol {client.protocol_version}")

        tools = await _timed("list tools", client.list_tools())
        _tell("", ", ".join(tool.name for tool in tools.tools))

        order = await _timed("call lookup_order", client.call_tool("lookup_order", {"order_id": "ORD-1005"}))
        assert not order.is_error
        assert order.structured_content is not None
        _tell("", f"{order.structured_content['customer']}: {order.structured_content['status']}")

        missing = await _timed("call lookup_order", client.call_tool("lookup_order", {"order_id": "ORD-9"}))
        assert missing.is_error
        _tell("", f"isError: {_text(missing.content[0])}")

        policy = await _timed("read a resource", client.read_resource("orders://policy"))
        _tell("", str(getattr(policy.contents[0], "text", "")).splitlines()[0])

        prompt = await _timed(
            "get a prompt", client.get_prompt("complaint", {"order_id": "ORD-1005", "tone": "warm"})
        )
        _tell("", _text(prompt.messages[0].content)[:90] + "…")

        completion = await _timed(
            "complete", client.complete(PromptReference(name="complaint"), {"name": "tone", "value": "f"})
        )
        _tell("", ", ".join(completion.completion.values))

        found = await client.call_tool("search_orders", {"status": "delivered", "limit": 50})
        assert found.structured_content is not None
        chosen = next(order["id"] for order in found.structured_content["orders"] if not order.get("final"))
        refund = await _timed("call refund_order", client.call_tool("refund_order", {"order_id": chosen}))
        assert not refund.is_error, refund
        assert len(questions) == 1, questions
        assert refund.structured_content is not None
        _tell("  round 1", f"the server asks: {questions[0]}")
        _tell("  round 2", f"the user agrees: {refund.structured_content['message']}")


async def _timed(what: str, work: Awaitable[T]) -> T:
    started = time.perf_counter()
    result = await work
    _tell(what, f"{(time.perf_counter() - started) * 1000:.1f} ms")
    return result


def _tell(what: str, text: str) -> None:
    print(f"{what:<18} {text}", flush=True)


def _text(content: Any) -> str:
    assert isinstance(content, TextContent)
    return content.text
