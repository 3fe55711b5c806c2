"""`lambent deploy`, where it cannot begin; deploys themselves are tests/e2e/test_projects.py."""

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from lambent.cli import deploy, main
from lambent.cli.deploy import _settings
from lambent.cli.errors import UsageError


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder on PATH with something that is called sam."""
    sam = tmp_path / "bin" / "sam"
    sam.parent.mkdir()
    sam.write_text("#!/bin/sh\n")
    sam.chmod(0o755)
    monkeypatch.setenv("PATH", str(sam.parent))
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "status", "told"),
    [
        ([], 2, "say --local; `sam build && sam deploy` deploys to AWS"),
        (["--local", "--template", "none.yaml"], 1, "cannot read"),
        (["--local", "--parameter", "AllowAnonymous"], 2, "--parameter 'AllowAnonymous' is not NAME=VALUE"),
    ],
)
def test_what_is_wrong_is_told(
    arguments: list[str],
    status: int,
    told: str,
    tools: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tools / "template.yaml").write_text(
        "Resources: {F: {Type: 'AWS::Serverless::Function', Properties: {Runtime: python3.13}}}"
    )
    monkeypatch.chdir(tools)
    assert main(["deploy", *arguments]) == status
    assert told in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, {}),
        ("version = 0.1\n", {}),
        ('[local.deploy.parameters]\nparameter_overrides = ["A=1", "B=x=y"]\n', {"A": "1", "B": "x=y"}),
        ('[local.deploy.parameters]\nparameter_overrides = "A=1 B=2"\n', {"A": "1", "B": "2"}),
        ('[default.deploy.parameters]\nparameter_overrides = ["A=1"]\n', {}),
    ],
)
def test_parameters_are_those_for_this_machine(
    text: str | None, expected: dict[str, str], tmp_path: Path
) -> None:
    if text is not None:
        (tmp_path / "samconfig.toml").write_text(text)
    assert _settings(tmp_path) == expected


def test_settings_that_cannot_be_read_are_told(tmp_path: Path) -> None:
    (tmp_path / "samconfig.toml").write_text("[local")
    with pytest.raises(UsageError, match=r"samconfig\.toml cannot be read"):
        _settings(tmp_path)


def test_what_functions_print_is_shown_also_after_a_failure_of_the_logs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answers: list[Any] = [[], ["printed"], EndpointConnectionError(endpoint_url="http://127.0.0.1"), ["more"]]

    class Logs:
        def __init__(self, client: Any) -> None:
            assert client == "logs"

        def take(self) -> list[str]:
            answer = answers.pop(0) if answers else []
            if isinstance(answer, Exception):
                raise answer
            return list(answer)

    async def show() -> None:
        shown = asyncio.ensure_future(deploy._show_logs(SimpleNamespace(client=str)))  # type: ignore[arg-type]
        while answers:
            await asyncio.sleep(0.001)
        await asyncio.sleep(0.05)
        shown.cancel()

    monkeypatch.setattr("lambent.cli.local_aws.function_logs.FunctionLogs", Logs)
    monkeypatch.setattr(deploy, "_LOG_SECONDS", 0.001)
    asyncio.run(show())
    assert capsys.readouterr().err == "printed\nmore\n"
