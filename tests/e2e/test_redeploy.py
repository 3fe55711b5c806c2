"""From one deploy to the next, and to the end: nothing that runs is lost, and nothing is left behind."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.client import ASKING, LARGE, Client
from tests.e2e.cloud import Cloud, Inventory
from tests.e2e.copies import copy_application, replace
from tests.e2e.stacks import Stack, build
from tests.support import accept

APP = Path("functions", "reports", "app.py")
MANAGED = "aws-sam-cli-managed-default"
"""The stack in which sam keeps what it uploads: it is the account's, and no application's."""


PAGE = "https://pages.example.com"
DESCRIPTION = "Build a month's report."

WAITING = '''
import os

@mcp.tool(task=TaskPolicy(support="required", poll_interval=timedelta(milliseconds=100)))
async def wait_for(file: str, ctx: Context) -> str:
    """Wait for a file, which whoever tests this makes."""
    seen = await ctx.step("begin", lambda: DEPLOY)
    while not os.path.exists(file):
        await ctx.report_progress(0)
        await asyncio.sleep(0.1)
    return seen

import asyncio

DEPLOY = "first"
handler = mcp.lambda_handler()
'''

COUNTING = '''
@mcp.tool()
async def count_orders(month: Month) -> int:
    """Count the orders of a month."""
    volume = await take_stock(month)
    return volume.delivered + volume.cancelled

DEPLOY = "second"
handler = mcp.lambda_handler()
'''


@pytest.fixture
def first(tmp_path: Path) -> Path:
    """The application, with a task whose end a test decides on."""
    template = copy_application(tmp_path / "first")
    replace(template.parent / APP, ("handler = mcp.lambda_handler()\n", WAITING))
    return template


@pytest.fixture
def second(tmp_path: Path, first: Path) -> Path:
    """The same, with a tool that is described anew and one more."""
    template = copy_application(tmp_path / "second", first.parent)
    replace(
        template.parent / APP,
        ("Build the report of a month: its sales by region and by category.", DESCRIPTION),
        ('DEPLOY = "first"\nhandler = mcp.lambda_handler()\n', COUNTING),
    )
    return template


def test_a_redeploy_and_the_end(
    cloud: Cloud, deploy_shop: Callable[..., Stack], first: Path, second: Path, tmp_path: Path
) -> None:
    before = cloud.inventory()
    stack = deploy_shop("life", first)
    orders = Client(cloud, stack.url("OrdersUrl"))
    reports = Client(cloud, stack.url("ReportsUrl"))

    old = card(stack, reports)
    unchanged = card(stack, orders)
    question = orders.call("refund_order", {"order_id": "ORD-1005"}, capabilities=ASKING)
    asking = reports.task("build_report", {"month": "2026-03"})
    reports.wait(asking, "input_required")
    file = tmp_path / "file"
    running = reports.task("wait_for", {"file": str(file)})
    reports.wait_until_it_runs(running)

    assert call_from_a_page(orders) == 403
    stack.deploy(build(cloud, second, tmp_path / "built"), {"AllowedOrigins": PAGE})

    # New card, new ETag, list changed.
    new = card(stack, reports)
    assert new.headers["etag"] != old.headers["etag"]
    known = {"if-none-match": old.headers["etag"]}
    assert cloud.send(f"{reports.url}/server-card", headers=known).status == 200
    known = {"if-none-match": unchanged.headers["etag"]}
    assert cloud.send(f"{orders.url}/server-card", headers=known).status == 304
    tools = {tool["name"]: tool["description"] for tool in reports.request("tools/list")["tools"]}
    assert tools["build_report"] == DESCRIPTION
    assert tools["count_orders"] == "Count the orders of a month."
    assert [tool["name"] for tool in features(new)["tools"]] == list(tools)
    assert reports.call("count_orders", {"month": "2026-03"})["structuredContent"] == {"result": 279}

    # What is called has the parameter's new value, though neither its code nor its layers have changed.
    assert call_from_a_page(orders) == 200

    # What runs goes on, and what had asked is answered by the new code.
    assert reports.show(running)["status"] == "working"
    file.touch()
    assert reports.wait(running, "completed")["result"]["content"][0]["text"] == "first"
    retry = {
        "inputResponses": {"confirmation": accept(confirm=True, reason="broken on arrival")},
        "requestState": question["requestState"],
    }
    refunded = orders.call("refund_order", {"order_id": "ORD-1005"}, retry, capabilities=ASKING)
    assert "isError" not in refunded, refunded
    reports.answer(asking, {"scope": accept(include=True)})
    assert reports.wait(asking, "completed")["result"]["structuredContent"]["orders"] == 279

    # The end, with a bucket that is not empty.
    large = reports.padded_task("build_report", {"month": "2026-03"}, LARGE)
    reports.wait(large, "input_required")
    assert set(left(before, cloud.inventory())) == {*before} - {"distributions"}
    stack.delete()
    assert left(before, cloud.inventory()) == {}


def call_from_a_page(client: Client) -> int:
    """The status that a web page of another origin gets."""
    return Client(client.cloud, client.url, {"origin": PAGE}).post("tools/list").status


def card(stack: Stack, client: Client) -> Any:
    """A card, the same over HTTP and in the bucket."""
    served = client.cloud.send(f"{client.url}/server-card")
    path = client.url.partition(stack.url("Url"))[2]
    bucket = stack.outputs["BucketName"]
    published = client.cloud.client("s3").get_object(Bucket=bucket, Key=f"cards{path}/server-card")
    assert (served.body, served.headers["etag"]) == (published["Body"].read(), published["ETag"])
    return served


def features(reply: Any) -> Any:
    return json.loads(reply.body)["_meta"]["lambent/features"]


def left(before: Inventory, after: Inventory) -> dict[str, list[str]]:
    """What there is now and was not before, by kind."""
    more = {
        kind: sorted(name for name in after[kind] - before[kind] if not name.startswith(MANAGED))
        for kind in after
    }
    return {kind: names for kind, names in more.items() if names}
