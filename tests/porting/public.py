"""Public servers of the index: imported, with their imports moved."""

import json
import os
import subprocess
import tempfile
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests import installed
from tests.porting import install
from tests.porting.classes import FAILS, REFUSED
from tests.porting.examples import LEFT_TO_DO
from tests.porting.running import ROOT

from lambent.cli.migration.folders import find_modules
from lambent.cli.migration.names import ROOTS, Names
from lambent.cli.migration.rewriting import rewrite

PINS = install.HERE / "public.txt"
SECONDS = 60
IMPORTS = "imports"
KINDS = (IMPORTS, REFUSED, FAILS)
_VARIABLES = [
    "PUBMED_EMAIL",
    "ELEVENLABS_API_KEY",
    "MINIMAX_API_KEY",
    "MINIMAX_API_HOST",
    "MINIMAX_MCP_BASE_PATH",
    "DB_URL",
]
"""What servers want to find in the environment when they are imported."""


def wheels() -> list[Path]:
    """The packages, downloaded where they are not there, without what they need."""
    folder = install.CACHE / "public"
    interpreter = install.python()
    with installed.missing(folder, PINS) as missing:
        if missing:
            folder.mkdir(exist_ok=True)
            command = [interpreter, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
            command += ["--no-deps", "--only-binary", ":all:", "--dest", folder, "--requirement", PINS]
            options = installed.OPTIONS | {"timeout": 1800}
            installed.check(subprocess.run(command, check=False, **options))
    return sorted(folder.glob("*.whl"))


@dataclass(frozen=True)
class Imported:
    """What became of a package.

    Attributes:
        name: with the version.
        kind: one of `KINDS`.
        reason: what is missing.
    """

    name: str
    kind: str
    reason: str


def import_all(names: Names, runtime: Path, only: str = "", workers: int = 2) -> list[Imported]:
    """What became of each package.

    Args:
        names: where names go.
        runtime: the source folder of Lambent.
        only: a text in the names of the packages.
        workers: how many processes there are at a time.
    """
    chosen = [wheel for wheel in wheels() if only in wheel.name]
    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(lambda wheel: _result(wheel, names, runtime), chosen))


def _result(wheel: Path, names: Names, runtime: Path) -> Imported:
    name, version = wheel.name.split("-")[:2]
    with tempfile.TemporaryDirectory() as target:
        folder = Path(target)
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(folder)
        kind, reason = import_ported(folder, names, runtime, install.python())
    return Imported(f"{name.replace('_', '-')} {version}", kind, reason)


def import_ported(folder: Path, names: Names, runtime: Path, python: Path) -> tuple[str, str]:
    """Move the modules in a folder, and import those that have names of the SDK.

    Args:
        folder: the root of the packages, which is changed.
        names: where names go.
        runtime: the source folder of Lambent.
        python: what imports it.
    """
    contents = {str(file.relative_to(folder)): file.read_bytes() for file in find_modules(folder)}
    modules = [_module(path) for path, content in contents.items() if _has_names(path, content)]
    missing: dict[str, None] = {}
    for path, done in rewrite(contents, names).items():
        (folder / path).write_bytes(done.content)
        for one in done.findings:
            if not one.is_client and one.anchor not in LEFT_TO_DO and "test" not in path:
                missing[f"{one.name}: {one.reason}"] = None
    failures = _import(folder, modules, runtime, python)
    told = list(dict.fromkeys(_told(failures)))
    if missing:
        return REFUSED, "; ".join(missing)
    if not told:
        return IMPORTS, ""
    return (REFUSED if all("docs/porting.md" in one for one in told) else FAILS), "; ".join(told)


def _has_names(path: str, content: bytes) -> bool:
    is_imported = any(
        line.lstrip().startswith((f"from {root}".encode(), f"import {root}".encode()))
        for line in content.splitlines()
        for root in ROOTS
    )
    return is_imported and "test" not in path


def _module(path: str) -> str:
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def _import(folder: Path, modules: list[str], runtime: Path, python: Path) -> dict[str, Any]:
    job = {"folder": str(folder), "modules": modules, "environment": _VARIABLES}
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join([str(runtime), str(ROOT)])}
    try:
        done = subprocess.run(
            [python, "-m", "tests.porting.drive.importing"],
            input=json.dumps(job),
            env=environment | {"HOME": str(folder), "PYTHONDONTWRITEBYTECODE": "1"},
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        found: dict[str, Any] = json.loads(done.stdout)
    except (subprocess.TimeoutExpired, ValueError) as error:
        failure = {
            "type": type(error).__name__,
            "message": "the process ended, or took too long",
            "where": [],
        }
        return dict.fromkeys(modules, failure)
    return found


def _told(failures: dict[str, Any]) -> Iterator[str]:
    for failure in failures.values():
        if failure is not None:
            first = failure["message"].split("\n", maxsplit=1)[0]
            yield f"{failure['type']}: {first} ({', '.join(failure['where'])})"
