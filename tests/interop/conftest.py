"""Every test talks as each client to each host; clients and hosts start when the first test needs them."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from functools import cache
from pathlib import Path

import pytest
from tests.interop import clients, hosts
from tests.interop.releases import Release
from tests.interop.talks import Talk

TalkAs = Callable[[Release, str], Talk]

ALL_CLIENTS = {**clients.CLIENTS, **clients.OLDER}


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """For logs, and for what clients save; each worker has its own."""
    return tmp_path_factory.mktemp("interop")


@pytest.fixture(scope="session")
def connect_client(folder: Path) -> Iterator[Callable[[str], clients.Client]]:
    """Clients by name. Not parametrized itself, so that the order of tests does not start them anew."""
    with ExitStack() as stack:
        yield cache(lambda name: stack.enter_context(closing(ALL_CLIENTS[name](folder))))


@pytest.fixture(scope="session")
def start_host(folder: Path) -> Iterator[Callable[[str], hosts.Server]]:
    """Addresses and commands of hosts by name."""
    with ExitStack() as stack:
        yield cache(lambda name: stack.enter_context(hosts.ALL_HOSTS[name](folder / f"{name}.log")))


@pytest.fixture
def talk_as(
    connect_client: Callable[[str], clients.Client], start_host: Callable[[str], hosts.Server]
) -> TalkAs:
    """Talks as a release of a client to a host."""
    return lambda release, host: Talk(
        release.client, connect_client(release.client), start_host(host), release.era
    )


@pytest.fixture(scope="session")
def types_url(folder: Path) -> Iterator[str]:
    """The address of the server with every type."""
    with hosts.asgi(folder / "types.log", "tests.interop.types_server:asgi") as address:
        yield address


@pytest.fixture(params=list(clients.CLIENTS))
def client(request: pytest.FixtureRequest) -> str:
    """The name of a client."""
    return str(request.param)


@pytest.fixture(params=list(hosts.HOSTS))
def host(request: pytest.FixtureRequest) -> str:
    """The name of a host."""
    return str(request.param)


@pytest.fixture
def talk_in(
    client: str,
    host: str,
    connect_client: Callable[[str], clients.Client],
    start_host: Callable[[str], hosts.Server],
) -> Callable[[str], Talk]:
    """Talks as the client to the host, in an era."""
    return lambda era: Talk(client, connect_client(client), start_host(host), era)


@pytest.fixture
def asking(
    request: pytest.FixtureRequest,
    client: str,
    host: str,
    connect_client: Callable[[str], clients.Client],
    start_host: Callable[[str], hosts.Server],
) -> Talk:
    """Talks in either era to a host that can ask; in the legacy era the gateway needs a table for it."""
    era = request.param
    name = "table" if (host, era) == ("gateway", "legacy") else host
    return Talk(client, connect_client(client), start_host(name), era)


@pytest.fixture
def modern(talk_in: Callable[[str], Talk]) -> Talk:
    """Talks in the modern era."""
    return talk_in("modern")


@pytest.fixture(params=["modern", "legacy"])
def talk(
    request: pytest.FixtureRequest,
    talk_in: Callable[[str], Talk],
) -> Talk:
    """Talks in either era: what does not depend on it."""
    return talk_in(request.param)
