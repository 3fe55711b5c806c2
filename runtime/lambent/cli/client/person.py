"""The port between the client and the person in front of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol


class Person(Protocol):
    """Who is told what a call does, and answers what it asks."""

    def answer(self, question: Mapping[str, Any]) -> dict[str, Any]:
        """Answer a question.

        Args:
            question: The parameters of ``elicitation/create``.

        Returns:
            The result: an action, and the content of a form.
        """

    def progress(self, done: float, total: float | None, text: str) -> None:
        """Be told how far a call is.

        Args:
            done: How much is done.
            total: Of how much; None where nobody knows.
            text: What is being done.
        """

    def log(self, level: str, data: Any) -> None:
        """Be told a log message.

        Args:
            level: Its level.
            data: What it says.
        """
