"""What an official client does at a guarded server over one connection."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.interop.clients import Client, Outcome
from tests.interop.talks import call

FROM_NOTHING: Mapping[str, Any] = {"grant": "code"}
"""The login of a client that has no token and is not registered."""

WHOAMI = call("whoami")
REFUND = call("refund", {"order": "A-1"})


@dataclass(frozen=True)
class Visit:
    """A client at a guarded server.

    Attributes:
        name: the client's.
        url: the server's endpoint.
        era: see ``Talk``.
    """

    client: Client
    name: str
    url: str
    era: str

    def take(self, *steps: Mapping[str, Any], login: Mapping[str, Any] = FROM_NOTHING) -> list[Outcome]:
        """Connect, list the tools, and take some steps; the outcome of each."""
        outcome = self.run({"do": "batch", "tasks": list(steps)}, login)
        assert "error" not in outcome, outcome["error"]
        outcomes: list[Outcome] = outcome["value"]
        return outcomes

    def run(self, task: Mapping[str, Any], login: Mapping[str, Any] = FROM_NOTHING) -> Outcome:
        """Connect and do one thing."""
        return self.client.run({"server": self.url, "era": self.era, "login": dict(login), **task})


def structured(outcome: Outcome) -> Any:
    """The structured content of a call."""
    assert "error" not in outcome, outcome["error"]
    return outcome["value"]["result"]["structuredContent"]


def text_of(outcome: Outcome) -> str:
    """The text of a call."""
    assert "error" not in outcome, outcome["error"]
    (block,) = outcome["value"]["result"]["content"]
    return str(block["text"])
