"""The reports function, a fresh one for each test, and its client in memory."""

import asyncio
import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from lambent.testing import TestClient

FOLDER = Path(__file__).parents[3] / "functions" / "reports"
MODULES = ("app", "journal", "sales", "stages")


@pytest.fixture
def modules(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, ModuleType]]:
    """The function's modules, imported anew, as a cold start would; its stages take no time."""
    for name in ("LAMBENT_TABLE", "LAMBENT_TASK_QUEUE_URL", "LAMBENT_BUCKET", "REPORT_JOURNAL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("REPORT_PACE", "0")
    monkeypatch.setattr(sys, "path", [str(FOLDER), *sys.path])
    others = {name: sys.modules.pop(name) for name in MODULES if name in sys.modules}
    try:
        yield {name: importlib.import_module(name) for name in MODULES}
    finally:
        for name in MODULES:
            sys.modules.pop(name, None)
        sys.modules.update(others)


@pytest.fixture
def client(modules: dict[str, ModuleType]) -> Iterator[TestClient]:
    """A client of the server, which has everything that tasks need."""
    with TestClient(modules["app"].mcp) as made:
        yield made


@pytest.fixture
def lines(modules: dict[str, ModuleType]) -> Callable[[], list[str]]:
    """What the stages of reports have written into their journal so far."""
    found: Callable[[], list[str]] = modules["journal"].journal().lines
    return found


@pytest.fixture
def stage(modules: dict[str, ModuleType]) -> Callable[..., Any]:
    """Runs a stage of a report."""
    return lambda name, *arguments: asyncio.run(getattr(modules["stages"], name)(*arguments))
