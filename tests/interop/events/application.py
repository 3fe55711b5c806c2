"""An application with the AI SDK, as the tests see it."""

from collections.abc import Mapping
from typing import Any

from tests.interop.clients import Driver
from tests.interop.events.shop import KEYS

ANN = {"X-API-Key": KEYS["ann"]}
"""Somebody whom the shop knows."""


class Application:
    """What ``ai_sdk.mjs`` can be asked to do.

    Args:
        driver: its process.
    """

    def __init__(self, driver: Driver) -> None:
        self._driver = driver

    def connect(self, url: str, era: str, headers: Mapping[str, str] = ANN) -> dict[str, Any]:
        """Connect to a server; what was agreed on."""
        agreed: dict[str, Any] = self.does("connect", server=url, headers=dict(headers), era=era)
        return agreed

    def does(self, what: str, **values: Any) -> Any:
        """Do something; what comes of it."""
        outcome = self._driver.run({"do": what, **values})
        assert "error" not in outcome, outcome
        return outcome["value"]

    def fails(self, what: str, **values: Any) -> dict[str, Any]:
        """Do something that the server or the library refuses; the error."""
        outcome = self._driver.run({"do": what, **values})
        assert "value" not in outcome, outcome
        error: dict[str, Any] = outcome["error"]
        return error

    def refund(self, order: str, cents: int) -> None:
        """Have something happen, by calling a tool."""
        result = self.does("call", name="refund", arguments={"order": order, "cents": cents})
        assert not result["isError"], result

    def events(self, count: int) -> list[dict[str, Any]]:
        """What the application was told so far, once there are so many."""
        found: list[dict[str, Any]] = self.does("events", count=count)
        assert len(found) >= count, (found, self.does("requests"))
        return found

    def answers(self) -> list[tuple[str, int, int]]:
        """The requests to the endpoint: type, answer of the library, and number of signatures."""
        return [
            (one["type"], one["status"], len(one["headers"]["webhook-signature"].split()))
            for one in self.does("requests")
        ]
