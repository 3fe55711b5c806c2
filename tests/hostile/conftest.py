"""Targets for hostile tests."""

from collections.abc import Iterator

import pytest
from fuzz.target import Target
from tests.hostile.arena import Arena


@pytest.fixture(scope="module")
def arena() -> Iterator[Arena]:
    """What ``mcp.lambda_handler()`` makes, under attack."""
    with Target() as target:
        yield Arena(target)


@pytest.fixture(scope="module")
def stored() -> Iterator[Arena]:
    """The same with tasks, sessions and idempotent calls."""
    with Target(store=True) as target:
        yield Arena(target)
