"""The variant that streams: what it deploys, run by its wrapper behind a front end that passes on parts.

The front ends of MiniStack buffer: the same function, behind them, gives the same bytes when they are whole.
What takes the place of Lambda and of its front ends, and what does not, is in ``streams.py``.
"""

import asyncio
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from mcp import Client, ClientSession, types
from mcp.client.streamable_http import streamable_http_client
from tests.e2e.cloud import ROOT, SECONDS
from tests.e2e.conftest import ANONYMOUS
from tests.e2e.stacks import Stack
from tests.e2e.streams import Streams, rest_event, streaming
from tests.support import dumps, headers_of, message

ENDPOINT = "/reports/mcp"
MONTH = {"month": "2026-03"}
STEPS = [
    "counting the orders of 2026-03",
    "adding up the regions",
    "adding up the categories",
    "writing the report",
]


TEMPLATE = ROOT / "deploy" / "streaming" / "template.yaml"


@pytest.fixture(scope="module")
def stack(deploy: Callable[..., Stack]) -> Stack:
    return deploy("streaming", TEMPLATE, parameters=ANONYMOUS)


@pytest.fixture(scope="module")
def rest(deploy: Callable[..., Stack]) -> Stack:
    """The same behind a REST API."""
    return deploy("streaming-rest", TEMPLATE, parameters={**ANONYMOUS, "RestApi": "true"})


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    """A pipe: stages of a report write their lines there, and wait until somebody reads."""
    path = tmp_path / "journal"
    os.mkfifo(path)
    return path


@pytest.fixture
def streams(stack: Stack, journal: Path) -> Iterator[Streams]:
    variables = {"REPORT_JOURNAL": str(journal), "REPORT_PACE": "0"}
    with streaming(stack, "ReportsFunction", variables) as running:
        yield running


@pytest.mark.parametrize(("mode", "version"), [("auto", "2026-07-28"), ("legacy", "2025-11-25")])
def test_the_official_client_is_told_of_progress_while_the_report_is_built(
    streams: Streams, journal: Path, mode: Any, version: str
) -> None:
    """The first stage does not end before the client, once it is told of it, begins to read."""
    told: list[tuple[float, float | None, str | None]] = []
    reading: list[int] = []

    async def on_progress(progress: float, total: float | None, message: str | None) -> None:
        told.append((progress, total, message))
        if not reading:
            reading.append(os.open(journal, os.O_RDONLY | os.O_NONBLOCK))

    async def main() -> types.CallToolResult:
        async with Client(f"{streams.url}{ENDPOINT}", mode=mode) as client:
            assert client.protocol_version == version
            found = await client.call_tool("build_report", MONTH, progress_callback=on_progress)
            assert isinstance(found, types.CallToolResult)
            return found

    try:
        result = asyncio.run(asyncio.wait_for(main(), SECONDS))
        lines = os.read(reading[0], 1000).decode().splitlines()
    finally:
        for descriptor in reading:
            os.close(descriptor)
    assert result.structured_content is not None
    assert len(result.structured_content["regions"]) == 3
    assert told == [(number, 4, text) for number, text in enumerate(STEPS)]
    assert lines == ["2026-03 volume", "2026-03 regions", "2026-03 categories"]


def test_a_question_is_answered_on_the_open_stream(stack: Stack) -> None:
    """The answer is a request of its own, and reaches another environment: through the table of the stack."""
    asked = []

    async def answer(context: Any, params: Any) -> types.ElicitResult:
        asked.append(params.message)
        return types.ElicitResult(action="accept", content={"include": True})

    async def main(url: str) -> types.CallToolResult:
        async with (
            streamable_http_client(url) as (reading, writing),
            ClientSession(reading, writing, elicitation_callback=answer) as session,
        ):
            assert (await session.initialize()).protocol_version == "2025-11-25"
            found = await session.call_tool("build_report", MONTH)
            assert isinstance(found, types.CallToolResult)
            return found

    with streaming(stack, "ReportsFunction", {"REPORT_PACE": "0"}) as running:
        result = asyncio.run(asyncio.wait_for(main(f"{running.url}{ENDPOINT}"), SECONDS))
        responses = running.responses()
    assert len(asked) == 1
    assert asked[0].endswith("Shall the report count them?")
    assert result.structured_content is not None
    assert result.structured_content["with_cancelled"] is True
    (asking,) = [one.body for one in responses if b"elicitation/create" in one.body]
    assert asking.count(b'"structuredContent"') == 1, "the result is on another stream"


CALL = message(
    "tools/call",
    {"name": "compare_months", "arguments": {"year": 2026, "first": 1, "last": 2}},
    progressToken="t",
)
Shown = tuple[int, str, bytes]
"""The status of a response, the type of its content, and its body."""


def buffered(stack: Stack) -> Shown:
    reply = stack.cloud.send(stack.url("ReportsUrl"), dumps(CALL).encode(), headers_of(CALL))
    return reply.status, reply.headers["content-type"], reply.body


def streamed(url: str) -> Shown:
    reply = httpx.post(f"{url}{ENDPOINT}", content=dumps(CALL), headers=headers_of(CALL), timeout=SECONDS)
    assert reply.headers["transfer-encoding"] == "chunked"
    return reply.status_code, reply.headers["content-type"], reply.content


def test_front_ends_that_buffer_get_the_same_bytes(stack: Stack, rest: Stack) -> None:
    with streaming(stack, "ReportsFunction") as running:
        first = streamed(running.url)
    with streaming(rest, "ReportsFunction", make_event=rest_event) as running:
        second = streamed(running.url)
    assert [buffered(stack), buffered(rest), second] == [first] * 3
    status, kind, body = first
    assert (status, kind) == (200, "text/event-stream")
    assert body.count(b"notifications/progress") == 2
    assert body.endswith(b"\n\n")


def test_there_is_one_front_end(stack: Stack, rest: Stack) -> None:
    fronts = {"FunctionUrl", "Api", "ApiStage"}
    assert fronts & set(stack.resources) == {"FunctionUrl"}
    assert fronts & set(rest.resources) == {"Api", "ApiStage"}
    for one in (stack, rest):
        card = one.cloud.send(f"{one.url('ReportsUrl')}/server-card")
        assert card.status == 200, card
