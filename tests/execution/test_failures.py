"""What clients read of failures that nobody anticipated."""

import re
from collections.abc import Iterator

import pytest
from tests.support import Client, make_handler, make_server

from lambent import ConfigurationError
from lambent.execution import failures


@pytest.fixture
def client() -> Iterator[Client]:
    mcp = make_server()

    @mcp.tool()
    def unset() -> None:
        raise ConfigurationError("set TABLE")

    @mcp.tool()
    def wrong() -> None:
        raise ValueError("no such order")

    yield Client(make_handler(mcp))
    failures.show()


def test_nothing_is_shown_unless_it_is_asked_for(client: Client) -> None:
    assert re.fullmatch(r"Internal error \(reference [0-9a-f]{12}\)", client.call("unset").error["message"])
    assert re.fullmatch(r"Error executing tool wrong \(reference [0-9a-f]{12}\)", client.call("wrong").text)


def test_what_has_to_be_set_may_be_shown_alone(client: Client) -> None:
    failures.show(ConfigurationError)
    said = client.call("unset").error["message"]
    assert re.fullmatch(r"Internal error \(reference [0-9a-f]{12}, ConfigurationError: set TABLE\)", said)
    assert "no such order" not in client.call("wrong").text


def test_everything_may_be_shown(client: Client) -> None:
    failures.show(BaseException)
    assert client.call("wrong").text.endswith(", ValueError: no such order)")
