"""The scripts that start Lambent's client of the Runtime API, in the root of an artifact that streams."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

ENTRY_POINTS: Final = ("bootstrap", "lambent-runtime")
"""For an OS-only runtime, and for ``AWS_LAMBDA_EXEC_WRAPPER`` on a managed one.

The first one finds Python by ``LAMBENT_PYTHON``, or in the ``bin`` of the function or of a layer.
"""

_SCRIPTS = Path(__file__).with_name("scripts")
_EXECUTABLE = 0o755


def write_entry_points(folder: Path, timestamp: int) -> None:
    """Write the scripts.

    Args:
        folder: the root of the function or layer.
        timestamp: when they were last changed, in seconds since the epoch.
    """
    for name in ENTRY_POINTS:
        path = folder / name
        path.write_bytes((_SCRIPTS / name).read_bytes())
        path.chmod(_EXECUTABLE)  # a wheel does not keep that
        os.utime(path, (timestamp, timestamp))
