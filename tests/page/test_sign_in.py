"""What a person sees who has to say who they are, before and after."""

from typing import Any

from tests.issuer.issuer import Issuer
from tests.page.browsing import call, in_chromium, item, opened, outcome

from lambent import ApiKey, ApiKeys, Context, MCPServer, OAuth, Settings
from lambent.auth.api_keys import make_api_key

REFUSED = "the server responded with a status of 40[13]"
"""What Chromium itself says of each response with such a status."""


def guarded(auth: Any, **settings: Any) -> Any:
    mcp = MCPServer("vault", title="The vault", auth=auth)

    @mcp.tool()
    def whoami(ctx: Context) -> str:
        assert ctx.principal is not None
        return f"You are {ctx.principal.subject}"

    @mcp.tool(scopes=["vault:open"])
    def unlock() -> str:
        return "open"

    return mcp.asgi(Settings(**settings))


def later(make: Any) -> Any:
    """An application that is made by its first request, of the URL by which it is reached."""
    made: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if not made:
            made.append(make(f"http://127.0.0.1:{scope['server'][1]}"))
        await made[0](scope, receive, send)

    return app


async def sign_in(page: Any, token: str, kind: str = "Access token (Authorization: Bearer)") -> None:
    await page.get_by_label("Send it as").select_option(kind)
    await page.get_by_label("Token or key").fill(token)
    await page.get_by_role("button", name="Use it").click()


@in_chromium
async def test_a_token_of_an_issuer() -> None:
    with Issuer() as issuer:
        app = later(
            lambda url: guarded(
                OAuth(issuer=issuer.url, scopes_supported=["vault:open"]), public_url=url, mcp_path="/mcp"
            )
        )
        async with opened(app, expects=REFUSED) as page:
            # Nothing of the server is known before.
            assert await page.title() == "MCP server"
            assert await page.locator("details.item").count() == 0
            form = page.get_by_role("form", name="Sign in")
            await form.get_by_text(f"Tokens are issued by {issuer.url}").wait_for()
            assert await page.evaluate("document.activeElement.id") == "token"

            await sign_in(page, issuer.token("ada", f"{page.url}-other"))
            await form.get_by_text("The server did not accept the token or key.").wait_for()

            await sign_in(page, issuer.token("ada", page.url))
            await page.get_by_role("heading", name="The vault").wait_for()
            assert not await form.is_visible()
            whoami = await item(page, "whoami")
            await call(whoami)
            assert "You are ada" in await outcome(whoami)
            unlock = await item(page, "unlock")
            await call(unlock)
            assert "Sign in with a token that has the scope vault:open." in await outcome(unlock)

            # It is kept nowhere: neither in the form, nor in the browser.
            assert await page.get_by_label("Token or key").input_value() == ""
            state = await page.context.storage_state()
            assert (state["cookies"], state["origins"]) == ([], [])
            await page.reload()
            await form.get_by_text("The server wants to know who is calling.").wait_for()
            assert await page.locator("details.item").count() == 0


@in_chromium
async def test_an_api_key_in_a_header_of_its_own() -> None:
    key, digest = make_api_key()
    keys = {"ada": ApiKey(hash=digest, subject="ada")}
    async with opened(guarded(ApiKeys(keys, header="X-Vault")), expects=REFUSED) as page:
        await page.get_by_label("Send it as").select_option("Another header")
        await page.get_by_label("Name of the header").fill("X-Vault")
        await sign_in(page, key, "Another header")
        whoami = await item(page, "whoami")
        await call(whoami)
        assert "You are ada" in await outcome(whoami)
        await page.get_by_role("button", name="Signed in").click()
        await page.get_by_role("button", name="Forget it").click()
        await page.get_by_text("The server wants to know who is calling.").wait_for()
        assert await page.locator("details.item").count() == 0


@in_chromium
async def test_a_page_of_an_address_that_may_not_call_says_what_to_set() -> None:
    async with opened(guarded(()), host="shop.test", expects=REFUSED) as page:
        text = await page.locator(".problem").inner_text()
        # Nor is there a clipboard on a page without TLS.
        await page.get_by_role("button", name="Copy the URL").click()
        assert await page.evaluate("getSelection().toString()") == page.url
        await page.get_by_text("the URL is selected: copy it with your keyboard").wait_for()
    assert "LAMBENT_PUBLIC_URL or LAMBENT_ALLOWED_ORIGINS has to name it" in text
    allowed = guarded((), allowed_origins=frozenset({"*"}))
    async with opened(allowed, host="shop.test") as page:
        await page.get_by_role("heading", name="The vault").wait_for()
