"""The scripts of artifacts that stream, as Lambda starts them."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.artifact.runtime_api import RuntimeApi

import lambent
from lambent.cli import main
from lambent.cli.artifact.entry_points import ENTRY_POINTS, write_entry_points

LIBRARY = str(Path(lambent.__file__).parents[1])
VERSION = "{}.{}".format(*sys.version_info)

PYTHON = """\
#!/bin/sh
echo "$PYTHONPATH"
for word do echo "$word"; done
"""
"""In the place of an interpreter: says how it was started."""


@pytest.fixture
def python(tmp_path: Path) -> Path:
    path = tmp_path / "python"
    path.write_text(PYTHON)
    path.chmod(0o755)
    return path


def started(script: Path, *words: str | Path, **variables: str) -> list[str]:
    environment = {"PATH": os.defpath, "LAMBDA_TASK_ROOT": "/var/task", **variables}
    done = subprocess.run([script, *words], env=environment, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def test_the_wrapper_takes_the_place_of_the_script(tmp_path: Path, python: Path) -> None:
    write_entry_points(tmp_path, 315_619_200)
    variables = {"AWS_EXECUTION_ENV": "AWS_Lambda_python3.13", "PYTHONPATH": "/var/runtime"}
    words = (python, "-X", "import time", "/var/runtime/bootstrap.py")
    assert started(tmp_path / "lambent-runtime", *words, **variables) == [
        "/var/task:/opt/python/lib/python3.13/site-packages:/opt/python:/var/runtime",
        "-X",
        "import time",
        "-m",
        "lambent.hosts.aws_lambda.runtime_client",
    ]


def test_the_bootstrap_finds_its_python(tmp_path: Path, python: Path) -> None:
    write_entry_points(tmp_path, 315_619_200)
    command = ["-m", "lambent.hosts.aws_lambda.runtime_client"]
    named = started(tmp_path / "bootstrap", LAMBENT_PYTHON=str(python))
    assert named == ["/var/task:/opt/python", *command]
    (tmp_path / "bin").mkdir()
    python.rename(tmp_path / "bin" / "python3")
    found = started(tmp_path / "bootstrap", LAMBDA_TASK_ROOT=str(tmp_path))
    assert found == [f"{tmp_path}:/opt/python", *command]


@pytest.mark.parametrize(
    ("name", "words"), [("lambent-runtime", [sys.executable, "/var/runtime/bootstrap.py"]), ("bootstrap", [])]
)
def test_a_function_that_they_start(tmp_path: Path, name: str, words: list[str]) -> None:
    write_entry_points(tmp_path, 315_619_200)
    (tmp_path / "app.py").write_text("def handler(event, context):\n    return event['n'] + 1\n")
    api = RuntimeApi()
    environment = {
        "PATH": os.defpath,
        "LAMBDA_TASK_ROOT": str(tmp_path),
        "LAMBENT_PYTHON": sys.executable,
        "PYTHONPATH": LIBRARY,
        "AWS_LAMBDA_RUNTIME_API": api.address,
        "_HANDLER": "app.handler",
    }
    process = subprocess.Popen([tmp_path / name, *words], env=environment)
    try:
        api.offer("1", {"n": 1}, "arn", 10)
        while not (said := api.said.get(timeout=30)).path.endswith("/response"):
            pass
        assert json.loads(said.body) == 2
    finally:
        process.kill()
        process.wait()
        api.close()


@pytest.mark.parametrize("layer", [False, True])
def test_a_build_has_them_where_it_is_asked_to(
    tmp_path: Path, layer: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--python", VERSION, *(["--layer"] if layer else [])]
    assert main(["build", str(tmp_path / "without"), *options]) == 0
    assert main(["build", str(tmp_path / "with"), "--stream", *options]) == 0
    assert not any((tmp_path / "without" / name).exists() for name in ENTRY_POINTS)
    for name in ENTRY_POINTS:
        path = tmp_path / "with" / name
        assert path.stat().st_mode & 0o777 == 0o755
        assert path.stat().st_mtime == 315_619_200
