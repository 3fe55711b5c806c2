"""Measures every kind of invocation, and keeps what was measured."""

import json
import platform
import sys
import tempfile
from collections.abc import Collection
from pathlib import Path
from typing import Any

from benchmarks.environments import HERE

MEASURED = HERE / "results" / "cost.json"


def read_measured(path: Path = MEASURED) -> dict[str, Any]:
    """What was measured the last time."""
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def measure(calls: int, starts: int, only: Collection[str] = ()) -> dict[str, Any]:
    """Run kinds of invocations, warm and cold, and count what they ask for.

    Args:
        calls: warm invocations of each kind.
        starts: cold ones.
        only: the kinds; what was measured of the others the last time stays. Default: all.
    """
    from tests.artifact import artifacts

    from benchmarks.invocations import Stage

    python = artifacts.lambda_python()
    if python is None:
        sys.exit(f"Python {artifacts.PYTHON} is needed, which Lambda runs")
    with tempfile.TemporaryDirectory(prefix="cost-") as folder, Stage(python, Path(folder)) as stage:
        known = read_measured()["invocations"] if only else {}
        invocations = {
            kind: stage.measure(kind, calls, starts) if not only or kind in only else known[kind]
            for kind in stage.kinds
        }
    return {
        "conditions": f"Python {artifacts.PYTHON}, {platform.machine()}, {calls} calls, {starts} starts each",
        "invocations": invocations,
    }
