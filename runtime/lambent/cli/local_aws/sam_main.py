"""The process of an emulator that expands SAM templates: `python -P sam_main.py PACKAGES MAIN LISTENER PIPE`.

Functions that are deployed run on this interpreter and see what is installed for it. sam's translator is
added from the folder PACKAGES for this process alone: a function that lacks a dependency of its own fails
here as it would in Lambda. MAIN is `emulator_main.py`, and the rest is for it.
"""

from __future__ import annotations

import runpy
import sys

if __name__ == "__main__":
    _, packages, main, *sockets = sys.argv
    sys.path.append(packages)
    sys.exit(runpy.run_path(main)["main"](sockets))
