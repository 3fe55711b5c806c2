"""The page without a mouse, for screen readers, in every colour scheme and width; and with hostile texts."""

import os
from pathlib import Path
from typing import Any

import pytest
from tests.page.browsing import call, in_chromium, item, opened, outcome, site
from tests.page.site import HOSTILE

CONTRAST = """() => {
  const channel = (part) => (part /= 255) <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  const parts = (color) => color.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  const behind = (node) => {
    for (let at = node; at; at = at.parentElement) {
      const found = parts(getComputedStyle(at).backgroundColor);
      if (found.length === 3 || found[3] === 1) return found;
    }
    return [255, 255, 255];
  };
  const low = [];
  for (const node of document.querySelectorAll("body *")) {
    const own = [...node.childNodes].some((child) => child.nodeType === 3 && child.data.trim());
    if (!own || !node.checkVisibility() || node.closest(":disabled, .unseen, .skip, script, style")) continue;
    const lights = [light(parts(getComputedStyle(node).color)), light(behind(node))];
    const [a, b] = lights.sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < 4.5) low.push(`${node.tagName} ${node.className} ${node.textContent.slice(0, 20)} ${ratio}`);
  }
  return low;
}"""
"""Texts whose contrast is below 4.5 (WCAG 2.2, success criterion 1.4.3)."""

NAMELESS = """() => [...document.querySelectorAll("input, select, textarea, button, a, summary, progress")]
  .filter((one) => one.checkVisibility() && !one.ariaLabel && !one.labels?.length && !one.textContent.trim())
  .map((one) => one.outerHTML)"""
"""Controls without a name."""


async def focused(page: Any) -> str:
    text: str = await page.evaluate("document.activeElement.innerText || document.activeElement.id")
    return text.partition("\n")[0]


async def tab_to(page: Any, name: str) -> None:
    """Press the tab key until something has the focus."""
    for _ in range(60):
        await page.keyboard.press("Tab")
        if await focused(page) == name:
            return
    raise AssertionError(f"the tab key does not lead to {name}")


@in_chromium
async def test_the_keyboard_alone() -> None:
    async with opened(site()) as page:
        keyboard = page.keyboard
        await keyboard.press("Tab")
        assert await focused(page) == "Skip to the content"
        await keyboard.press("Enter")
        assert await page.evaluate("document.activeElement.id") == "main"
        await tab_to(page, "refund destructive")
        await keyboard.press("Enter")  # opens it
        await keyboard.press("Tab")
        await keyboard.type("7")
        await keyboard.press("Enter")  # calls
        # The question takes the focus.
        question = page.get_by_role("form", name="Refund order 7?")
        await question.wait_for()
        assert await page.evaluate("document.activeElement.labels[0].innerText") == "Are you sure?"
        await keyboard.press("Space")
        await keyboard.press("Tab")
        await keyboard.type("broken")
        await keyboard.press("Enter")
        refund = page.locator("details.item", has_text="Give the money back")
        assert "sure=True, reason='broken'" in await outcome(refund)
        # And it does not get lost when the question goes.
        assert await focused(page) == "Call"
        status = refund.get_by_role("status")
        assert (await status.inner_text()).startswith("Done after")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("name", "width"), [("wide", 1280), ("narrow", 360)])
@in_chromium
async def test_it_can_be_read(scheme: str, name: str, width: int, tmp_path: Path) -> None:
    folder = Path(os.environ.get("PAGE_SCREENSHOTS") or tmp_path)
    async with opened(site(), color_scheme=scheme, viewport={"width": width, "height": 900}) as page:
        for tool in ("order", "break_it", "count", "refund"):
            await item(page, tool)
        await call(page.locator("details.item", has_text="Fail, with a text"))
        await outcome(page.locator("details.item", has_text="Fail, with a text"))
        await call(page.locator("details.item", has_text="Count, and tell"), to="2")
        await outcome(page.locator("details.item", has_text="Count, and tell"))
        await call(page.locator("details.item", has_text="Give the money back"), number="1")
        await page.get_by_role("button", name="Answer").wait_for()
        await page.get_by_role("button", name="Sign in").click()
        await page.screenshot(path=folder / f"{name}-{scheme}.png", full_page=True)
        assert (folder / f"{name}-{scheme}.png").stat().st_size > 20_000
        assert await page.evaluate(CONTRAST) == []
        assert await page.evaluate(NAMELESS) == []
        # Nothing is wider than the window.
        assert await page.evaluate("document.documentElement.scrollWidth") == width
        background = await page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (background == "rgb(255, 255, 255)") == (scheme == "light")


@in_chromium
async def test_hostile_texts_are_texts() -> None:
    spelled = HOSTILE.replace("\u202e", "⟨U+202E⟩").replace("\u2066", "⟨U+2066⟩")
    options = {"name": HOSTILE, "title": HOSTILE, "description": HOSTILE, "instructions": HOSTILE}
    async with opened(site(**{name: text for name, text in options.items() if name != "name"})) as page:
        assert await page.title() == spelled
        for place in ("#title", "#instructions p"):
            assert await page.locator(place).inner_text() == spelled
        found = await item(page, "hostile")
        await call(found)
        assert spelled in await outcome(found)
        assert await page.evaluate("document.querySelectorAll('script').length") == 1
        assert await page.locator("img").count() == 0
        text = await page.locator("body").inner_text()
        assert not {"\u202e", "\u2066"} & set(text)


@in_chromium
async def test_a_hostile_name_of_the_server_gets_into_no_command() -> None:
    async with opened(site(), path="/mcp/$(id);'x'") as page:
        text = await page.evaluate('hostsOf("$(id); rm -rf ~ `x` \\u202e").map(([, , text]) => text)')
    assert text[0].startswith("claude mcp add --transport http id-rm-rf-x 'http://127.0.0.1:")
    assert text[0].endswith("/mcp/$(id);'\\''x'\\'''")


@in_chromium
async def test_the_policy_keeps_everything_else_out() -> None:
    """That the checks above can fail: what is no part of the page does not run, and the console says so."""
    async with opened(site(), expects="Content Security Policy|TrustedHTML|innerHTML") as page:
        script = """async () => {
          const refused = [];
          addEventListener("securitypolicyviolation", (event) => refused.push(event.effectiveDirective));
          const style = document.createElement("style");
          style.textContent = "body { color: red }";
          document.body.append(style);
          try { document.body.innerHTML = "<p>"; } catch (error) { refused.push(error.name); }
          await fetch("https://example.com/").catch(() => {});
          await new Promise((done) => setTimeout(done, 100));
          return refused;
        }"""
        refused = await page.evaluate(script)
    assert {"TypeError", "connect-src", "style-src-elem"} <= set(refused)


@pytest.mark.parametrize("path", ["/prod/mcp", "/tools/", "/"])
@in_chromium
async def test_it_calls_the_path_by_which_it_was_opened(path: str) -> None:
    async with opened(site(), path=path) as page:
        called = []
        page.on("request", lambda request: called.append(request.url))
        add = await item(page, "add")
        await call(add, left="1")
        await outcome(add)
        assert called == [page.url]
        await page.get_by_role("button", name="Show the card").click()
        await page.locator("#card pre").wait_for()
        assert called[1] == page.url.removesuffix("/") + "/server-card"
