"""What people do with the page: look, call, answer, wait."""

import json
import re
from pathlib import Path
from typing import Any

from tests.page.browsing import call, in_chromium, item, labelled, opened, outcome, site

TOOLS = [
    "add",
    "order",
    "refund",
    "count",
    "report",
    "forever",
    "pay",
    "look_around",
    "think",
    "picture",
    "break_it",
]


async def value_of(found: Any) -> Any:
    """The structured result of a call."""
    text = await outcome(found)
    assert text.startswith("Done after"), text
    return json.loads(await found.locator(".result pre").last.text_content())


@in_chromium
async def test_it_shows_what_the_server_offers() -> None:
    async with opened(site()) as page:
        assert await page.title() == "Corner shop"
        assert await page.locator("#about").inner_text() == "shop 1.2.3\nSells things that are near."
        assert await page.locator("#instructions p").inner_text() == "Ask before you refund."
        names = await page.locator("#tools summary .name").all_inner_texts()
        assert names[:-1] == TOOLS
        assert await page.locator("#resources summary .name").all_inner_texts() == ["hours", "menu"]
        assert await page.locator("#prompts summary .name").all_inner_texts() == ["greet"]
        add = await item(page, "add")
        await add.get_by_text("Schemas", exact=True).click()
        schema = json.loads(await add.locator("details.more pre").first.text_content())
        assert schema["properties"]["left"]["maximum"] == 100


@in_chromium
async def test_it_shows_what_can_be_waited_for() -> None:
    async with opened(site()) as page:
        event = await item(page, "shop.closed")
        assert "poll" in await event.locator("summary").first.inner_text()
        await event.get_by_text("Schemas", exact=True).click()
        arguments, payload = await event.locator("details.more pre").all_text_contents()
        assert list(json.loads(arguments)["properties"]) == ["street", "city"]
        assert list(json.loads(payload)["properties"]) == ["sure", "reason"]


@in_chromium
async def test_a_call() -> None:
    async with opened(site()) as page:
        add = await item(page, "add")
        await call(add, left="40", right="2")
        assert await value_of(add) == {"result": 42}
        await call(add, left="200")  # the browser does not send what the schema forbids
        assert await add.get_by_label("left").evaluate("field => field.validity.rangeOverflow")


@in_chromium
async def test_every_kind_of_field() -> None:
    texts = {
        "item": "soap",
        "on": "2026-07-28",
        "street": "Main Street 1",
        "tags": "a\nb",
        "amounts": "1\n2",
        "price": "2.5",
        "notes": '{"door": [1]}',
    }
    async with opened(site()) as page:
        order = await item(page, "order")
        for label, text in texts.items():
            await labelled(order, label).fill(text)
        await order.get_by_label("size").select_option("large")
        await labelled(order, "is_paid").select_option("yes")
        await order.get_by_label("express").check()
        await labelled(order, "is_urgent").check()
        await order.get_by_role("button", name="Call").click()
        assert await value_of(order) == {
            "item": "soap",
            "size": "large",
            "on": "2026-07-28",
            "to": ["Main Street 1", "Bern"],
            "tags": ["a", "b"],
            "extras": ["express"],
            "amounts": [1, 2],
            "price": 2.5,
            "is_paid": True,
            "is_urgent": True,
            "notes": {"door": [1]},
        }


@in_chromium
async def test_what_is_not_json_is_not_sent() -> None:
    async with opened(site()) as page:
        order = await item(page, "order")
        await order.get_by_role("button", name="Edit as JSON").click()
        field = order.get_by_label("Arguments as JSON")
        await field.fill("{")
        await order.get_by_role("button", name="Call").click()
        assert "not JSON" in await field.evaluate("field => field.validationMessage")
        await field.fill('{"item": 1}')
        await order.get_by_role("button", name="Call").click()
        text = await outcome(order)
        assert text.startswith(("The tool says that it failed", "Failed")), text
        assert "`item`" in text or "item" in text


@in_chromium
async def test_a_question() -> None:
    async with opened(site()) as page:
        refund = await item(page, "refund")
        await call(refund, number="7")
        await refund.get_by_role("heading", name="Refund order 7?").wait_for()
        await refund.get_by_label("Are you sure?").check()
        await refund.get_by_label("reason").fill("broken")
        await refund.get_by_role("button", name="Answer").click()
        assert "Order 7 refunded: Confirm(sure=True, reason='broken')" in await outcome(refund)
        await call(refund, number="8")
        await refund.get_by_role("button", name="Decline").click()
        await refund.get_by_text("Order 8 was not refunded: decline", exact=True).wait_for()


@in_chromium
async def test_a_question_to_a_model_is_answered_by_a_person() -> None:
    async with opened(site()) as page:
        think = await item(page, "think")
        await call(think)
        await think.get_by_text("What is the answer?").wait_for()
        await think.get_by_label("Your answer").fill("42\nor so")
        await think.get_by_role("button", name="Answer").click()
        assert "42\nor so" in await outcome(think)


@in_chromium
async def test_addresses_are_opened_by_the_user_and_only_those_of_the_web() -> None:
    async with opened(site()) as page:
        pay = await item(page, "pay")
        await call(pay)
        link = pay.get_by_role("link", name="https://pay.example.com/7")
        assert await link.get_attribute("rel") == "noopener noreferrer"
        await pay.get_by_role("button", name="Answer").click()
        assert "accept" in await outcome(pay)
        await call(pay)
        await pay.get_by_role("button", name="Dismiss").click()
        await pay.get_by_text("cancel", exact=True).wait_for()
        other = "askUrl({ url: 'javascript:alert(1)' }).nodes[0]"  # which the library does not send
        assert await page.evaluate(f"{other}.textContent.endsWith('javascript:alert(1)')")
        assert await page.evaluate(f"{other}.querySelector('a')") is None


@in_chromium
async def test_folders() -> None:
    async with opened(site()) as page:
        around = await item(page, "look_around")
        await call(around)
        await labelled(around, "Folders that the server may work on").fill("file:///a\nfile:///b")
        await around.get_by_role("button", name="Answer").click()
        assert await value_of(around) == {"result": ["file:///a", "file:///b"]}


@in_chromium
async def test_progress_and_log() -> None:
    async with opened(site()) as page:
        count = await item(page, "count")
        await call(count, to="20")
        await count.get_by_text(re.compile(r"^counted to \d+$")).wait_for()
        assert await count.locator("progress").get_attribute("max") == "20"
        assert await value_of(count) == {"result": 20}
        assert (await count.locator(".log li").all_inner_texts())[-1] == "info: This was 20"


@in_chromium
async def test_a_task_with_a_question() -> None:
    async with opened(site()) as page:
        report = await item(page, "report")
        await call(report, month="May")
        await report.get_by_role("heading", name="Include what is not paid?").wait_for()
        await report.get_by_label("Are you sure?").check()
        await report.get_by_role("button", name="Answer").click()
        assert "Report of May: Confirm(sure=True, reason='')" in await outcome(report)


@in_chromium
async def test_a_task_is_cancelled() -> None:
    async with opened(site()) as page:
        forever = await item(page, "forever")
        await call(forever)
        await forever.get_by_text("still at it").wait_for()
        await forever.get_by_role("button", name="Cancel").click()
        assert await outcome(forever) == "Cancelled"


@in_chromium
async def test_resources_templates_and_prompts() -> None:
    async with opened(site()) as page:
        hours = await item(page, "hours")
        await hours.get_by_role("button", name="Read").click()
        assert "9 to 5" in await outcome(hours)
        menu = await item(page, "menu")
        day = menu.get_by_label("day")
        await day.press_sequentially("tu")
        await menu.locator("datalist option[value=tuesday]:only-child").wait_for(state="attached")
        await day.fill("a day/é")
        await menu.get_by_role("button", name="Read").click()
        assert "Soup on a day/é" in await outcome(menu)
        greet = await item(page, "greet")
        await greet.get_by_label("name").fill("Ada")
        await greet.get_by_role("button", name="Get").click()
        assert "user\nHello Ada" in await outcome(greet)


@in_chromium
async def test_an_image_is_shown() -> None:
    async with opened(site()) as page:
        picture = await item(page, "picture")
        await call(picture)
        await outcome(picture)
        assert await picture.locator("img").evaluate(
            "async image => (await image.decode(), image.naturalWidth)"
        )


@in_chromium
async def test_commands_are_those_of_the_documentation() -> None:
    clients = (Path(__file__).parents[2] / "docs" / "clients.md").read_text(encoding="utf-8")
    async with opened(site()) as page:
        commands = await page.locator("#connect .host pre").all_inner_texts()
        here = page.url
    for shown in [one for one in commands if not one.startswith("{")]:
        written = shown.replace(here, "https://tools.example.com/mcp").replace(" shop ", " lambent ")
        assert f"\n{written}\n" in clients
    assert len(commands) == 7


@in_chromium
async def test_how_to_connect() -> None:
    permissions = ["clipboard-read", "clipboard-write"]
    async with opened(site(), permissions=permissions) as page:
        url = page.url
        await page.get_by_role("button", name="Copy the entry for Claude Code").click()
        await page.get_by_text("Copied the entry for Claude Code").wait_for()
        copied = await page.evaluate("navigator.clipboard.readText()")
        assert copied == f"claude mcp add --transport http shop {url}"
        code = await page.get_by_role("link", name="Add to VS Code").get_attribute("href")
        decoded = await page.evaluate(
            "link => decodeURIComponent(link)", code.removeprefix("vscode:mcp/install?")
        )
        assert json.loads(decoded) == {"name": "shop", "type": "http", "url": url}
        cursor = await page.get_by_role("link", name="Add to Cursor").get_attribute("href")
        name, config = re.fullmatch(
            r"cursor://anysphere\.cursor-deeplink/mcp/install\?name=(.*)&config=(.*)", cursor
        ).groups()  # type: ignore[union-attr]
        assert name == "shop"
        assert json.loads(await page.evaluate("text => atob(decodeURIComponent(text))", config)) == {
            "url": url
        }
        await page.get_by_role("button", name="Show the card").click()
        card = json.loads(await page.locator("#card pre").text_content())
        assert card["name"].endswith("/shop")
