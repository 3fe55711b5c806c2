"""Endpoints for the tests of requests to them."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.stores.receivers import Network, Receiver, make_certificate


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate of the host, with its key."""
    path: Path = tmp_path_factory.mktemp("certificate") / "hook.pem"
    make_certificate(path)
    return path


@pytest.fixture
def receiver(certificate: Path) -> Iterator[Receiver]:
    made = Receiver(certificate)
    yield made
    made.close()


@pytest.fixture
def network(receiver: Receiver, certificate: Path) -> Network:
    return Network(receiver, certificate)
