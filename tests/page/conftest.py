"""The browser of the tests, one for each process that runs them."""

from collections.abc import Iterator

import pytest
from tests.page.browsing import chromium


@pytest.fixture(scope="session")
def in_browser() -> Iterator[None]:
    """A browser runs."""
    with chromium():
        yield
