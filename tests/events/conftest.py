"""The files of `events/`, and the functions that they are for."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from tests.events.functions import ROOT

Read = Callable[[str], dict[str, Any]]


@pytest.fixture
def read() -> Read:
    """Reads an event by the name of its file."""

    def read_one(name: str) -> dict[str, Any]:
        event: dict[str, Any] = json.loads((ROOT / "events" / f"{name}.json").read_text(encoding="utf-8"))
        return event

    return read_one
