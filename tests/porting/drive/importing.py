"""Imports the modules of a package in which a server is made: ``python -m tests.porting.drive.importing``.

Reads what to import as JSON, and writes the failure of each one. Stand-ins take the place of what is not
installed.
"""

import importlib
import json
import logging
import os
import sys
import traceback
import warnings
from pathlib import Path
from typing import Any

from tests.porting.drive import stand_ins

NEVER = ("lambent", "mcp", "mcp_types", "fastmcp")


def main() -> None:
    """Import everything that standard input names."""
    job = json.load(sys.stdin)
    # A module that runs its server when it is imported gets streams that have ended.
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    sys.argv = ["server"]
    os.environ |= dict.fromkeys(job["environment"], "value")
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    sys.path.insert(0, job["folder"])
    stand_ins.without_network()
    sys.meta_path.append(stand_ins.Finder(None, NEVER))
    json.dump({name: _failure(name) for name in job["modules"]}, out)
    out.flush()
    os._exit(0)  # threads of packages would keep it


def _failure(name: str) -> Any:
    try:
        importlib.import_module(name)
    except (Exception, SystemExit) as error:
        if isinstance(error, SystemExit) and not error.code:
            return None  # it ran its server, whose input has ended
        frame = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{Path(frame.filename).name}:{frame.lineno} {frame.name}"
        return {"type": type(error).__name__, "message": str(error), "where": [where]}
    return None


if __name__ == "__main__":
    main()
