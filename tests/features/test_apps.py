"""MCP Apps: tools and their pages, as the extension's specification of 2026-01-26 has them."""

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from tests.legacy import VERSIONS, LegacyClient
from tests.support import Client, make_handler, make_server

from lambent import (
    APP_MIME_TYPE,
    Apps,
    Context,
    DeclarationError,
    ResourceCsp,
    ResourcePermissions,
    client_supports_apps,
)

Serve = Callable[..., Client]
UI = "io.modelcontextprotocol/ui"
CLOCK = "ui://clock/app.html"
HTML = "<!doctype html><title>Clock</title>"
ABLE = {"extensions": {UI: {"mimeTypes": [APP_MIME_TYPE]}}}


def clock(**options: Any) -> Apps:
    apps = Apps()

    @apps.tool(resource_uri=CLOCK, title="The time")
    def get_time(ctx: Context) -> str:
        return "12:00" if client_supports_apps(ctx) else "It is 12:00."

    apps.add_html_resource(CLOCK, HTML, **options)
    return apps


def test_a_tool_names_its_page(serve: Serve) -> None:
    client = serve(make_server(extensions=[clock()]))
    assert client.request("server/discover").result["capabilities"]["extensions"] == {UI: {}}
    tool = client.tool("get_time")
    assert tool["title"] == "The time"
    assert tool["_meta"] == {"ui": {"resourceUri": CLOCK}}


def test_a_page_is_a_resource_of_its_media_type(serve: Serve) -> None:
    client = serve(make_server(extensions=[clock(title="Clock")]))
    listed = {"uri": CLOCK, "name": CLOCK, "title": "Clock", "mimeType": APP_MIME_TYPE}
    assert client.request("resources/list").result["resources"] == [listed]
    read = {"uri": CLOCK, "text": HTML, "mimeType": "text/html;profile=mcp-app"}
    assert client.read(CLOCK).result["contents"] == [read]


def test_hosts_read_what_a_page_may_do_in_the_list_and_in_the_contents(serve: Serve) -> None:
    apps = clock(
        csp=ResourceCsp(
            connect_domains=["https://api.example.com"],
            resource_domains=["https://*.example.com"],
            frame_domains=["https://video.example.com"],
            base_uri_domains=["https://cdn.example.com"],
        ),
        permissions=ResourcePermissions(camera={}, microphone={}, geolocation={}, clipboard_write={}),
        domain="clock.example.com",
        prefers_border=False,
        meta={"com.example/build": 7},
    )
    client = serve(make_server(extensions=[apps]))
    meta = {
        "com.example/build": 7,
        "ui": {
            "csp": {
                "connectDomains": ["https://api.example.com"],
                "resourceDomains": ["https://*.example.com"],
                "frameDomains": ["https://video.example.com"],
                "baseUriDomains": ["https://cdn.example.com"],
            },
            "permissions": {"camera": {}, "microphone": {}, "geolocation": {}, "clipboardWrite": {}},
            "domain": "clock.example.com",
            "prefersBorder": False,
        },
    }
    assert client.request("resources/list").result["resources"][0]["_meta"] == meta
    assert client.read(CLOCK).result["contents"][0]["_meta"] == meta


def test_a_page_may_come_from_a_file_and_is_read_each_time(serve: Serve, tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    path.write_text("<p>ü1", encoding="utf-8")
    apps = Apps()
    apps.add_html_resource(CLOCK, path, name="clock")
    client = serve(make_server(extensions=[apps]))
    assert client.read(CLOCK).result["contents"][0]["text"] == "<p>ü1"
    path.write_text("<p>2", encoding="utf-8")
    assert client.read(CLOCK).result["contents"][0]["text"] == "<p>2"


def test_a_page_may_be_made_by_a_function(serve: Serve) -> None:
    apps = Apps()

    @apps.resource("ui://user/{name}", prefers_border=True)
    async def page(name: str) -> str:
        """The page of a user."""
        return f"<p>{name}"

    client = serve(make_server(extensions=[apps]))
    contents = client.read("ui://user/ada").result["contents"][0]
    assert contents["text"] == "<p>ada"
    assert contents["mimeType"] == APP_MIME_TYPE
    assert contents["_meta"] == {"ui": {"prefersBorder": True}}


@pytest.mark.parametrize("visibility", [["model"], ["app"], ["model", "app"]])
def test_a_tool_says_who_may_call_it_and_is_listed_for_everybody(visibility: list[Any], serve: Serve) -> None:
    apps = clock()

    @apps.tool(resource_uri=CLOCK, visibility=visibility, meta={"a": 1})
    def refresh() -> str:
        return "done"

    client = serve(make_server(extensions=[apps]))
    assert client.tool("refresh")["_meta"] == {"a": 1, "ui": {"resourceUri": CLOCK, "visibility": visibility}}
    assert client.call("refresh").text == "done"


def test_a_tool_may_be_for_pages_and_have_none_itself(serve: Serve) -> None:
    apps = clock()

    @apps.tool(visibility=["app"])
    def refresh() -> str:
        return "done"

    assert serve(make_server(extensions=[apps])).tool("refresh")["_meta"] == {"ui": {"visibility": ["app"]}}
    with pytest.raises(DeclarationError, match="A tool of an app has a page or a visibility"):
        apps.tool()


@pytest.mark.parametrize(
    ("extensions", "text"),
    [
        ({UI: {"mimeTypes": [APP_MIME_TYPE]}}, "12:00"),
        ({UI: {"mimeTypes": ["text/html"]}}, "It is 12:00."),
        ({UI: {"mimeTypes": "text/html;profile=mcp-app"}}, "It is 12:00."),
        ({UI: {}}, "It is 12:00."),
        ({"com.example/ui": {"mimeTypes": [APP_MIME_TYPE]}}, "It is 12:00."),
        ({}, "It is 12:00."),
    ],
)
def test_a_tool_knows_whether_its_page_is_shown(extensions: dict[str, Any], text: str, serve: Serve) -> None:
    client = serve(make_server(extensions=[clock()]))
    assert client.call("get_time", capabilities={"extensions": extensions}).text == text


@pytest.mark.parametrize("version", VERSIONS)
def test_clients_of_the_legacy_era_declare_it_when_they_initialize(version: str) -> None:
    with closing(make_handler(make_server(extensions=[clock()]))) as handler:
        assert LegacyClient(lambda: handler, version, ABLE).call("get_time").text == "12:00"
        assert LegacyClient(lambda: handler, version, {}).call("get_time").text == "It is 12:00."


def test_a_tool_of_a_page_that_there_is_not_is_refused() -> None:
    apps = Apps()
    apps.tool("refresh", resource_uri=CLOCK)(lambda: "")
    with pytest.raises(DeclarationError, match=f"refresh: there is no page {CLOCK}"):
        make_server(extensions=[apps])


@pytest.mark.parametrize("uri", ["https://example.com", "ui:/clock", "", 7])
def test_a_page_has_a_uri_of_its_scheme(uri: Any) -> None:
    with pytest.raises(DeclarationError, match="The URI of a page begins with ui://"):
        Apps().tool(resource_uri=uri)
    with pytest.raises(DeclarationError, match="The URI of a page begins with ui://"):
        Apps().add_html_resource(uri, HTML)


def test_a_page_has_no_other_media_type() -> None:
    with pytest.raises(DeclarationError, match="hosts show pages with the media type"):
        Apps().resource(CLOCK, mime_type="text/html")


@pytest.mark.parametrize("visibility", ["app", ["user"]])
def test_visibility_has_two_values(visibility: Any) -> None:
    with pytest.raises(DeclarationError, match='visibility is a list of "model" and "app"'):
        Apps().tool(resource_uri=CLOCK, visibility=visibility)


def test_the_extension_fills_its_member_of_meta_alone() -> None:
    with pytest.raises(DeclarationError, match="_meta has a member ui already"):
        Apps().tool(resource_uri=CLOCK, meta={"ui": {}})
    with pytest.raises(DeclarationError, match="_meta has a member ui already"):
        Apps().resource(CLOCK, meta={"ui": {}}, domain="a")
