"""Under which URL the endpoint is: never one that a client chooses."""

import pytest

from lambent.hosts.public_urls import PublicUrls, platform_url
from lambent.hosts.settings import Settings
from lambent.wire.http import Request

METADATA = "/.well-known/oauth-protected-resource"


def urls(fallback: str | None = None, **settings: str) -> PublicUrls:
    return PublicUrls(Settings(**settings), fallback)


def request(path: str = "/mcp", domain: str | None = "api.test", root: str = "") -> Request:
    headers = {"host": "evil.test", "x-forwarded-host": "evil.test", "forwarded": "host=evil.test"}
    return Request("POST", path, headers, domain=domain, root=root)


@pytest.mark.parametrize(
    ("domain", "url"),
    [
        ("api.test", "https://api.test/prod"),
        ("api.test:8443", "https://api.test:8443/prod"),
        ("localhost:8000", "http://localhost:8000/prod"),
        ("LOCALHOST", "http://LOCALHOST/prod"),
        ("127.0.0.1:8000", "http://127.0.0.1:8000/prod"),
        ("[::1]:8000", "http://[::1]:8000/prod"),
        ("localhost.evil.test", "https://localhost.evil.test/prod"),
        (None, None),
    ],
)
def test_what_platforms_say(domain: str | None, url: str | None) -> None:
    assert platform_url(request(domain=domain, root="/prod")) == url


@pytest.mark.parametrize(
    ("path", "endpoint", "metadata"),
    [
        ("/mcp", "/mcp", "/mcp"),
        ("/mcp/", "/mcp", "/mcp"),
        ("/", "/mcp", "/mcp"),
        ("/a/b", "/a/b", "/a/b"),
        (METADATA, "/mcp", "/mcp"),
        (f"{METADATA}/", "/mcp", "/mcp"),
        (f"{METADATA}/a/b", "/a/b", "/a/b"),
        (f"{METADATA}/a/b/", "/a/b", "/a/b"),
        (f"/before{METADATA}/a", "/a", "/a"),
    ],
)
def test_the_path_of_the_endpoint(path: str, endpoint: str, metadata: str) -> None:
    for public, base in (
        ({}, "https://api.test/prod"),
        ({"public_url": "https://my.test"}, "https://my.test"),
    ):
        found = urls(**public)
        assert found.endpoint(request(path, root="/prod")) == base + endpoint
        assert found.metadata(request(path, root="/prod")) == base + METADATA + metadata
        known = urls(mcp_path="/shop/mcp", **public)
        assert known.endpoint(request(path, root="/prod")) == f"{base}/shop/mcp"
        assert known.metadata(request(path, root="/prod")) == f"{base}{METADATA}/shop/mcp"


@pytest.mark.parametrize(
    "path",
    [
        ".evil.test/mcp",
        "@evil.test/mcp",
        ":8443/mcp",
        "",
        "*",
        f"{METADATA}.evil.test",
        f"{METADATA}@evil.test/mcp",
        f"{METADATA}:1@evil.test",
        f"{METADATA}evil",
    ],
)
@pytest.mark.parametrize("settings", [{}, {"public_url": "https://api.test"}])
def test_no_path_changes_the_host(path: str, settings: dict[str, str]) -> None:
    """A token for ``https://api.test.evil.test`` would be taken otherwise."""
    found = urls(**settings)
    for url in (found.endpoint(request(path)), found.metadata(request(path))):
        assert url is not None
        assert url.startswith("https://api.test/")
    assert found.is_metadata_of_endpoint(request(path)) is False


@pytest.mark.parametrize(
    ("fallback", "endpoint", "metadata"),
    [
        ("https://api.test/mcp", "https://api.test/mcp", f"https://api.test{METADATA}/mcp"),
        ("https://api.test/", "https://api.test/", f"https://api.test{METADATA}"),
        ("https://api.test", "https://api.test", f"https://api.test{METADATA}"),
        (None, None, None),
    ],
)
def test_where_nobody_says_it(fallback: str | None, endpoint: str | None, metadata: str | None) -> None:
    found = urls(fallback)
    assert found.endpoint(request("/any", domain=None)) == endpoint
    assert found.metadata(request("/any", domain=None)) == metadata


@pytest.mark.parametrize(
    ("path", "mcp_path", "is_own"),
    [
        (METADATA, None, True),
        (f"{METADATA}/any", None, True),
        (METADATA, "/mcp", True),
        (f"{METADATA}/", "/mcp", True),
        (f"{METADATA}/mcp", "/mcp", True),
        (f"{METADATA}/mcp/", "/mcp", True),
        (f"{METADATA}/prod/mcp", "/mcp", True),
        (f"{METADATA}/other", "/mcp", False),
        (f"{METADATA}/mcp/other", "/mcp", False),
        (f"{METADATA}.test", None, False),
        ("/mcp", None, False),
    ],
)
def test_whose_metadata_is_asked_for(path: str, mcp_path: str | None, *, is_own: bool) -> None:
    settings = {} if mcp_path is None else {"mcp_path": mcp_path}
    assert urls(**settings).is_metadata_of_endpoint(request(path)) is is_own
