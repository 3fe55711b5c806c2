"""What the originals answer: found twice, since some of it changes, and kept in the cache folder."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.porting import install
from tests.porting.running import run

Json = dict[str, Any]
_DRIVERS = Path(__file__).parent / "drive"


def originals(
    sources: Path, names: Sequence[str], python: Path, runtime: Path, workers: int, kept: Path | None
) -> tuple[dict[str, Json], dict[str, Json]]:
    """What two runs of examples found, by the example's path.

    Args:
        sources: the folder that they are in.
        names: their paths in it.
        python: of an environment that has the SDK.
        runtime: the source folder of Lambent.
        workers: how many processes there are at a time.
        kept: where to keep it; None for nowhere.
    """
    jobs = [{"name": name, "file": str(sources / name)} for name in names]
    file = kept / f"originals-{_mark(jobs)}.json" if kept else None
    if file and file.exists():
        first, second = json.loads(file.read_text())
        return first, second
    first, second = (run("original", jobs, python, runtime, sources, workers) for _ in range(2))
    if file:
        file.write_text(json.dumps([first, second]))
    return first, second


def _mark(jobs: Sequence[Json]) -> str:
    """Of all that decides what is found."""
    found = hashlib.sha256(json.dumps(jobs).encode())
    for each in [install.REQUIREMENTS, install.PINS, *sorted(_DRIVERS.glob("*.py"))]:
        found.update(each.read_bytes())
    return found.hexdigest()[:16]
