"""A home for an application, with nothing of the developer's in it, and a server."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.interop import hosts
from tests.interop.install import NODE

SECONDS = 90


class Home:
    """Runs commands with a home, a path and an environment of their own.

    Args:
        folder: the home.
        variables: of the environment, besides.
    """

    def __init__(self, folder: Path, **variables: str) -> None:
        self.folder = folder
        self.work = folder / "work"
        self._bin = folder / "bin"
        for made in (self.work, self._bin):
            made.mkdir()
        self.command("lambent", sys.executable, "-m", "lambent.cli")
        local = {"NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}
        path = f"{self._bin}:{NODE.parent}:/usr/bin:/bin"
        self.environment = {
            "HOME": str(folder),
            "PATH": path,
            "LANG": "C.UTF-8",
            "NO_COLOR": "1",
            **local,
            **variables,
        }

    def command(self, name: str, *words: object) -> None:
        """Have a command by a name."""
        script = self._bin / name
        script.write_text('#!/bin/sh\nexec {} "$@"\n'.format(" ".join(f"'{word}'" for word in words)))
        script.chmod(0o755)

    def run(self, *command: str) -> str:
        """Run a command; what it prints."""
        done = subprocess.run(
            command,
            cwd=self.work,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout


@pytest.fixture
def home(tmp_path: Path) -> Home:
    folder = tmp_path / "home"
    folder.mkdir()
    (folder / ".gemini").mkdir()
    (folder / ".gemini" / "settings.json").write_text('{"privacy": {"usageStatisticsEnabled": false}}')
    (folder / ".codex").mkdir()
    (folder / ".codex" / "config.toml").write_text(
        "check_for_update_on_startup = false\n[analytics]\nenabled = false\n"
    )
    return Home(folder, CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC="1", GEMINI_CLI_TRUST_WORKSPACE="true")


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """What the server prints."""
    return tmp_path / "server.log"


@pytest.fixture
def live(log: Path) -> Iterator[str]:
    """The server over ASGI, alone; its address."""
    with hosts.asgi(log, "tests.interop.applications.recorded:app") as address:
        yield address


@pytest.fixture
def opened(log: Path) -> Callable[[], set[str]]:
    """The protocol versions that were opened with."""

    def read() -> set[str]:
        lines = log.read_text(errors="replace").splitlines()
        return {line.removeprefix("opens with ") for line in lines if line.startswith("opens with ")}

    return read
