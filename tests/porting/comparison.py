"""Originals and their ports, run one after the other."""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.porting.classes import Result, classify
from tests.porting.examples import names_of, port
from tests.porting.originals import originals
from tests.porting.running import run

Json = dict[str, Any]
_NOT_RUN: Json = {"failure": {"type": "", "message": "not run", "where": []}}


def compare(
    sources: Path,
    names: Sequence[str],
    python: Path,
    runtime: Path,
    *,
    workers: int = 2,
    kept: Path | None = None,
) -> list[Result]:
    """What became of examples.

    Args:
        sources: the folder that they are in.
        names: their paths in it.
        python: of an environment that has the SDK.
        runtime: the source folder of Lambent.
        workers: how many processes there are at a time.
        kept: where to keep what the originals answer; None to ask them each time.
    """
    first, second = originals(sources, names, python, runtime, workers, kept)
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder, "ported")
        left = port(sources, target, names_of(runtime))
        jobs = [
            {"name": name, "file": str(target / name), "plan": [_plan(one) for one in first[name]["targets"]]}
            for name in names
            if "targets" in first[name]
        ]
        ported = run("ported", jobs, python, runtime, target, workers)
    return [
        classify(name, first[name], second[name], ported.get(name, _NOT_RUN), left.get(name, []))
        for name in names
    ]


def _plan(found: Json) -> Json:
    return {"target": found["target"], **found.get("plan", {"endpoints": [], "pages": []})}
