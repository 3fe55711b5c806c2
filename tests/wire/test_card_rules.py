"""What may not be published."""

from typing import Any

import msgspec
import pytest
from tests.wire.cards import PLAIN, RICH, URL

from lambent import CardDetails, CardHeader, Icon, Repository
from lambent.wire.server_card import ServerSummary, is_internal, problems

NO_NAME = (
    "the name 'com example/shop' is not in reverse DNS format, such as com.example/orders: set a namespace"
)


def with_info(**info: Any) -> ServerSummary:
    return msgspec.structs.replace(PLAIN, info=msgspec.structs.replace(PLAIN.info, **info))


def with_card(**card: Any) -> ServerSummary:
    return msgspec.structs.replace(PLAIN, card=CardDetails(**card))


@pytest.mark.parametrize("summary", [PLAIN, RICH, with_info(icons=[Icon(src="data:image/png;base64,AA==")])])
def test_nothing_is_wrong_with_a_card_that_can_be_published(summary: ServerSummary) -> None:
    assert problems(summary, URL) == []


@pytest.mark.parametrize(
    ("summary", "url", "problem"),
    [
        (PLAIN, None, "nobody can reach the server without a URL: set LAMBENT_PUBLIC_URL"),
        (
            PLAIN,
            "http://mcp.example.com",
            "the public URL is 'http://mcp.example.com': it must begin with https://",
        ),
        (
            PLAIN,
            "https://10.0.0.7",
            "the public URL is 'https://10.0.0.7', which only its own network can reach",
        ),
        (PLAIN, "https://u:p@mcp.example.com", "the public URL holds credentials"),
        (
            PLAIN,
            "https://[nonsense",
            "the public URL is 'https://[nonsense', which only its own network can reach",
        ),
        (
            with_info(website_url="https://wiki.corp"),
            URL,
            "the website is 'https://wiki.corp', which only its own network can reach",
        ),
        (
            with_info(icons=[Icon(src="https://a.example/x.png"), Icon(src="file:///etc/passwd")]),
            URL,
            "icon 2 is 'file:///etc/passwd': it must begin with https://",
        ),
        (
            with_card(repository=Repository(url="https://token@git.example/x", source="git")),
            URL,
            "the repository holds credentials",
        ),
        (with_info(version="^1.0"), URL, "'^1.0' is not one version, such as 1.0.2"),
        (with_info(version="1.x"), URL, "'1.x' is not one version, such as 1.0.2"),
        (
            with_card(namespace="com example"),
            URL,
            NO_NAME,
        ),
        (
            with_card(headers=[CardHeader(name="X-Key", is_secret=True, value="hunter2")]),
            URL,
            "the header X-Key is secret, but the card would show its value",
        ),
        (
            with_card(headers=[CardHeader(name="X-Key", is_secret=True, default="hunter2")]),
            URL,
            "the header X-Key is secret, but the card would show its value",
        ),
        (
            with_card(headers=[CardHeader(name="X-Key", is_secret=True, choices=["hunter2"])]),
            URL,
            "the header X-Key is secret, but the card would show its value",
        ),
    ],
)
def test_each_problem_is_named(summary: ServerSummary, url: str | None, problem: str) -> None:
    assert problems(summary, url) == [problem]


@pytest.mark.parametrize("value", ["{token}", "Bearer {token}", "basic {user}{password}"])
def test_a_placeholder_is_no_secret(value: str) -> None:
    assert problems(with_card(headers=[CardHeader(name="A", is_secret=True, value=value)]), URL) == []


def test_what_is_not_secret_may_be_shown() -> None:
    assert problems(with_card(headers=[CardHeader(name="X-Region", value="eu", default="eu")]), URL) == []


@pytest.mark.parametrize(
    ("host", "internal"),
    [
        ("mcp.example.com", False),
        ("abc.execute-api.eu-west-1.amazonaws.com", False),
        ("8.8.8.8", False),
        ("2600:9000::1", False),
        ("localhost", True),
        ("orders", True),
        ("", True),
        ("127.0.0.1", True),
        ("10.1.2.3", True),
        ("169.254.169.254", True),
        ("192.168.0.1", True),
        ("::1", True),
        ("fd00::1", True),
        ("ip-10-0-0-1.eu-west-1.compute.internal", True),
        ("printer.local", True),
        ("a.localhost", True),
        ("db.internal.", True),
        ("wiki.intranet", True),
        ("127.1", True),
        ("mcp.example.com.", False),
    ],
)
def test_internal_hosts(host: str, internal: bool) -> None:
    assert is_internal(host) is internal
