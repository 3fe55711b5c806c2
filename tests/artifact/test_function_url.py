"""Clients that others wrote, over HTTP, of servers that stream from three environments."""

import asyncio
import contextlib
import os
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.artifact.function_url import FunctionUrl
from tests.artifact.runtime_api import ExecutionEnvironment
from tests.support import SECRET, headers_of, message

import lambent

OURS = "lambent.hosts.aws_lambda.runtime_client"
SERVER = """
import pathlib
import time
from lambent import Context, MCPServer

mcp = MCPServer("shop")

@mcp.tool()
def count(to: int, folder: str, ctx: Context) -> int:
    for number in range(to):
        ctx.report_progress(number + 1, to, f"step {number}")
        while not pathlib.Path(folder, str(number)).exists():
            time.sleep(0.01)
    return to

handler = mcp.lambda_handler()
"""


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    (tmp_path / "app.py").write_text(SERVER)
    path = os.pathsep.join((str(tmp_path), str(Path(lambent.__file__).parents[1])))
    variables = {"PYTHONPATH": path, "LAMBENT_STATE_KEYS": SECRET, "LAMBENT_RESPONSE_MODE": "stream"}
    with contextlib.ExitStack() as stack:
        made = [
            stack.enter_context(
                ExecutionEnvironment(Path(sys.executable), tmp_path, variables=variables, client=OURS)
            )
            for _ in range(3)
        ]
        yield stack.enter_context(FunctionUrl(made)).address


def test_the_official_client_is_told_of_progress_while_the_tool_runs(url: str, tmp_path: Path) -> None:
    """Each report lets the tool go on."""
    from mcp import ClientSession
    from mcp.client.streamable_http import streamable_http_client

    told = []

    async def on_progress(progress: float, total: float | None, text: str | None) -> None:
        told.append((progress, total, text))
        (tmp_path / str(len(told) - 1)).touch()

    async def main() -> Any:
        async with (
            streamable_http_client(f"{url}/mcp") as streams,
            ClientSession(streams[0], streams[1]) as session,
        ):
            await session.initialize()
            arguments = {"to": 3, "folder": str(tmp_path)}
            return await session.call_tool("count", arguments, progress_callback=on_progress)

    result = asyncio.run(asyncio.wait_for(main(), timedelta(seconds=60).total_seconds()))
    assert result.structured_content == {"result": 3}
    assert told == [(1, 3, "step 0"), (2, 3, "step 1"), (3, 3, "step 2")]


def test_a_client_that_hangs_up_leaves_its_environment_to_others(url: str, tmp_path: Path) -> None:
    call = message(
        "tools/call", {"name": "count", "arguments": {"to": 1, "folder": str(tmp_path)}}, progressToken=1
    )
    for _ in range(3):
        with httpx.stream("POST", f"{url}/mcp", json=call, headers=headers_of(call)) as response:
            assert response.status_code == 200
            next(response.iter_lines())
    (tmp_path / "0").touch()
    responses = [httpx.post(f"{url}/mcp", json=call, headers=headers_of(call)) for _ in range(3)]
    assert all('"result":1' in response.text for response in responses)
    refused = httpx.post(f"{url}/mcp", json=call, headers={"content-type": "text/plain"})
    assert refused.status_code == 415
    assert httpx.get(f"{url}/health").status_code == 200
