"""``Apps`` as the official SDK has it; what it shares with ``lambent.Apps`` is tested there."""

from collections.abc import Callable
from typing import Any

import pytest
from tests.support import Client

from lambent import DeclarationError
from lambent.compat import (
    APP_MIME_TYPE,
    EXTENSION_ID,
    Apps,
    Context,
    MCPServer,
    ResourceCsp,
    ResourcePermissions,
    client_supports_apps,
)

Serve = Callable[..., Client]
CLOCK = "ui://clock/app.html"


class Page:
    """A resource that is made first, as those of ``lambent.compat`` are."""

    def __init__(self, uri: str, mime_type: str | None) -> None:
        self.uri = uri
        self.mime_type = mime_type

    def add_to(self, server: Any) -> None:
        server.resource(self.uri, name="clock", mime_type=self.mime_type)(lambda: "<p>12:00")


def test_tools_and_pages_are_declared_as_there(serve: Serve) -> None:
    apps = Apps()

    @apps.tool(resource_uri=CLOCK, description="The current time.", visibility=["model", "app"])
    def get_time(ctx: Context) -> str:
        return "12:00" if client_supports_apps(ctx) else "It is 12:00."

    apps.add_html_resource(
        CLOCK,
        "<p>12:00",
        title="Clock",
        csp=ResourceCsp(connect_domains=["https://api.example.com"]),
        permissions=ResourcePermissions(clipboard_write={}),
        domain="clock.example.com",
        prefers_border=True,
    )
    client = serve(MCPServer("clock", extensions=[apps]))
    tool = client.tool("get_time")
    assert tool["description"] == "The current time."
    assert tool["_meta"] == {"ui": {"resourceUri": CLOCK, "visibility": ["model", "app"]}}
    contents = client.read(CLOCK).result["contents"][0]
    assert (contents["text"], contents["mimeType"]) == ("<p>12:00", APP_MIME_TYPE)
    assert contents["_meta"]["ui"] == {
        "csp": {"connectDomains": ["https://api.example.com"]},
        "permissions": {"clipboardWrite": {}},
        "domain": "clock.example.com",
        "prefersBorder": True,
    }
    able = {"extensions": {EXTENSION_ID: {"mimeTypes": [APP_MIME_TYPE]}}}
    assert client.call("get_time", capabilities=able).result["content"][0]["text"] == "12:00"
    assert client.call("get_time").result["content"][0]["text"] == "It is 12:00."


@pytest.mark.parametrize("mime_type", [None, "text/plain", APP_MIME_TYPE])
def test_a_page_may_be_a_resource_already(mime_type: str | None, serve: Serve) -> None:
    apps = Apps()
    apps.tool(resource_uri=CLOCK, name="refresh")(lambda: "done")
    apps.add_resource(Page(CLOCK, mime_type))
    contents = serve(MCPServer("clock", extensions=[apps])).read(CLOCK).result["contents"][0]
    assert (contents["text"], contents["mimeType"]) == ("<p>12:00", APP_MIME_TYPE)


def test_such_a_page_has_no_other_media_type_and_no_other_scheme() -> None:
    with pytest.raises(DeclarationError, match="hosts show pages with the media type"):
        Apps().add_resource(Page(CLOCK, "text/html"))
    with pytest.raises(DeclarationError, match="The URI of a page begins with ui://"):
        Apps().add_resource(Page("file:///a", None))
