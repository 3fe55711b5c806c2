"""The examples of the SDK's sdist that have servers, and copies of them whose imports have moved."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.porting.install import FOLDERS

from lambent.cli.migration.names import Names
from lambent.cli.migration.rewriting import Rewritten, rewrite

_MARK = "MCPServer("
LEFT_TO_DO = ("run-lines", "applications")
"""Where findings lead to that do not keep a module from being imported."""
_READ_NAMES = """
import json
from lambent.cli.migration.names import Names
names = Names.installed()
print(json.dumps([{name: list(all_) for name, all_ in names.exported.items()}, names.replaced]))
"""


def examples(sources: Path) -> list[str]:
    """The paths of the examples that make a server, within the sources."""
    files = [file for folder in FOLDERS for file in (sources / folder).rglob("*.py")]
    return sorted(str(file.relative_to(sources)) for file in files if _MARK in file.read_text())


def names_of(runtime: Path) -> Names:
    """The names of `lambent.compat` in a source folder, which need not be that of this process."""
    done = subprocess.run(
        [sys.executable, "-c", _READ_NAMES],
        check=True,
        env=os.environ | {"PYTHONPATH": str(runtime)},
        capture_output=True,
        text=True,
    )
    exported, replaced = json.loads(done.stdout)
    return Names({name: frozenset(all_) for name, all_ in exported.items()}, replaced)


def port(sources: Path, target: Path, names: Names) -> dict[str, list[str]]:
    """Copy the sources, moved by `lambent migrate`.

    Returns:
        For each file what could not move and is no client's: a line for each name.
    """
    shutil.copytree(sources, target)
    left: dict[str, list[str]] = {}
    for path in target.rglob("*.py"):
        # One by one: each is a program of its own.
        done = rewrite({path.name: path.read_bytes()}, names).get(path.name, Rewritten(path.read_bytes()))
        path.write_bytes(done.content)
        left[str(path.relative_to(target))] = [
            f"{one.name}: {one.reason}"
            for one in done.findings
            if not one.is_client and one.anchor not in LEFT_TO_DO
        ]
    return left
