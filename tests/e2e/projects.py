"""New projects as somebody has them who has never seen this repository: a wheel, an empty folder."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.e2e.cloud import ROOT, SAM
from tests.installed import alone

from lambent.cli.artifact.tools import find_uv

SECONDS = 300


class Newcomer:
    """An environment with the wheel and its tools, and sam on PATH; Python finds nothing of this checkout.

    Args:
        folder: for all of it.
    """

    def __init__(self, folder: Path) -> None:
        self._commands = folder / "venv" / "bin"
        self._folder = folder
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "AWS_"))}
        kept.pop("VIRTUAL_ENV", None)
        uv_cache = self._run(*find_uv(), "cache", "dir", environment=kept).strip()
        self._environment = {
            **kept,
            "PATH": os.pathsep.join([str(self._commands), str(SAM / "bin"), os.environ["PATH"]]),
            "PYTHONDONTWRITEBYTECODE": "1",
            "SAM_CLI_TELEMETRY": "0",
            "UV_CACHE_DIR": uv_cache,
            # Where the interpreter of functions is made.
            "XDG_CACHE_HOME": str(folder / "cache"),
            "__SAM_CLI_APP_DIR": str(folder),
        }

    def install(self) -> None:
        """Build the wheel and install it."""
        uv = find_uv()
        with alone(ROOT / "pyproject.toml"):
            self._run(*uv, "build", "--quiet", "--wheel", "--out-dir", self._folder / "dist", ROOT)
        (wheel,) = (self._folder / "dist").glob("*.whl")
        self._run(*uv, "venv", "--quiet", "--no-project", "--python", sys.executable, self._folder / "venv")
        python = self._commands / "python"
        self._run(*uv, "pip", "install", "--quiet", "--python", python, f"lambent[dev] @ {wheel.as_uri()}")

    def init(self, name: str, *options: str) -> Path:
        """Make a project in an empty folder, and install what it asks for."""
        place = self._folder / "projects" / name
        place.mkdir(parents=True)
        self.run("lambent", "init", name, *options, cwd=place)
        folder = place / name
        self._run(
            *(*find_uv(), "pip", "install", "--quiet", "--python", self._commands / "python"),
            *("-r", folder / "requirements-dev.txt"),
        )
        return folder

    def run(self, *command: str, cwd: Path) -> str:
        """What a command that succeeds prints."""
        return self._run(*command, cwd=cwd, environment=self._environment)

    def fail(self, *command: str, cwd: Path, environment: Mapping[str, str] | None = None) -> str:
        """What a command that fails prints."""
        done = subprocess.run(
            command,
            cwd=cwd,
            env={**self._environment, **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=SECONDS,
        )
        assert done.returncode, done.stdout
        return done.stdout

    @contextmanager
    def deployed(self, folder: Path, *parameters: str) -> Iterator[str]:
        """The address of a project that `lambent deploy --local` serves meanwhile."""
        words = [word for parameter in parameters for word in ("--parameter", parameter)]
        with (
            (folder / "errors.log").open("w+") as errors,
            subprocess.Popen(
                ["lambent", "deploy", "--local", *words],
                cwd=folder,
                env=self._environment,
                executable=self._commands / "lambent",
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            ) as process,
        ):
            try:
                assert process.stdout is not None
                printed = [process.stdout.readline() for _ in range(2)]
                errors.seek(0)
                found = re.fullmatch(r"Url (http://127\.0\.0\.1:\d+/\S+/mcp)\n", printed[0])
                assert found, printed + errors.readlines()
                assert printed[1] == "Serving until Ctrl-C.\n"
                yield found[1]
            finally:
                process.terminate()
                try:
                    status = process.wait(30)
                except subprocess.TimeoutExpired:
                    process.kill()
                    raise
        assert status == 0

    @staticmethod
    def _run(*command: object, cwd: Path | None = None, environment: Mapping[str, str] | None = None) -> str:
        words = [str(word) for word in command]
        where = None if environment is None else environment["PATH"]
        done = subprocess.run(
            words,
            executable=shutil.which(words[0], path=where),
            cwd=cwd,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=SECONDS,
        )
        assert done.returncode == 0, f"{words}\n{done.stdout}\n{done.stderr}"
        return done.stdout
