"""TanStack's client of MCP at a server with events.

Its documentation has events, with the functions of the AI SDK. The newest release that could be installed is
0.2.5, which has none: it has to work as it did. When another release is pinned, this test tells that it has
them.
"""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

from tests import installed
from tests.interop import clients
from tests.interop.events.shop import KEYS

DRIVER = Path(__file__).parent / "tanstack.mjs"


def test_tools_are_called_as_without_events(packages: Path, shop_on: Callable[[str], str]) -> None:
    done = subprocess.run(
        [str(installed.NODE), str(DRIVER), shop_on("asgi"), KEYS["ann"]],
        env=clients.ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["tools"] == ["refund", "announce", "close"]
    assert found["call"]["structuredContent"] == {"result": "done"}
    assert found["events"] == "ERR_PACKAGE_PATH_NOT_EXPORTED"
    manifest = json.loads((packages / "@tanstack" / "ai-mcp" / "package.json").read_text())
    assert manifest["version"] == "0.2.5"
