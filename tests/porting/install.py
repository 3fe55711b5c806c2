"""The official SDK and the examples of its sdist, as they are pinned, in the user's cache folder."""

import os
import subprocess
import tarfile
from pathlib import Path

from tests import installed
from tests.interop import install

HERE = Path(__file__).parent
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "lambent" / "porting"
REQUIREMENTS = HERE / "requirements.txt"
PINS = HERE / "sdist.txt"
FOLDERS = ("docs_src", "examples")


def python() -> Path:
    """The Python that has the SDK, installed where it is not there."""
    CACHE.mkdir(parents=True, exist_ok=True)
    return install.environment(REQUIREMENTS, CACHE / "sdk")


def sources() -> Path:
    """The folder of the sdist, downloaded where it is not there."""
    interpreter = python()
    folder = CACHE / "sources"
    with installed.missing(folder, PINS) as missing:
        if missing:
            _download(interpreter, folder)
    return folder / "mcp-2.3.0"


def _download(interpreter: Path, folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    command = [interpreter, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--no-binary", "mcp", "--no-build-isolation", "--dest", folder, "--requirement", PINS]
    installed.check(subprocess.run(command, check=False, **installed.OPTIONS))
    with tarfile.open(folder / "mcp-2.3.0.tar.gz") as archive:
        # Not its tests: a package of that name would hide this one.
        members = [one for one in archive.getmembers() if one.name.split("/")[1] in FOLDERS]
        archive.extractall(folder, members, filter="data")
