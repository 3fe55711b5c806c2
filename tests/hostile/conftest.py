"""Clients for hostile tests."""

from collections.abc import Iterator

import pytest
from fuzz.target import Target
from tests.hostile.client import CheckedClient


@pytest.fixture(scope="module")
def client() -> Iterator[CheckedClient]:
    """A client of what ``mcp.lambda_handler()`` makes."""
    with Target() as target:
        yield CheckedClient(target)


@pytest.fixture(scope="module")
def stored_client() -> Iterator[CheckedClient]:
    """The same with tasks, sessions and idempotent calls."""
    with Target(store=True) as target:
        yield CheckedClient(target)
