"""Releases of the official SDK and of FastMCP that do not go together with those of this environment."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from tests.interop import install

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
SECONDS = 120

EVERY = {
    "sums": ["1", "2", "3", "4", "5", "6", "7"],
    "tools": ["add", "loop", "progress"],
    "loops": 1,
    "progress": [1],
    "entered": ["entered"] * 3,
    "left": 3,
    "elsewhere": [404, 404],
}
"""What comes of every server, whatever its release: see ``drive.py``."""

HIGH = {"refused": 401, "who": "ci orders:read", "about": "a shop", "card": True}

RELEASES: dict[str, dict[str, dict[str, Any]]] = {
    "mcp-1.30": {
        "high": {"version": "2025-11-25", "modern": 400, **HIGH},
        "low": {"version": "2025-11-25", "modern": 400},
        "question": {"asked": "Sure?", "answer": "decline"},
    },
    "mcp-1.9": {
        "high": {"version": "2025-03-26", "modern": 400, **HIGH},
        "low": {"version": "2025-03-26", "modern": 400},
    },
    **{
        f"fastmcp-{major}": {
            "high": {"version": "2025-11-25", "modern": 400, **HIGH},
            "question": {"asked": "Sure?", "answer": "decline"},
        }
        for major in (2, 3)
    },
    "fastmcp-4": {
        "high": {"version": "2025-11-25", "modern": 200, **HIGH},
        "question": {"asked": "Sure?", "answer": "decline"},
    },
}


@pytest.mark.parametrize("release", RELEASES)
def test_servers_of_a_release_are_served_by_three_environments(release: str) -> None:
    wanted = RELEASES[release]
    done = subprocess.run(
        [install.python(f"adapted-{release}"), "-W", "error::RuntimeWarning", HERE / "drive.py", *wanted],
        env={**os.environ, "PYTHONPATH": f"{ROOT / 'runtime'}:{ROOT}"},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert found == {
        name: {**(EVERY if name != "question" else {}), **expected} for name, expected in wanted.items()
    }
