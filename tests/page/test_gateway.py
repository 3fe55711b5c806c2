"""The page of a function behind the front ends of Lambda."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from tests.page.browsing import call, in_chromium, item, looked_at, outcome

DELIVERED = "ORD-1005"
ORDERS = Path(__file__).parents[2] / "functions" / "orders" / "app.py"


@asynccontextmanager
async def dev(*arguments: str) -> AsyncIterator[str]:
    """The URL of ``functions/orders`` in `lambent dev`."""
    command = [
        sys.executable,
        "-m",
        "lambent.cli",
        "dev",
        str(ORDERS),
        "--port",
        "0",
        "--no-aws",
        "--no-reload",
    ]
    process = await asyncio.create_subprocess_exec(
        *command,
        *arguments,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "LAMBENT_AUTH_ANONYMOUS": "true"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    assert process.stdout is not None
    try:
        line = (await process.stdout.readline()).decode()
        assert line.startswith("Serving "), line
        yield line.split()[1]
    finally:
        process.terminate()
        await process.communicate()


@pytest.mark.parametrize(
    ("arguments", "path"),
    [
        (("--kind", "http-api"), "/mcp"),
        (("--kind", "rest"), "/mcp"),
        (("--kind", "alb", "--path", "/tools/mcp"), "/tools/mcp"),
    ],
    ids=["http-api", "rest", "alb"],
)
@in_chromium
async def test_every_front_end(arguments: tuple[str, ...], path: str) -> None:
    async with dev(*arguments) as url:
        assert url.partition("//")[2].partition("/")[2] == path[1:]
        async with looked_at(url) as page:
            assert await page.locator("#tools details.item").count() == 3
            refund = await item(page, "refund_order")
            await call(refund, order_id=DELIVERED)
            await refund.get_by_role("button", name="Answer").wait_for()
            await refund.get_by_role("button", name="Decline").click()
            assert (await outcome(refund)).startswith("Done after")
            await page.get_by_role("button", name="Show the card").click()
            await page.locator("#card pre").wait_for()
