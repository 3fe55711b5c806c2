"""The official SDK 1.x and 2.x, each with the server that its authors run the conformance suite against."""

import subprocess
import sys
import tarfile
from pathlib import Path

from tests import installed
from tests.interop import install

HERE = Path(__file__).parent
SDKS = ("1", "2")


def python(sdk: str) -> Path:
    """The Python that has the SDK; that of the tests has the SDK 2.x."""
    return Path(sys.executable) if sdk == "2" else install.python("adapted-mcp-1.30")


def example(sdk: str) -> Path:
    """The folder of the example server, taken from the index where it is not there."""
    pins = HERE / f"sdist-{sdk}.txt"
    name = pins.read_text().partition(" ")[0].replace("==", "-")
    folder = HERE.parent / ".venvs" / f"{name}-sdist"
    with installed.missing(folder, pins) as missing:
        if missing:
            _download(pins, folder, f"{name}.tar.gz")
    return folder / name / "examples" / "servers" / "everything-server"


def _download(pins: Path, folder: Path, file: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    # The tests' own environment has no pip.
    command = [python("1"), "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--no-binary", "mcp", "--no-build-isolation", "--dest", folder, "--requirement", pins]
    installed.check(subprocess.run(command, check=False, **installed.OPTIONS))
    with tarfile.open(folder / file) as archive:
        archive.extractall(
            folder,
            [one for one in archive.getmembers() if one.name.split("/")[1] == "examples"],
            filter="data",
        )
