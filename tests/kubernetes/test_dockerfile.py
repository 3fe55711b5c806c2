"""``deploy/Dockerfile``, without Docker: a linter reads it, and what it says is done in a folder."""

import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests import support
from tests.cli.servers import free_port
from tests.hosts.test_lease_renewal import SECONDS, until
from tests.kubernetes.dockerfile import FILE, ROOT, instructions

HADOLINT = shutil.which("hadolint", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
UID, GID = next(value for name, value in instructions() if name == "USER").split(":")
USER: dict[str, Any] = {"user": int(UID), "group": int(GID), "extra_groups": []}
UV = shutil.which("uv", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")


@pytest.mark.skipif(HADOLINT is None, reason="there is no hadolint: see the dependency group lint")
def test_hadolint_finds_nothing() -> None:
    done = subprocess.run([str(HADOLINT), str(FILE)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_what_is_copied_is_sent_to_the_engine() -> None:
    """Everything else is left out by ``.dockerignore``."""
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    assert lines[1] == "*"
    let_in = [line[1:] for line in lines if line.startswith("!")]
    copied = [
        source
        for name, value in instructions()
        if name == "COPY" and not value.startswith("--from")
        for source in value.replace("${APP}", "functions/reports").split()[:-1]
    ]
    assert copied
    for source in copied:
        assert (ROOT / source).exists()
        assert any(source == one or source.startswith(f"{one}/") for one in let_in), source


class Image:
    """What the instructions make, below a folder in place of the root of a file system.

    Attributes:
        folder: that folder.
        environment: of the last stage.
        command: what is started.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment: dict[str, str] = {}
        self.command: list[str] = []
        self._work = folder
        for name, value in instructions():
            getattr(self, f"_{name.lower()}", lambda _: None)(value)

    def _from(self, value: str) -> None:
        self.environment, self._work = {}, self.folder

    def _env(self, value: str) -> None:
        for part in shlex.split(value):
            name, _, text = part.partition("=")
            self.environment[name] = self._placed(text).replace("$PATH", os.environ["PATH"])

    def _workdir(self, value: str) -> None:
        self._work = Path(self._placed(value))
        self._work.mkdir(exist_ok=True)

    def _copy(self, value: str) -> None:
        if value.startswith("--from"):  # uv is here, and both stages share their folders
            return
        *sources, target = value.replace("${APP}", "functions/reports").split()
        for source in sources:
            if (ROOT / source).is_dir():
                place = self._work / self._placed(target)
                shutil.copytree(ROOT / source, place, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(ROOT / source, self._work)

    def _run(self, value: str) -> None:
        command = self._placed(value).replace("uv ", f"{UV} ")
        environment = {**os.environ, **self.environment}
        # Docker's Python is the system's; here it is the one that runs the tests.
        environment["UV_PYTHON"] = sys.executable
        done = subprocess.run(
            command, shell=True, cwd=self._work, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr

    def _cmd(self, value: str) -> None:
        self.command = json.loads(value)

    def _placed(self, text: str) -> str:
        for path in ("/venv", "/app", "/build"):
            text = text.replace(path, f"{self.folder}{path}")
        return text


@pytest.fixture(scope="module")
def image() -> Iterator[Image]:
    if UV is None:
        pytest.skip("there is no uv: see the extra lambent[dev]")
    folder = Path(tempfile.mkdtemp(prefix="lambent-image-"))
    folder.chmod(0o755)  # its user has to be able to read it
    try:
        yield Image(folder)
    finally:
        shutil.rmtree(folder)


def may_run_python(user: dict[str, Any]) -> bool:
    """Whether a user may: not where the tests are not run by root, or Python is in root's own folder."""
    try:
        return subprocess.run([sys.executable, "-c", ""], cwd="/", check=False, **user).returncode == 0
    except OSError:
        return False


def start(image: Image, command: list[str], **environment: str) -> subprocess.Popen[str]:
    """Start something in the image, as its user where that one may run this Python."""
    return subprocess.Popen(
        [str(image.folder / "venv" / "bin" / command[0]), *command[1:]],
        cwd=image.folder / "app",
        env={**image.environment, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        **(USER if may_run_python(USER) else {}),
    )


def test_the_command_serves(image: Image) -> None:
    port = str(free_port())
    command = [port if one == "8080" else one for one in image.command]
    before = sorted(image.folder.rglob("*"))
    process = start(image, command, LAMBENT_STATE_KEYS=support.SECRET)
    body = support.message("tools/list")

    def answer(path: str) -> httpx.Response | None:
        try:
            return httpx.get(f"http://127.0.0.1:{port}{path}", trust_env=False)
        except httpx.TransportError:
            assert process.poll() is None, process.communicate()[0]
            return None

    try:
        assert until(lambda: answer("/ready")).json() == {"status": "ready"}
        assert until(lambda: answer("/health")).json() == {"status": "ok"}
        reply = httpx.post(
            f"http://127.0.0.1:{port}/mcp", json=body, headers=support.headers_of(body), trust_env=False
        )
        assert "build_report" in {tool["name"] for tool in reply.json()["result"]["tools"]}
        process.send_signal(signal.SIGTERM)
        assert process.wait(SECONDS) in (0, -signal.SIGTERM)
    finally:
        process.kill()
        process.communicate()
    assert sorted(image.folder.rglob("*")) == before  # it has written nothing


def test_the_worker_is_there(image: Image) -> None:
    """Without a table it says what it needs."""
    process = start(image, ["lambent", "worker", "app.py"])
    said = process.communicate(timeout=SECONDS)[0]
    assert process.returncode == 1
    assert said.startswith("lambent worker: There is no queue to work: set LAMBENT_TABLE"), said


def test_what_is_installed_is_pinned(image: Image) -> None:
    pinned = (ROOT / "deploy" / "requirements.txt").read_text().split()
    done = subprocess.run(
        [str(UV), "pip", "freeze", "--python", str(image.folder / "venv")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert [one for one in done.stdout.splitlines() if not one.startswith("lambent @")] == pinned
