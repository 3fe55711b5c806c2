"""What a test says as one client to one host."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

import pytest
from tests.interop.clients import Client, Outcome
from tests.interop.hosts import Server


@dataclass(frozen=True)
class Talk:
    """A client, where it connects to, and the era that it speaks.

    Attributes:
        client: the client's name.
        server: the host's address, or the command that starts it.
        era: `modern`, `legacy`, `auto` (whatever the server has), or `default`: what the client does unless
            told otherwise.
    """

    client: str
    driver: Client
    server: Server
    era: str

    def value(self, do: str, **arguments: Any) -> Any:
        """What the client got."""
        outcome = self._run(do, arguments)
        assert "error" not in outcome, outcome["error"]
        return outcome["value"]

    def error(self, do: str, **arguments: Any) -> dict[str, Any]:
        """What the client raised."""
        outcome = self._run(do, arguments)
        assert "value" not in outcome, outcome["value"]
        error: dict[str, Any] = outcome["error"]
        return error

    def about(self) -> str:
        """The client's package and version."""
        return str(self.driver.run({"do": "about"})["value"])

    def skip(self, reason: str) -> NoReturn:
        """Say what this very version of the client does instead; the test has just seen it."""
        pytest.skip(f"{self.about()}: {reason}")

    def _run(self, do: str, arguments: Mapping[str, Any]) -> Outcome:
        return self.driver.run({"do": do, "server": self.server, "era": self.era, **arguments})


def call(
    name: str,
    arguments: Mapping[str, Any] | None = None,
    *,
    answers: Mapping[str, Any] | None = None,
    progress: bool = False,
    listed: bool = False,
) -> dict[str, Any]:
    """The arguments of a task that calls a tool.

    Args:
        name: the tool.
        arguments: its arguments.
        answers: what the user, the model and the client answer; only what is there is declared.
        progress: whether to ask for progress.
        listed: whether to list the tools first.
    """
    return {
        "do": "call",
        "name": name,
        "arguments": arguments or {},
        "answers": answers or {},
        "progress": progress,
        "listed": listed,
    }


def text(called: Mapping[str, Any]) -> str:
    """The text of a call whose result is one text."""
    (block,) = called["result"]["content"]
    assert block["type"] == "text", block
    return str(block["text"])
