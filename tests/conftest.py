"""Fixtures of all tests of the core."""

import contextlib
import gc
from collections.abc import Callable, Iterator
from typing import Any

import hypothesis
import pytest
from tests import support

from lambent.server import MCPServer

# As the entry point of an installed distribution does; pytest loads it once.
pytest_plugins = ["_lambent_pytest"]

# Nothing is timed and nothing is left behind; what fails, fails again from the seed that is printed.
hypothesis.settings.register_profile(
    "quick",
    max_examples=60,
    deadline=None,
    database=None,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("quick")


def pytest_collection_finish() -> None:
    """Have searches for garbage pass over what all tests share: tens of thousands of items, and modules."""
    gc.collect()
    gc.freeze()


@pytest.fixture
def serve() -> Iterator[Callable[..., support.Client]]:
    """Makes clients of servers; the event loops of their handlers are closed in the end."""
    with contextlib.ExitStack() as stack:

        def make(server: MCPServer, *args: Any, **options: Any) -> support.Client:
            handler = support.make_handler(server, *args, **options)
            stack.callback(handler.close)
            return support.Client(handler)

        yield make
