"""Guarded servers, started when the first test needs them, and clients that get tokens for them."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from tests.interop.authorization.guarded_hosts import Guarded, StartGuarded, guarded_host
from tests.interop.authorization.visits import Visit
from tests.interop.clients import Client

SCOPES = ("orders:read",)


@pytest.fixture(scope="session")
def guarded_hosts(folder: Path) -> Iterator[Callable[[str, str], Guarded]]:
    """Servers by host and by the JSON of what they declare."""
    with ExitStack() as stack:
        yield cache(lambda name, oauth: stack.enter_context(guarded_host(name, json.loads(oauth), folder)))


@pytest.fixture
def start_guarded(guarded_hosts: Callable[[str, str], Guarded]) -> StartGuarded:
    """Gives a server behind a host, as if nobody had asked it or its issuer for anything before.

    Every call needs ``orders:read``; further arguments are members of ``OAuth``.
    """

    def start(name: str, **oauth: Any) -> Guarded:
        guarded = guarded_hosts(name, json.dumps({"scopes": SCOPES, **oauth}, sort_keys=True))
        guarded.forget()
        return guarded

    return start


@pytest.fixture
def start_fresh(folder: Path) -> Iterator[StartGuarded]:
    """The same with a server and an issuer for this test alone, which have not met."""
    with ExitStack() as stack:
        yield lambda name, **oauth: stack.enter_context(
            guarded_host(name, {"scopes": SCOPES, **oauth}, folder)
        )


@pytest.fixture(params=["python", "typescript"])
def client_name(request: pytest.FixtureRequest) -> str:
    """The name of an official client."""
    return str(request.param)


@pytest.fixture
def visit(connect_client: Callable[[str], Client], client_name: str) -> Callable[..., Visit]:
    """Visits as the client to a guarded server."""
    return lambda guarded, era="modern": Visit(connect_client(client_name), client_name, guarded.url, era)
