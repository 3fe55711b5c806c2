"""Imports the back office as Lambda does, a fresh one for each test."""

import asyncio
import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from tests import support

FOLDER = Path(__file__).parents[3] / "functions" / "backoffice"
MODULES = ("app", "journals", "warehouse")


@pytest.fixture
def modules(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, ModuleType]]:
    """The function's modules. Other functions have modules of the same names."""
    monkeypatch.setenv("LAMBENT_STATE_KEYS", support.SECRET)
    for name in ("AWS_LAMBDA_FUNCTION_NAME", "BACKOFFICE_KEY", "SHIPPING_JOURNAL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(sys, "path", [str(FOLDER), *sys.path])
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)  # where Mangum finds it
    others = {name: sys.modules.pop(name) for name in MODULES if name in sys.modules}
    try:
        yield {name: importlib.import_module(name) for name in MODULES}
    finally:
        for name in MODULES:
            sys.modules.pop(name, None)
        sys.modules.update(others)
        loop.run_until_complete(asyncio.sleep(0))
        asyncio.set_event_loop(None)
        loop.close()


@pytest.fixture
def client(modules: dict[str, ModuleType]) -> support.Client:
    """A client of the MCP endpoint, through Mangum."""
    return support.Client(modules["app"].handler)


@pytest.fixture
def rest(modules: dict[str, ModuleType]) -> Callable[..., support.Reply]:
    """Sends REST requests through Mangum."""

    def send(method: str, path: str, body: Any = None, query: str = "", **headers: str) -> support.Reply:
        data = None if body is None else support.dumps(body)
        given = {"content-type": "application/json", **headers}
        event = support.http_api(data, given, method=method, path=path, query=query)
        return support.Reply(modules["app"].handler(event, None))

    return send
