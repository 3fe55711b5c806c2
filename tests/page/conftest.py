"""The browser of the tests, one for each process that runs them."""

from collections.abc import Iterator

import pytest


@pytest.fixture(scope="session")
def in_browser() -> Iterator[None]:
    """A browser runs."""
    from tests.page.browsing import chromium  # skips whatever imports it where there is no Playwright

    with chromium():
        yield
