"""Examples in processes of their own: the original, and its port."""

import json
import os
import subprocess
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import Empty, Queue
from typing import Any

Json = dict[str, Any]
ROOT = Path(__file__).parents[2]
SECONDS = 75
_BATCH = 15


def run(
    side: str, jobs: Sequence[Json], python: Path, runtime: Path, folder: Path, workers: int = 2
) -> dict[str, Json]:
    """Drive examples, several in a process.

    Args:
        side: ``original`` or ``ported``.
        jobs: what each one is to do; see ``drive.worker``.
        python: of the environment that has the SDK.
        runtime: the source folder of Lambent.
        folder: the sources of the examples.
        workers: how many processes there are at a time.

    Returns:
        What was found, by the example's name.
    """
    batches = [jobs[start : start + _BATCH] for start in range(0, len(jobs), _BATCH)]
    with ThreadPoolExecutor(workers) as pool:
        found = pool.map(lambda batch: list(_batch(side, batch, python, runtime, folder)), batches)
        return {one["name"]: one for batch in found for one in batch}


def _batch(side: str, jobs: Sequence[Json], python: Path, runtime: Path, folder: Path) -> Iterator[Json]:
    left = list(jobs)
    while left:
        for done in _process(side, list(left), python, runtime, folder):
            yield done
            left.pop(0)
        if left:
            # It took too long, or the process has ended: the next one goes on behind it.
            lost = left.pop(0)
            yield {
                "name": lost["name"],
                "failure": {"type": "Lost", "message": "no answer in time", "where": []},
            }


def _process(side: str, jobs: Sequence[Json], python: Path, runtime: Path, folder: Path) -> Iterator[Json]:
    paths = [runtime, ROOT, folder, folder / "examples"]
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": os.environ.get("HOME", "/tmp"),
        "PYTHONPATH": os.pathsep.join(map(str, paths)),
        "PYTHONHASHSEED": "0",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    process = subprocess.Popen(
        [python, "-m", "tests.porting.drive.worker", side],
        env=environment,
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    lines: Queue[str] = Queue()
    reader = threading.Thread(
        target=lambda: [lines.put(line) for line in process.stdout or ()] + [lines.put("")]
    )
    reader.start()
    writer = threading.Thread(target=_write, args=(process, jobs))
    writer.start()
    try:
        for _ in jobs:
            line = lines.get(timeout=SECONDS)
            if not line:
                return
            yield json.loads(line)
    except Empty:
        return
    finally:
        process.kill()
        process.wait()
        writer.join()
        reader.join()
        process.stdout.close()


def _write(process: "subprocess.Popen[str]", jobs: Sequence[Json]) -> None:
    assert process.stdin is not None
    try:
        process.stdin.writelines(json.dumps(job) + "\n" for job in jobs)
        process.stdin.close()
    except OSError:
        pass  # the process has ended
