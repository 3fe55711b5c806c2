"""The shop on two hosts, and applications that wait for something in it."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache
from pathlib import Path

import pytest
from tests import installed
from tests.interop import clients, hosts
from tests.interop.events.application import Application

HERE = Path(__file__).parent
ROOT = HERE.parents[2]

VARIABLES = {"LAMBENT_EVENTS_LOCAL_CALLBACKS": "true"}
"""Endpoints are on this machine."""


@pytest.fixture(scope="session")
def packages() -> Path:
    """The folder of the npm packages, as they are pinned."""
    return installed.npm(HERE)


@pytest.fixture(scope="session")
def shop_on(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], str]]:
    """The address of the shop by the name of a host, which starts when the first test needs it."""
    folder = tmp_path_factory.mktemp("events")

    def start(name: str) -> str:
        log = folder / f"{name}.log"
        if name == "gateway":
            # Where no template is above it, the gateway makes a table and queues of its own.
            app = Path(shutil.copy(HERE / "shop_handler.py", folder))
            path = {"PYTHONPATH": f"{ROOT / 'runtime'}:{ROOT}"}
            return stack.enter_context(hosts.gateway(log, "--aws", app=app, variables=path))
        app_name = {"asgi": "asgi", "open": "open_asgi"}[name]
        app_path = f"tests.interop.events.shop:{app_name}"
        return stack.enter_context(hosts.asgi(log, app_path, "--factory", variables=VARIABLES))

    with ExitStack() as stack:
        yield cache(start)


@pytest.fixture
def start_application(packages: Path, tmp_path: Path) -> Iterator[Callable[[], Application]]:
    """Starts an application with the AI SDK in it, which has subscribed to nothing."""
    command = [str(installed.NODE), str(HERE / "ai_sdk.mjs")]
    with ExitStack() as stack:

        def start() -> Application:
            driver = clients.Driver(command, tmp_path / "ai_sdk.log")
            stack.callback(driver.close)
            return Application(driver)

        yield start
