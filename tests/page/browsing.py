"""The page in Chromium, driven by the DevTools protocol: what it says on the console is an error."""

import asyncio
import functools
import os
import re
import shutil
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from threading import Thread
from typing import Any

import pytest
from tests.hosts.asgi.driving import uvicorn_of
from tests.page.site import SITE_SETTINGS, make_site

playwright = pytest.importorskip("playwright.async_api", reason="Playwright is not installed")

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
SECONDS = 60.0
"""How long a test may hang before it fails; nothing waits for it to pass."""


class Chromium:
    """A browser on an event loop of its own thread, which is also that of the servers that it looks at."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = Thread(target=self.loop.run_forever)
        self._thread.start()
        self._playwright, self.browser = self.run(self._start())

    async def _start(self) -> tuple[Any, Any]:
        options = ["--host-resolver-rules=MAP shop.test 127.0.0.1"]
        if os.geteuid() == 0:
            options.append("--no-sandbox")  # Chromium has none for root
        started = await playwright.async_playwright().start()
        return started, await started.chromium.launch(executable_path=CHROMIUM, args=options)

    def run(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        """Run a coroutine on the loop."""
        limited = asyncio.wait_for(coroutine, SECONDS)
        return asyncio.run_coroutine_threadsafe(limited, self.loop).result()

    def close(self) -> None:
        """End the browser, and the loop."""
        self.run(self.browser.close())
        self.run(self._playwright.stop())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.loop.close()


_started: list[Chromium] = []


@contextmanager
def chromium() -> Iterator[None]:
    """Tests run in a browser within this, which takes seconds to start."""
    _started.append(Chromium())
    try:
        yield
    finally:
        _started.pop().close()


def in_chromium(test: Callable[..., Coroutine[Any, Any, None]]) -> Any:
    """Run a test on the loop of the browser."""

    @functools.wraps(test)
    def run(*args: Any, **kwargs: Any) -> None:
        _started[-1].run(test(*args, **kwargs))

    is_missing = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium: apt-get install chromium")
    return pytest.mark.usefixtures("in_browser")(is_missing(run))


@asynccontextmanager
async def looked_at(url: str, *, expects: str = "", **context: Any) -> AsyncIterator[Any]:
    """The page at a URL, once it has asked the server; in the end nothing may have gone wrong.

    ``expects`` is a pattern of what the console may say. The rest is for Playwright's ``new_context``.
    """
    complaints: list[str] = []
    viewport = {"viewport": {"width": 1280, "height": 900}}
    one = await _started[-1].browser.new_context(**{**viewport, **context})
    page = await one.new_page()
    page.set_default_timeout(15_000)
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("dialog", lambda dialog: complaints.append(dialog.message))
    try:
        await page.goto(url)
        await page.locator("#state").wait_for(state="hidden")
        yield page
    finally:
        await one.close()
    assert [one for one in complaints if not (expects and re.search(expects, one))] == []


@asynccontextmanager
async def opened(app: Any, path: str = "/mcp", *, host: str = "", **options: Any) -> AsyncIterator[Any]:
    """The page of an ASGI application; ``host`` is what the browser calls it, which may be shop.test."""
    async with (
        uvicorn_of(app, lifespan="off", timeout_graceful_shutdown=1) as url,
        looked_at(url.replace("127.0.0.1", host or "127.0.0.1") + path, **options) as page,
    ):
        yield page


def site(**options: Any) -> Any:
    """The server of the tests as an ASGI application."""
    return make_site(**options).asgi(SITE_SETTINGS)


async def item(page: Any, name: str) -> Any:
    """Open the item with a name in one of the lists."""
    named = page.locator("summary .name, summary code").get_by_text(name, exact=True)
    found = page.locator("details.item", has=named)
    await found.locator("> summary").click()
    return found


async def outcome(found: Any) -> str:
    """What a call has shown in the end."""
    await found.get_by_text(re.compile(r" after [\d.]+ s$|^Cancelled$|^Failed$")).wait_for()
    text: str = await found.locator(".outcome").inner_text()
    return text


async def call(found: Any, **fields: str) -> None:
    """Fill fields in and call."""
    for label, value in fields.items():
        await labelled(found, label).fill(value)
    await found.get_by_role("button", name="Call").click()


def labelled(found: Any, label: str) -> Any:
    """The field of a name, whose label is its title; to that a star is added where something is required."""
    title = re.escape(label.replace("_", " "))
    return found.get_by_label(re.compile(rf"^{title}( \*)?$", re.IGNORECASE))
